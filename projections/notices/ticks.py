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
from domain.notice.kinds import NoticeType
from domain.notice.subscription import Severity
from ledger.access.notice_targets import NoticeTarget, targets
from ledger.database import Role, acting_as
from projections.network.horizon import network_horizon
from projections.notices.conditions import Goes, not_collected_old, runways_short, silent_evses, uptimes_below
from projections.notices.digests import make_digests
from projections.notices.kept_causes import held_back, open_causes, owners_of_open, passed
from projections.notices.owners import bring_subscriptions, describe_operators
from projections.notices.seen import Key, Seen
from projections.notices.telling import queue, tell

_EVERY = timedelta(minutes=1)

# What goes on at operators now, and how often it is looked at.
_Condition = Callable[[Cursor[TupleRow], Sequence[str], datetime], list[Goes]]


class _Look(NamedTuple):
    """How often it is looked at, and of how many operators in one transaction, which others wait for."""

    find: _Condition
    every: timedelta
    operators: int


_LOOKS: Mapping[str, _Look] = MappingProxyType(
    {
        NoticeType.CHARGER_SILENT: _Look(silent_evses, _EVERY, 1_000),
        NoticeType.CASH_RUNWAY_SHORT: _Look(runways_short, timedelta(hours=1), 50),
        NoticeType.CHARGER_UPTIME_BELOW: _Look(uptimes_below, timedelta(hours=24), 20),
        NoticeType.CASH_NOT_COLLECTED_OLD: _Look(not_collected_old, timedelta(hours=24), 100),
    }
)


def look_at(cursor: Cursor[TupleRow], looked_at: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Queue what time brought since the last look, as much as one transaction should; what the next look needs.

    The cursor may read everything, and act in the door's role.
    """
    found = dict(looked_at)
    due = _is_due(found, "all", _EVERY, now)
    if not due and not any(each.get("after") is not None for each in found.values()):
        return found
    if due:
        _look_at_all(cursor, found, now)
    with acting_as(cursor, Role.DOOR):
        heard_by = [each for each in targets(cursor) if each.is_enabled]
    horizon = network_horizon(cursor, now=now)
    if horizon is not None:
        _look_at_each(cursor, heard_by, found, min(horizon, now), now)
    if make_digests(cursor, heard_by, now):
        # There are more: they are made once others have had their turn.
        found.pop("all", None)
    return found


def _look_at_all(cursor: Cursor[TupleRow], found: dict[str, Any], now: datetime) -> None:
    """What is cheap, and what all else goes by."""
    found["all"] = {"at": utc_text(now)}
    bring_subscriptions(cursor, now)
    with acting_as(cursor, Role.DOOR):
        tell(cursor, passed(cursor, [NoticeType.LOAD_PEAK_NEAR], now), now)
        queue(cursor, [], held_back(cursor, now), now)
        known = sorted({each.operator_id for each in targets(cursor)})
    if _is_due(found, "operators", timedelta(hours=1), now):
        found["operators"] = {"at": utc_text(now)}
        describe_operators(cursor, known)


def _look_at_each(
    cursor: Cursor[TupleRow],
    heard_by: Sequence[NoticeTarget],
    found: dict[str, Any],
    horizon: datetime,
    now: datetime,
) -> None:
    for type_, look in _LOOKS.items():
        begun = found.get(type_, {})
        if begun.get("after") is not None or _is_due(found, type_, look.every, now):
            with acting_as(cursor, Role.DOOR):
                concerned = sorted(_hearing(heard_by, type_) | owners_of_open(cursor, type_))
            found[type_] = _look(cursor, type_, look, concerned, begun, horizon, now)


def _is_due(looked_at: Mapping[str, Any], name: str, every: timedelta, now: datetime) -> bool:
    last = looked_at.get(name)
    return last is None or datetime.fromisoformat(last["at"]) + every <= now


def _hearing(heard_by: Sequence[NoticeTarget], type_: str) -> set[str]:
    """Operators that hear of it, how urgent it may be."""
    return {each.operator_id for each in heard_by if each.subscription.hears(type_, Severity.CRITICAL)}


def _look(
    cursor: Cursor[TupleRow],
    type_: str,
    look: _Look,
    concerned: Sequence[str],
    begun: Mapping[str, Any],
    horizon: datetime,
    now: datetime,
) -> dict[str, Any]:
    """Look at the next operators behind those of the look before; when this round began, and where it goes on."""
    after = begun.get("after")
    at = begun["at"] if after is not None else utc_text(now)
    operators = [each for each in concerned if after is None or each > after][: look.operators]
    if operators:
        _tell_of(cursor, type_, look.find, operators, horizon, now)
    goes_on = bool(operators) and operators[-1] != concerned[-1]
    return {"at": at, "after": operators[-1] if goes_on else None}


def _tell_of(
    cursor: Cursor[TupleRow],
    type_: str,
    find: _Condition,
    operators: Sequence[str],
    horizon: datetime,
    now: datetime,
) -> None:
    goes = {Key(each.operator_id, type_, each.cause): each for each in find(cursor, operators, horizon)}
    with acting_as(cursor, Role.DOOR):
        over = open_causes(cursor, type_, operators) - goes.keys()
        seen = [Seen(key, each.since, each.data, is_open=True, severity=each.severity) for key, each in goes.items()]
        tell(cursor, [*seen, *(Seen(key, horizon, {}, is_open=False) for key in sorted(over))], now)
