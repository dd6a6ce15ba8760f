"""What only time brings: silence, uptime, cash that will not last or does not come, and notices that were held back.

Each is looked at by sets, for those operators of whose subscriptions one hears of it, and seldom enough to be cheap.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import utc_text
from domain.notice.subscription import Severity
from ledger.access.notice_targets import NoticeTarget, targets
from ledger.database import Role, acting_as
from projections.network.horizon import network_horizon
from projections.notices.conditions import Goes, not_collected_old, runways_short, silent_evses, uptimes_below
from projections.notices.digests import make_digests
from projections.notices.kept_causes import held_back, open_causes
from projections.notices.owners import bring_subscriptions, describe_operators
from projections.notices.seen import Key, Seen
from projections.notices.telling import queue, tell

_EVERY = timedelta(minutes=1)

# What goes on at operators now, and how often it is looked at.
_Condition = Callable[[Cursor[TupleRow], Sequence[str], datetime], list[Goes]]


class _Look(NamedTuple):
    find: _Condition
    every: timedelta


_LOOKS: Mapping[str, _Look] = MappingProxyType(
    {
        "charger.silent": _Look(silent_evses, _EVERY),
        "cash.runway_short": _Look(runways_short, timedelta(hours=1)),
        "charger.uptime_below": _Look(uptimes_below, timedelta(hours=24)),
        "cash.not_collected_old": _Look(not_collected_old, timedelta(hours=24)),
    }
)


def look_at(cursor: Cursor[TupleRow], looked_at: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Queue what time brought since it was looked at last; when each was looked at now. Nothing is due twice.

    The cursor may read everything, and act in the door's role. With `looked_at` all is kept that another tick needs.
    """
    found = dict(looked_at)
    if not _is_due(found, "all", _EVERY, now):
        return found
    found["all"] = utc_text(now)
    bring_subscriptions(cursor, now)
    with acting_as(cursor, Role.DOOR):
        heard_by = [each for each in targets(cursor) if each.is_enabled]
        queue(cursor, [], held_back(cursor, now), now)
    if not heard_by:
        return found
    if _is_due(found, "operators", timedelta(hours=1), now):
        found["operators"] = utc_text(now)
        describe_operators(cursor, sorted({each.operator_id for each in heard_by}))
    horizon = network_horizon(cursor, now=now)
    for type_, look in _LOOKS.items():
        if horizon is not None and _is_due(found, type_, look.every, now):
            found[type_] = utc_text(now)
            _look(cursor, type_, look.find, _hearing(heard_by, type_), min(horizon, now), now)
    make_digests(cursor, heard_by, now)
    return found


def _is_due(looked_at: Mapping[str, Any], name: str, every: timedelta, now: datetime) -> bool:
    last = looked_at.get(name)
    return last is None or datetime.fromisoformat(last) + every <= now


def _hearing(heard_by: Sequence[NoticeTarget], type_: str) -> list[str]:
    """Operators that hear of it, how urgent it may be."""
    return sorted({each.operator_id for each in heard_by if each.subscription.hears(type_, Severity.CRITICAL)})


def _look(
    cursor: Cursor[TupleRow],
    type_: str,
    find: _Condition,
    operators: Sequence[str],
    horizon: datetime,
    now: datetime,
) -> None:
    if not operators:
        return
    goes = {Key(each.operator_id, type_, each.cause): each for each in find(cursor, operators, horizon)}
    with acting_as(cursor, Role.DOOR):
        over = open_causes(cursor, type_, operators) - goes.keys()
        seen = [Seen(key, each.since, each.data, is_open=True, severity=each.severity) for key, each in goes.items()]
        tell(cursor, [*seen, *(Seen(key, horizon, {}, is_open=False) for key in sorted(over))], now)
