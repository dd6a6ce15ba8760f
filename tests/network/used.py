"""An invented network in whole minutes, and its use as a clock counts it that walks through all of them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.events import TOKEN, ended, event, operator, partner, started, tariff

# Two days before the clocks change in Amsterdam; a site there, and one that is published in Lord Howe.
BEGIN = datetime(2026, 3, 27, 12, tzinfo=UTC)
MINUTES = 5 * 24 * 60
ZONES = {"LOC-1": "Europe/Amsterdam", "LOC-2": "Australia/Lord_Howe", "LOC-3": "Europe/Amsterdam"}
EVSES = {"LOC-2": (3, 4), "LOC-3": (5,)}
_OUT = ("PLANNED", "REMOVED")


@dataclass(frozen=True, slots=True)
class Stay:
    """A session: its EVSE and site, from which minute to which, when it turned idle, and its Wh."""

    session_id: str
    location_id: str
    evse_uid: str
    began: int
    until: int
    idle_from: int | None
    energy_wh: int
    roams: bool

    def charges(self, minute: int) -> bool:
        """Whether it charges in a minute."""
        return self.began <= minute < (self.until if self.idle_from is None else self.idle_from)


@dataclass(frozen=True, slots=True)
class Network:
    """Sessions, and statuses as (minute, EVSE, status)."""

    stays: list[Stay]
    statuses: list[tuple[int, str, str]]


def invented(seed: int) -> Network:
    """Sites of two EVSEs, where sessions lie over each other, turn idle or roam; and an EVSE that nobody uses."""
    random = Random(seed)
    stays = []
    for number in range(36):
        began = random.randrange(MINUTES - 700)
        until = began + random.choice([0, 1, 30, 95, 600, 700])
        idle_from = random.choice([None, random.randint(began, until)])
        evse = random.randint(1, 4)
        energy_wh = random.randrange(1, 300 * min(30, until - began)) if until > began else 0
        stays.append(
            Stay(f"S-{number}", site_of(evse), f"E-{evse}", began, until, idle_from, energy_wh, random.random() < 0.4)
        )
    statuses = [
        (random.randrange(MINUTES), f"E-{random.randint(1, 4)}", random.choice([*_OUT, "AVAILABLE", "OUTOFORDER"]))
        for _ in range(10)
    ]
    return Network(stays, [*statuses, (100, "E-5", "AVAILABLE")])


def site_of(evse: int) -> str:
    """At which site an EVSE is."""
    return {1: "LOC-1", 2: "LOC-1", 3: "LOC-2", 4: "LOC-2", 5: "LOC-3"}[evse]


def moment(minute: int) -> str:
    """A minute of the network as text."""
    return (BEGIN + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")


def messages(network: Network) -> list[dict[str, Any]]:
    """All that is told of it. The site LOC-1 is never published: its days are the operator's. LOC-3 is private."""
    told = [operator(time="2026-03-01T00:00:00Z"), tariff(), partner(), _location("LOC-2"), _location("LOC-3")]
    for stay in network.stays:
        told += _session(stay)
    for minute, evse_uid, status in network.statuses:
        data = {"operator_id": "OP-1", "location_id": site_of(int(evse_uid[2:])), "evse_uid": evse_uid}
        data |= {"at": moment(minute), "status": status}
        told.append(event("charging.charger.status_changed", evse_uid, moment(minute), data))
    # The last that is told of anything: figures go up to then.
    told.append(operator("OP-2", time=moment(MINUTES)))
    return told


def _session(stay: Stay) -> Iterator[dict[str, Any]]:
    token = {"token": TOKEN} if stay.roams else {}
    where = {"location_id": stay.location_id, "evse_uid": stay.evse_uid}
    yield started(stay.session_id, moment(stay.began), **where, **token)
    if stay.idle_from is not None:
        data = {"session_id": stay.session_id, "at": moment(stay.idle_from), "state": "IDLE"}
        yield event("charging.session.state_changed", stay.session_id, moment(stay.idle_from), data)
    yield ended(stay.session_id, moment(stay.until), stay.energy_wh)


