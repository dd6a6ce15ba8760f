"""What the demo shows of load: how a site's limit would be shared out when most cars charged there."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from domain.calendar import utc_text
from domain.load.allocation import TENTHS_AN_AMPERE, Car, allocate
from domain.load.limits import Plan, in_force
from domain.load.messages import microseconds
from domain.network.session_use import SessionUse
from projections.network.session_uses import use_of
from projections.network.site_limits import ToldLimit, limits_told

# IEC 61851: a car is told 6 A at least; these sockets give 32.
_FLOOR_A, _MOST_A = 6 * TENTHS_AN_AMPERE, 32 * TENTHS_AN_AMPERE
_INTERVAL_S, _QUARTER_S = 300, 900
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_USES = """
SELECT session_id, operator_id, location_id, evse_uid, connector_id, party, driver, partner, started_at, ended_at,
       until, charging, energy_wh, quarters, quarter_wh, left_out
FROM projection.network
WHERE operator_id = %s AND location_key = %s AND left_out IS NULL
ORDER BY session_id
"""


def read_shared(cursor: Any) -> list[dict[str, Any]]:
    """What each car would be told at the moment at which most charged, of each site whose limit knows its EVSEs."""
    found: list[dict[str, Any]] = []
    for (operator_id, key), told in sorted(limits_told(cursor).items()):
        uses = [use_of(row) for row in cursor.execute(_USES, (operator_id, key)).fetchall()]
        found += _shared(told, uses)
    return found


def _shared(told: Sequence[ToldLimit], uses: Sequence[SessionUse]) -> list[dict[str, Any]]:
    starts = sorted({since for use in uses for since, _ in use.charging})
    at = max(starts, key=lambda moment: (len(_charging(uses, moment)), -moment), default=0)
    plan = in_force((each.version for each in told), at)
    cars = {each.session_id: each for each in _charging(uses, at) if plan and each.evse_uid in plan.places}
    if plan is None or not cars:
        return []
    shares = allocate(
        (_car(each, plan, at) for each in cars.values()),
        plan.tree({}),
        step_a=plan.step_a,
        voltage_v=plan.voltage_v,
        interval_s=_INTERVAL_S,
    )
    return [
        {
            "location_id": use.location_id,
            "at": utc_text(_EPOCH + timedelta(microseconds=at)),
            "session_id": use.session_id,
            "evse_uid": use.evse_uid,
            "delivered_kwh": f"{float(_delivered_wh(use, at)) / 1000:.1f}",
            "a": shares[use.session_id].a // TENTHS_AN_AMPERE,
            "why": str(shares[use.session_id]),
        }
        for use in cars.values()
    ]


def _charging(uses: Iterable[SessionUse], at: int) -> list[SessionUse]:
    return [use for use in uses if any(since <= at < until for since, until in use.charging)]


def _car(use: SessionUse, plan: Plan, at: int) -> Car:
    assert use.started_at is not None
    return Car(
        session_id=use.session_id,
        circuit=plan.circuit_of[use.evse_uid],
        phases=tuple(range(1, plan.places[use.evse_uid].phases + 1)),
        min_a=_FLOOR_A,
        max_a=_MOST_A,
        connected_s=(at - microseconds(use.started_at)) // 1_000_000,
        delivered_wh=_delivered_wh(use, at),
    )


def _delivered_wh(use: SessionUse, at: int) -> Fraction:
    """What came through in the quarter hours that have ended."""
    ended = at // (_QUARTER_S * 1_000_000)
    return sum((Fraction(wh) for quarter, wh in use.quarters if quarter < ended), Fraction(0))


def shared_title(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the table is about."""
    sites = {(row["location_id"], row["at"]): None for row in rows}
    places = ", ".join(f"{location_id} at {at}" for location_id, at in sites)
    return f"What cars may draw below a limit, when most of them charged: {places}"
