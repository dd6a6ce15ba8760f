"""What chargers, sites and operators tell beside sessions, so that each read model of networks has rows."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.audit.network import BEGINNING, CURRENCY, Event, _event, _iso, _money

_STATUSES = ("AVAILABLE", "INOPERATIVE", "AVAILABLE", "PLANNED", "AVAILABLE", "OUTOFORDER", "AVAILABLE", "BLOCKED")
_KINDS = ("ENERGY", "DEMAND", "LEASE")


def told_of_networks() -> Iterator[Event]:
    """Signs of life with gaps between, statuses, outages that are explained, meters of sites, costs and cash."""
    for operator_id, currency in CURRENCY.items():
        site = {"operator_id": operator_id, "location_id": f"LOC-{operator_id}"}
        for number in (1, 2):
            yield from _of_evse(site | {"evse_uid": f"N-{operator_id}-{number}"})
            yield from _read_with_a_gap(site | {"evse_uid": f"N-{operator_id}-{number}"})
        for version in range(2):
            yield _location(operator_id, f"LOC-{operator_id}", version)
        for quarter in range(12):
            read_at = BEGINNING + timedelta(days=2, minutes=15 * quarter)
            data = {**site, "read_at": _iso(read_at), "import_wh": 1_000 * quarter}
            yield _event("site.load_measured", f"{operator_id}:{quarter}", BEGINNING + timedelta(days=3), data)
        for number, reason in enumerate(("GRID", "DIMMED", "GRID")):
            yield _limit(site, number, reason)
        for day in range(3):
            at = BEGINNING + timedelta(days=day)
            data = {"operator_id": operator_id, "at": _iso(at), "amount": _money(5_000 + day, currency)}
            yield _event("operator.cash_declared", f"{operator_id}:{day}", at, data)
            for kind in _KINDS:
                yield _cost(operator_id, kind, day, currency)


def _limit(site: Event, number: int, reason: str) -> Event:
    since = BEGINNING + timedelta(days=number)
    evses = [{"evse_uid": f"N-{site['operator_id']}-1", "phases": 3, "voltage_v": 230}]
    circuits = [{"circuit_id": "feed", "max_w": 40_000}, {"circuit_id": "row", "parent": "feed", "max_a": 32}]
    data = {**site, "effective_from": _iso(since), "mode": "MAX_MIN", "reason": reason, "step_a": 1}
    if reason == "DIMMED":
        data["effective_to"] = _iso(since + timedelta(hours=2))
    data["circuits"] = [circuits[0], {**circuits[1], "evse_uids": evses}]
    return _event("site.limit_set", f"{site['operator_id']}:{number}", since, data)


def _location(operator_id: str, location_id: str, version: int) -> Event:
    at = BEGINNING + timedelta(hours=version)
    connector: dict[str, Any] = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
    }
    connector |= {"max_voltage": 230, "max_amperage": 32, "max_electric_power": 22_000 + version}
    evses = [
        {"uid": f"N-{operator_id}-{number}", "status": "AVAILABLE", "connectors": [connector]} for number in (1, 2)
    ]
    location: dict[str, Any] = {
        "id": location_id,
        "country_code": "DE",
        "party_id": "ABC",
        "publish": True,
        "evses": evses,
    }
    location |= {"address": "Kai 1", "city": "Bremen", "country": "DEU", "time_zone": "Europe/Berlin"}
    location |= {"coordinates": {"latitude": "53.07", "longitude": "8.80"}, "last_updated": _iso(at)}
    data = {"operator_id": operator_id, "effective_from": _iso(at), "location": location}
    return _event("location.published", f"{location_id}:{version}", at, data)


def _of_evse(evse: Event) -> Iterator[Event]:
    uid = evse["evse_uid"]
    for number, status in enumerate(_STATUSES):
        at = BEGINNING + timedelta(days=1, hours=number)
        yield _event(
            "charging.charger.status_changed", f"{uid}:{number}", at, {**evse, "status": status, "at": _iso(at)}
        )
    # Every third is lost, and a day's are: the charger is silent then.
    for number in range(36):
        at = BEGINNING + timedelta(days=number // 12, minutes=10 * number)
        if number % 3:
            data = {**evse, "at": _iso(at), "interval_s": 600, "seq": number}
            yield _event("charging.charger.heartbeat", f"{uid}:{number}", at, data)
    for number in range(8):
        since = BEGINNING + timedelta(days=1, hours=number)
        data = {**evse, "from": _iso(since), "to": _iso(since + timedelta(hours=1)), "cause": "MAINTENANCE"}
        yield _event("charging.charger.outage_explained", f"{uid}:{number}", since, data)


def _read_with_a_gap(evse: Event) -> Iterator[Event]:
    """A session that goes on, read every ten minutes, and once after an hour."""
    session_id, began = f"S-{evse['evse_uid']}", BEGINNING + timedelta(days=11)
    start = {**evse, "session_id": session_id, "connector_id": "1", "started_at": _iso(began), "meter_start_wh": 0}
    more = {"tariff_id": "T-NOWHERE", "auth_method": "WHITELIST"}
    yield _event("charging.session.started", session_id, began, start | more)
    for number, minute in enumerate((10, 20, 30, 90, 100)):
        at = began + timedelta(minutes=minute)
        data = {"session_id": session_id, "read_at": _iso(at), "register_wh": 1_000 * number}
        yield _event("charging.session.metered", f"{session_id}:{number}", at, data)


def _cost(operator_id: str, kind: str, day: int, currency: str) -> Event:
    since = BEGINNING + timedelta(days=day)
    data: dict[str, Any] = {
        "operator_id": operator_id,
        "cost_id": f"C-{kind}",
        "kind": kind,
        "effective_from": _iso(since),
    }
    priced: dict[str, Any] = {"price": {"amount": "0.20", "currency": currency}}
    data |= {"amount": _money(90, currency), "every": "MONTH"} if kind == "LEASE" else priced
    return _event("operator.cost_declared", f"{operator_id}:{kind}:{day}", since, data)
