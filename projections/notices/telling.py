"""Who is told what was seen: each subscription that hears of it, and of an end those that were told the beginning."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import utc_text
from domain.notice.causes import Began, Ended
from domain.notice.subscription import Severity
from ledger.access.notice_targets import NoticeTarget, targets
from ledger.access.notices import Notice, OpenNotice, note_ends, open_notices, put
from projections.notices.kept_causes import Telling, bring_in_step
from projections.notices.seen import Key, Seen


def tell(cursor: Cursor[TupleRow], seen: Sequence[Seen], now: datetime) -> None:
    """Queue what is to be told of what was seen, in its order; in the door's role. Again is the same."""
    goes_on = [each for each in seen if each.is_open is not None]
    tellings = bring_in_step(cursor, goes_on, now)
    queue(cursor, [each for each in seen if each.is_open is None], tellings, now)


def queue(cursor: Cursor[TupleRow], happened: Sequence[Seen], tellings: Sequence[Telling], now: datetime) -> None:
    """Queue what happened, and that causes began or are over."""
    owners = {each.key.operator_id for each in happened} | {each.key.operator_id for each in tellings}
    if not owners:
        return
    of_operator: dict[str, list[NoticeTarget]] = {}
    for target in targets(cursor, sorted(owners)):
        of_operator.setdefault(target.operator_id, []).append(target)
    put(cursor, [each for seen in happened for each in _happened(seen, of_operator)], now)
    put(cursor, [each for telling in tellings for each in _began(telling, of_operator)], now)
    _end(cursor, [each for each in tellings if isinstance(each.told, Ended)], of_operator, now)


def _happened(seen: Seen, of_operator: Mapping[str, Sequence[NoticeTarget]]) -> Iterator[Notice]:
    for target in of_operator.get(seen.key.operator_id, ()):
        if _hears(target, seen.key, seen.urgency, seen.at, seen.position):
            yield Notice(target, seen.key.type, seen.urgency, seen.key.cause, seen.at, seen.data)


def _began(telling: Telling, of_operator: Mapping[str, Sequence[NoticeTarget]]) -> Iterator[Notice]:
    key, told = telling.key, telling.told
    if not isinstance(told, Began):
        return
    data = telling.data if not told.untold else {**telling.data, "times_before": told.untold}
    for target in of_operator.get(key.operator_id, ()):
        if _hears(target, key, telling.severity, told.since, telling.position):
            yield Notice(target, key.type, telling.severity, key.cause, told.since, data, has_end=True)


def _end(
    cursor: Cursor[TupleRow],
    ended: Sequence[Telling],
    of_operator: Mapping[str, Sequence[NoticeTarget]],
    now: datetime,
) -> None:
    """Tell the ends of beginnings to those that were told them; of what was told again as more urgent, once."""
    known = {target.id: target for found in of_operator.values() for target in found}
    ends: dict[tuple[str, str, str], list[tuple[Ended, Telling]]] = {}
    for telling in ended:
        if isinstance(telling.told, Ended):
            key = telling.key
            ends.setdefault((key.operator_id, key.type, key.cause), []).append((telling.told, telling))
    over = {}
    notices = []
    for each in open_notices(cursor, sorted(ends)):
        target = known[each.target_id]
        of_cause = ends[target.operator_id, each.type, each.cause]
        found = min((of for of in of_cause if of[0].since >= each.occurred_at), default=None, key=lambda of: of[0])
        if found is None:
            continue
        told, telling = found
        over[each.id] = told.at
        if target.is_enabled and told.since == each.occurred_at:
            notices.append(_over(each, target, telling, told.at))
    put(cursor, notices, now)
    note_ends(cursor, over)


def _over(begun: OpenNotice, target: NoticeTarget, telling: Telling, at: datetime) -> Notice:
    data = {**telling.data, "since": utc_text(begun.occurred_at), "ended_at": utc_text(at)}
    return Notice(target, begun.type, Severity.INFO, begun.cause, begun.occurred_at, data, is_end=True)


def _hears(target: NoticeTarget, key: Key, severity: Severity, at: datetime, position: int | None) -> bool:
    """Whether a subscription is told: of what was before it nothing, whenever it is heard of."""
    return (
        target.is_enabled
        and at >= target.since
        and (position is None or position > target.since_position)
        and target.subscription.hears(key.type, severity)
    )
