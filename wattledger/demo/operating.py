"""What the demo's chargers and operators tell beside sessions: signs of life, outages, limits, costs, cash."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from wattledger.demo.cast import AC, NECKAR, PLAYERS, WADDEN, Player, Site
from wattledger.demo.catalogue import SIGNED_ON, evse_uid
from wattledger.demo.charging import Visit
from wattledger.demo.messages import BACK_OFFICE, FIRST_DAY, ONE_DAY, Event, event, money, stamp
from wattledger.demo.mishaps import FALLS_SILENT, gateway

# The motorway site whose last EVSE falls silent, since somebody cut its cable, and what its grid connection bears.
MOTORWAY, REPAIRED = WADDEN.sites[1], NECKAR.sites[1]
_HEARTBEAT = timedelta(hours=1)
_CUT = (FALLS_SILENT + timedelta(minutes=5), FALLS_SILENT + timedelta(hours=43))
# Out of order for six and a half hours, of which four were planned.
_BROKEN = (FIRST_DAY + timedelta(days=2, hours=8), FIRST_DAY + timedelta(days=2, hours=14, minutes=30))
_MAINTAINED = (_BROKEN[0], _BROKEN[0] + timedelta(hours=4))
_FEED_A, _FEED_W = 400, 276_000
# The quay, where cars stay for hours: a fuse for all of it, and one for its first three sockets.
QUAY = WADDEN.sites[0]
_QUAY_A, _JETTY_A, _JETTY_EVSES = 80, 50, 3
_ASKING = 3

# What the grid costs after it was not told yet.
_DEMAND_UNTIL = datetime(2026, 3, 31, 22, tzinfo=UTC)


def _demand(price: str, **terms: str) -> dict[str, Any]:
    return {
        "kind": "DEMAND",
        "price": {"amount": price, "currency": "EUR"},
        "effective_to": stamp(_DEMAND_UNTIL),
        **terms,
    }


# What things cost: prices of a kWh and of a kW-month, and sums by their day.
_COSTS: dict[str, tuple[tuple[str, Site | None, dict[str, Any]], ...]] = {
    WADDEN.operator_id: (
        ("POWER", None, {"kind": "ENERGY", "price": {"amount": "0.1460", "currency": "EUR"}}),
        ("GRID-A7", MOTORWAY, _demand("1.35", minimum_kw="2.5")),
        # Said, since what nobody declared is not 0.
        ("GRID-HAVEN", WADDEN.sites[0], _demand("0")),
        ("GROUND", None, {"kind": "LEASE", "amount": money(260_000, "EUR"), "every": "MONTH", "due_day": 1}),
        ("SOFTWARE", None, {"kind": "SOFTWARE", "amount": money(18_500, "EUR"), "every": "MONTH", "due_day": 15}),
    ),
    NECKAR.operator_id: (
        ("POWER", None, {"kind": "ENERGY", "price": {"amount": "0.1925", "currency": "EUR"}}),
        ("GRID-A81", REPAIRED, _demand("1.60")),
        ("GRID-MARKT", NECKAR.sites[0], _demand("0")),
        ("GROUND", None, {"kind": "LEASE", "amount": money(65_000, "EUR"), "every": "MONTH", "due_day": 3}),
    ),
}
_CASH = ((WADDEN, 610_000), (NECKAR, 940_000))


def operating(random: Random, visits: Sequence[Visit], evses_per_site: int, days: int) -> Iterator[Event]:
    """Everything told beside sessions, payments and payouts; the last EVSE of each site is the one no visit is at."""
    yield from _costs()
    yield _limit(MOTORWAY, [{"circuit_id": "feed", "max_a": _FEED_A, "max_w": _FEED_W, "evse_uids": []}])
    yield _limit(QUAY, _quay(evses_per_site))
    for player in PLAYERS:
        for site in player.sites:
            for number in range(1, evses_per_site + 1):
                yield _status(player, site, number, "AVAILABLE", FIRST_DAY + timedelta(minutes=number))
    yield from _heartbeats(random, evses_per_site)
    yield from _outages(evses_per_site)
    yield from _intents(visits)
    declared_at = FIRST_DAY + (days - 1) * ONE_DAY + timedelta(hours=6)
    for player, amount in _CASH:
        data = {
            "operator_id": player.operator_id,
            "at": stamp(declared_at),
            "amount": money(amount, player.currency),
        }
        yield event("operator.cash_declared", BACK_OFFICE, player.operator_id, declared_at, data)


def _costs() -> Iterator[Event]:
    for operator_id, costs in _COSTS.items():
        for cost_id, site, terms in costs:
            data = {"operator_id": operator_id, "cost_id": cost_id, "effective_from": stamp(SIGNED_ON), **terms}
            if site is not None:
                data["location_id"] = site.location_id
            yield event("operator.cost_declared", BACK_OFFICE, operator_id, SIGNED_ON + ONE_DAY, data, cost_id)


def _quay(evses: int) -> list[dict[str, Any]]:
    """A feed, and below it a jetty with the first sockets."""
    places = [{"evse_uid": evse_uid(QUAY, number), "phases": 3} for number in range(1, evses + 1)]
    return [
        {"circuit_id": "feed", "max_a": _QUAY_A, "evse_uids": places[_JETTY_EVSES:]},
        {"circuit_id": "jetty", "parent": "feed", "max_a": _JETTY_A, "evse_uids": places[:_JETTY_EVSES]},
    ]


def _limit(site: Site, circuits: list[dict[str, Any]]) -> Event:
    data = {
        "operator_id": WADDEN.operator_id,
        "location_id": site.location_id,
        "effective_from": stamp(SIGNED_ON),
        "circuits": circuits,
        "mode": "MAX_MIN",
        "reason": "GRID",
    }
    return event("site.limit_set", BACK_OFFICE, site.location_id, SIGNED_ON + ONE_DAY, data)


def _evse(player: Player, site: Site, number: int) -> dict[str, Any]:
    return {
        "operator_id": player.operator_id,
        "location_id": site.location_id,
        "evse_uid": evse_uid(site, number),
    }


def _status(player: Player, site: Site, number: int, status: str, at: datetime, error_code: str = "") -> Event:
    data = {**_evse(player, site, number), "status": status, "at": stamp(at)}
    if error_code:
        data["error_code"] = error_code
    key = stamp(at)
    return event("charging.charger.status_changed", gateway(site), evse_uid(site, number), at, data, key)


def _heartbeats(random: Random, number: int) -> Iterator[Event]:
    """Once an hour, give or take seconds, until the cable is cut."""
    at, seq = FIRST_DAY + timedelta(minutes=20), 1
    while at < FALLS_SILENT:
        told_at = at + timedelta(seconds=random.randrange(20))
        data = {
            **_evse(WADDEN, MOTORWAY, number),
            "at": stamp(told_at),
            "interval_s": int(_HEARTBEAT.total_seconds()),
            "seq": seq,
        }
        uid = evse_uid(MOTORWAY, number)
        yield event("charging.charger.heartbeat", gateway(MOTORWAY), uid, told_at, data, str(seq))
        at, seq = at + _HEARTBEAT, seq + 1


def _outages(number: int) -> Iterator[Event]:
    yield _status(NECKAR, REPAIRED, number, "INOPERATIVE", _BROKEN[0], "PowerModuleFailure")
    yield _status(NECKAR, REPAIRED, number, "AVAILABLE", _BROKEN[1])
    yield _explained(NECKAR, REPAIRED, number, _MAINTAINED, "MAINTENANCE", "urn:demo:work-order:DE-A81-7")
    yield _explained(WADDEN, MOTORWAY, number, _CUT, "VANDALISM", "urn:demo:police-report:2026-0327")


def _explained(
    player: Player, site: Site, number: int, span: tuple[datetime, datetime], cause: str, evidence: str
) -> Event:
    data = {
        **_evse(player, site, number),
        "from": stamp(span[0]),
        "to": stamp(span[1]),
        "cause": cause,
        "evidence": evidence,
    }
    told_at = span[1] + timedelta(minutes=40)
    return event("charging.charger.outage_explained", gateway(site), evse_uid(site, number), told_at, data, cause)


def _intents(visits: Sequence[Visit]) -> Iterator[Event]:
    """A few drivers say how much they need, and by when they leave."""
    for visit in [each for each in visits if each.site.kind == AC and each.ended][1 : _ASKING + 1]:
        data = {
            "session_id": visit.session_id,
            "at": stamp(visit.started_at),
            "departs_at": stamp(visit.ended_at),
            "need_wh": visit.energy_wh,
        }
        source = gateway(visit.site)
        yield event("charging.session.intent_declared", source, visit.session_id, visit.started_at, data)
