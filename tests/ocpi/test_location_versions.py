"""A location in both versions of OCPI: what only 2.3.0 has is for partners that speak it."""

from contextlib import closing
from typing import Any

from projections.roaming.feed import make_all_visible
from projections.roaming.location_versions import location_2_2_1
from tests.conftest import Stores
from tests.ocpi.conftest import serving_ocpi
from tests.ocpi.test_locations import CONNECTOR, location, status
from tests.support.engine import Engine
from tests.support.events import operator, tariff
from tests.support.partner import partner

PLACE = {"id": "P-1", "vehicle_types": ["VAN"], "restricted_to_type": False, "reservation_required": False}
OLDER_EVSE = {"uid": "E-1", "parking_restrictions": ["CUSTOMERS"], "connectors": [CONNECTOR]}
NEWER_EVSE = {
    "uid": "E-1",
    "parking_restrictions": ["CUSTOMERS", "TAXIS"],
    "parking": [{"parking_id": "P-1"}],
    "accepted_service_providers": ["ABC"],
    "connectors": [CONNECTOR | {"capabilities": ["ISO_15118_2_PLUG_AND_CHARGE"]}],
}
NEWER: dict[str, Any] = {"parking_places": [PLACE], "help_phone": "+31201234567"}


def test_what_only_the_newer_version_has_is_left_out_of_the_older() -> None:
    whole = {"id": "L", "address": "A", "evses": [NEWER_EVSE]}
    assert location_2_2_1(whole | NEWER) == {"id": "L", "address": "A", "evses": [OLDER_EVSE]}
    same = {"id": "L", "address": "A", "evses": [OLDER_EVSE]}
    assert location_2_2_1(same) == same
    only_new = {"uid": "E-2", "parking_restrictions": ["TENANTS"], "connectors": [CONNECTOR | {"standard": "MCS"}]}
    (evse,) = location_2_2_1({"id": "L", "evses": [only_new]})["evses"]
    assert evse == {"uid": "E-2", "connectors": [CONNECTOR | {"standard": "MCS"}]}


def test_each_version_is_served_with_the_same_moments(stores: Stores) -> None:
    """Also where only the newer one changes, and where a status does."""
    with stores() as dsn, closing(Engine(dsn)) as engine, serving_ocpi(dsn) as platform, partner() as abc:
        token = platform.connected(abc)
        other = {"uid": "E-2", "connectors": [CONNECTOR]}

        def told(*events: Any) -> tuple[Any, Any]:
            engine.feed(events)
            make_all_visible(dsn)
            found = []
            for version in ("2.2.1", "2.3.0"):
                (each,) = platform.ask("GET", f"/{version}/locations", token).json()["data"]
                assert platform.ask("GET", f"/{version}/locations/L/E-1", token).json()["data"] == each["evses"][0]
                found.append(each)
            return found[0], found[1]

        older, newer = told(operator(), tariff(), location("L", evses=[NEWER_EVSE, other], **NEWER))
        assert "help_phone" not in older
        assert newer["help_phone"] == NEWER["help_phone"]
        assert "capabilities" not in older["evses"][0]["connectors"][0]
        assert newer["evses"][0]["connectors"][0]["capabilities"] == ["ISO_15118_2_PLUG_AND_CHARGE"]
        assert moments(older) == moments(newer)
        changed = NEWER_EVSE | {"accepted_service_providers": ["ABC", "XYZ"]}
        event = location("L", time="2026-03-20T00:00:00Z", evses=[changed, other], **NEWER)
        later = told(event)
        assert moments(later[0]) == moments(later[1])
        assert moments(later[1])["E-1"] > moments(newer)["E-1"]
        assert moments(later[1])["E-2"] == moments(newer)["E-2"]
        assert told(event) == later
        last = told(status("E-2", "CHARGING", "2026-03-02T10:00:00Z", location_id="L"))
        assert moments(last[0]) == moments(last[1])
        assert moments(last[1])["E-1"] == moments(later[1])["E-1"]
        assert last[0]["evses"][1]["status"] == last[1]["evses"][1]["status"] == "CHARGING"


def moments(found: Any) -> dict[str, str]:
    """When the location and each of its EVSEs changed, and the connectors of those."""
    connectors = {f"{e['uid']}/{c['id']}": c["last_updated"] for e in found["evses"] for c in e["connectors"]}
    return {"": found["last_updated"], **{e["uid"]: e["last_updated"] for e in found["evses"]}, **connectors}