def worked_example() -> list[dict[str, Any]]:
    """The network of the worked example in docs/network.md: EVSE E-3 in Amsterdam."""
    where = {"location_id": "LOC-2", "evse_uid": "E-3"}
    status = {"operator_id": "OP-1", **where, "at": "2026-03-02T07:00:00Z", "status": "AVAILABLE"}
    idle = {"session_id": "S-1", "at": "2026-03-02T09:30:00Z", "state": "IDLE"}
    return [
        operator(time="2026-03-01T00:00:00Z"),
        tariff(),
        _location("LOC-2", "Europe/Amsterdam"),
        event("charging.charger.status_changed", "E-3", status["at"], status),
        started("S-1", "2026-03-02T09:00:00Z", **where),
        event("charging.session.state_changed", "S-1", idle["at"], idle),
        ended("S-1", "2026-03-02T10:00:00Z", 11_000),
        started("S-2", "2026-03-02T22:30:00Z", **where),
        ended("S-2", "2026-03-02T23:30:00Z", 22_000),
        operator("OP-2", time="2026-03-03T11:00:00Z"),
    ]


def _location(location_id: str, time_zone: str | None = None) -> dict[str, Any]:
    connector: dict[str, Any] = {"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET"}
    connector |= {"power_type": "AC_3_PHASE"} | {
        "max_voltage": 230,
        "max_amperage": 32,
        "max_electric_power": 22_000,
    }
    evses: list[Any] = [
        {"uid": f"E-{evse}", "status": "AVAILABLE", "connectors": [connector]} for evse in EVSES[location_id]
    ]
    document: dict[str, Any] = {"id": location_id, "country_code": "NL", "party_id": "GRL"}
    document["publish"] = location_id != "LOC-3"
    document |= {"evses": evses}
    document |= {"time_zone": time_zone or ZONES[location_id], "last_updated": "2026-03-01T00:00:00Z"}
    document |= {"address": "Kade 1", "city": "Amsterdam", "country": "NLD"}
    document |= {"coordinates": {"latitude": "52.37", "longitude": "4.89"}}
    data: dict[str, Any] = {"operator_id": "OP-1", "effective_from": "2026-03-01T00:00:00Z", "location": document}
    return event("location.published", location_id, "2026-03-01T00:00:00Z", data)


def lines(network: Network) -> list[dict[str, Any]]:
    """The lines of `use.jsonl`: each minute counted where it lies, by nothing that the engine uses."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for evse in range(1, 6):
        for day, line in _days(network, f"E-{evse}", site_of(evse)).items():
            found[site_of(evse), f"E-{evse}", day] = {
                "operator_id": "OP-1",
                "location_id": site_of(evse),
                "evse_uid": f"E-{evse}",
                "date": day,
                **{name: str(line[name]) for name in ("in_service_s", "occupied_s", "charging_s")},
                "idle_s": str(line["occupied_s"] - line["charging_s"]),
                "sessions": line["sessions"],
                "energy_wh": _text(line["energy_wh"]),
            }
    return [found[key] for key in sorted(found)]


def _days(network: Network, evse_uid: str, site: str) -> Mapping[str, dict[str, Any]]:
    zone = ZoneInfo(ZONES[site])
    dates = [(BEGIN + timedelta(minutes=minute)).astimezone(zone).date().isoformat() for minute in range(MINUTES + 1)]
    stays = [stay for stay in network.stays if stay.evse_uid == evse_uid]
    statuses = sorted(each for each in network.statuses if each[1] == evse_uid)
    heard = [stay.began for stay in stays] + [minute for minute, *_ in statuses]
    empty = {"in_service_s": 0, "occupied_s": 0, "charging_s": 0, "energy_wh": Fraction(0), "sessions": 0}
    days: dict[str, dict[str, Any]] = defaultdict(lambda: dict(empty))
    for minute in range(min(heard, default=MINUTES), MINUTES):
        ruling = [status for since, _, status in statuses if since <= minute]
        if not ruling or ruling[-1] not in _OUT:
            days[dates[minute]]["in_service_s"] += 60
        here = [stay for stay in stays if stay.began <= minute < stay.until]
        if here:
            days[dates[minute]]["occupied_s"] += 60
        if any(stay.charges(minute) for stay in here):
            days[dates[minute]]["charging_s"] += 60
    for stay in stays:
        days[dates[stay.began]]["sessions"] += 1
        minutes = [minute for minute in range(stay.began, stay.until) if stay.charges(minute)]
        for minute in minutes or range(stay.began, stay.until):
            days[dates[minute]]["energy_wh"] += Fraction(stay.energy_wh, len(minutes) or stay.until - stay.began)
    return days


def _text(value: Fraction) -> str:
    """Half up, at most six places."""
    return f"{int(value * 10**6 + Fraction(1, 2)) / 10**6:f}".rstrip("0").rstrip(".")
