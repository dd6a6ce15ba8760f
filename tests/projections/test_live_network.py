"""The network as it is now: states by status and silence, sessions with energy and cost, in any order of arrival."""

from collections.abc import Sequence
from typing import Any

from ledger.database import Role, connect
from projections.documents.live_network import live_evse_document
from projections.network.live import LiveFilter, LiveState, live_network
from projections.rebuild import rebuild
from projections.runner import catch_up
from tests.support.engine import Engine
from tests.support.events import event, metered, operator, started, tariff

ALL = LiveFilter()
DAY = "2026-03-02T"
LAST = f"{DAY}12:00:00Z"
CONNECTOR = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 32,
    "last_updated": f"{DAY}00:00:00Z",
}


def location(*evses: tuple[str, int]) -> dict[str, Any]:
    """LOC-1 with EVSEs and the power of each."""
    document = {
        "country_code": "NL",
        "party_id": "GRL",
        "id": "LOC-1",
        "publish": True,
        "address": "Havenkade 1",
        "city": "Harlingen",
        "country": "NLD",
        "coordinates": {"latitude": "53.1746", "longitude": "5.4125"},
        "time_zone": "Europe/Amsterdam",
        "last_updated": f"{DAY}00:00:00Z",
        "evses": [
            {
                "uid": uid,
                "status": "AVAILABLE",
                "connectors": [CONNECTOR | {"max_electric_power": power_w}],
                "last_updated": f"{DAY}00:00:00Z",
            }
            for uid, power_w in evses
        ],
    }
    data = {"operator_id": "OP-1", "location": document}
    return event("location.published", "LOC-1", f"{DAY}00:00:00Z", data)


def of_evse(type_: str, uid: str, at: str, **data: Any) -> dict[str, Any]:
    """What is told of an EVSE of LOC-1 at a time of the day."""
    where = {"operator_id": "OP-1", "location_id": "LOC-1", "evse_uid": uid, "at": f"{DAY}{at}Z"}
    return event(f"charging.charger.{type_}", uid, f"{DAY}{at}Z", where | data)


def status(uid: str, at: str, status: str) -> dict[str, Any]:
    return of_evse("status_changed", uid, at, status=status)


HISTORY = [
    operator(),
    tariff(),
    location(("EVSE-1", 22_000), ("EVSE-2", 22_000), ("EVSE-3", 11_000), ("EVSE-9", 50_000)),
    status("EVSE-1", "08:00:00", "AVAILABLE"),
    status("EVSE-1", "10:00:00", "CHARGING"),
    started("S-1", f"{DAY}10:00:00Z"),
    metered("S-1", f"{DAY}10:40:00Z", 10_000),
    # Down since eight, whatever is said of it later; another EVSE at a location nobody published.
    status("EVSE-2", "08:00:00", "OUTOFORDER"),
    status("EVSE-2", "09:00:00", "INOPERATIVE"),
    # Its interval is 900 s and nothing came since ten: silent, though its status was good.
    status("evse-3", "07:00:00", "AVAILABLE"),
    of_evse("heartbeat", "EVSE-3", "10:00:00", interval_s=900),
    status("EVSE-4", "11:59:59", "PLANNED"),
    event("charging.charger.status_changed", "EVSE-1", LAST, {"evse_uid": "X", "at": LAST, "status": "BLOCKED"})
    | {"data": {"operator_id": "OP-2", "location_id": "L", "evse_uid": "X", "at": LAST, "status": "BLOCKED"}},
]


def documents(dsn: str, wanted: LiveFilter = ALL) -> tuple[list[dict[str, Any]], dict[LiveState, int]]:
    with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        found = live_network(cursor, wanted, limit=100)
        return [live_evse_document(each) for each in found.evses], dict(found.counts)


def briefly(rows: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["evse_uid"].upper(), row["state"], row["since"], row["power_w"]) for row in rows]


def test_each_evse_has_its_state_since_when_and_what_charges_there(engine: Engine) -> None:
    engine.feed(reversed(HISTORY), batch=3)
    engine.feed(HISTORY)
    catch_up(engine.dsn, ("sessions", "network"))
    rows, counts = documents(engine.dsn)
    assert briefly(rows) == [
        ("EVSE-1", "UP", f"{DAY}08:00:00Z", "22000"),
        ("EVSE-2", "DOWN", f"{DAY}08:00:00Z", "22000"),
        ("EVSE-3", "SILENT", f"{DAY}10:00:00Z", "11000"),
        ("EVSE-4", "OUT_OF_SERVICE", f"{DAY}11:59:59Z", None),
        ("EVSE-9", "NO_STATUS", None, "50000"),
        ("X", "BLOCKED", LAST, None),
    ]
    assert counts == dict.fromkeys(LiveState, 1)
    first = rows[0]
    assert (first["session_id"], first["session_state"], first["energy_wh"]) == ("S-1", "CHARGING", "10000")
    assert (first["net"], first["gross"], first["currency"]) == ("5.00", "6.05", "EUR")
    assert first["last_sign_at"] == f"{DAY}10:40:00Z"
    assert [row["session_id"] for row in rows[1:]] == [None] * 5
    # One filter alone, and all of them; a rebuild finds the same.
    assert briefly(documents(engine.dsn, LiveFilter(state=LiveState.SILENT))[0]) == briefly(rows)[2:3]
    assert len(documents(engine.dsn, LiveFilter("OP-1", "loc-1", LiveState.UP))[0]) == 1
    rebuild(engine.dsn, ["network"])
    assert documents(engine.dsn) == (rows, counts)
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        page = live_network(cursor, LiveFilter(), limit=2, after=("OP-1", "LOC-1", "evse-1")).evses
    assert [each.evse_key for each in page] == ["evse-2", "evse-3"]
