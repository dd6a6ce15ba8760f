"""Limits of circuits that were missed, and peaks that came near, as the load service found them."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import utc_text
from domain.notice.kinds import NoticeType
from projections.load.alerts import LIMIT_MISSED, Alert, changed_since
from projections.notices.seen import Key, Seen

# A change that was committed late has a number below one that was read: so many are looked at again.
_LOOK_BACK = 200
_AT_ONCE = 500


def seen_alerts(
    cursor: Cursor[TupleRow], looked: Mapping[str, Any] | None, operators: Collection[str]
) -> tuple[list[Seen], dict[str, Any] | None]:
    """What changed of alerts of these operators since the last look; and what the next one needs, None for the same.

    `looked` is what the look before gave. The cursor may read everything.
    """
    last, seen = (looked["seq"], set(looked["seen"])) if looked else (0, set())
    changed = changed_since(cursor, max(0, last - _LOOK_BACK), _LOOK_BACK + _AT_ONCE)
    new = [each for each in changed if each.seq not in seen]
    if not new:
        return [], None
    reached = max(last, changed[-1].seq)
    kept = sorted(seq for seq in seen | {each.seq for each in new} if seq > reached - _LOOK_BACK)
    found = [told for each in new if each.operator_id in operators for told in _seen(each)]
    return found, {"seq": reached, "seen": kept}


def _seen(alert: Alert) -> Iterator[Seen]:
    """That it began; of a limit that it is over, too, where it is. A peak is near until its quarter hour ends."""
    is_limit = alert.kind == LIMIT_MISSED
    type_ = NoticeType.LOAD_LIMIT_MISSED if is_limit else NoticeType.LOAD_PEAK_NEAR
    key = Key(alert.operator_id, type_, f"{alert.location_id.casefold()}:{alert.subject}")
    data = {
        "subject": alert.location_id,
        "sentence": _limit_sentence(alert) if is_limit else _peak_sentence(alert),
        "location_id": alert.location_id,
        "since": utc_text(alert.from_at),
        **{name: value for name, value in alert.data.items() if name != "over_a" and value},
    }
    if alert.data.get("over_a"):
        data["over_a"] = _amperes(alert.data["over_a"])
    if not is_limit and alert.to_at is not None:
        data["until"] = utc_text(alert.to_at)
    yield Seen(key, alert.from_at, data, is_open=True)
    if is_limit and alert.to_at is not None:
        yield Seen(key, alert.to_at, {}, is_open=False)


def _limit_sentence(alert: Alert) -> str:
    over = [f"{_amperes(alert.data['over_a'])} A"] if alert.data.get("over_a") else []
    over += [f"{alert.data['over_w']} W"] if alert.data.get("over_w") else []
    by = f" by {' and '.join(over)}" if over else ""
    return f"circuit {alert.subject} of {alert.location_id} is above its limit{by} since {utc_text(alert.from_at)}"


def _peak_sentence(alert: Alert) -> str:
    foreseen, peak = alert.data.get("foreseen_w"), alert.data.get("peak_w")
    return (
        f"{alert.location_id} is foreseen to draw {foreseen} W in a quarter hour; its peak of the month is {peak} W"
    )


def _amperes(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10}"
