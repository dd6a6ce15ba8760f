"""Runs to come, made dry: decided by the code of runs itself in a snapshot, and not written, with what they leave."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import ONE_DAY, business_date
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.payout.cover import CoverRule
from domain.payout.cut_offs import fires_at
from domain.payout.desk import RunsMade
from domain.payout.events import PayoutCreated
from domain.payout.left_out import LeftOut, LeftOutFor
from engine.cover import money_left
from engine.office import Office
from engine.operator_runs import decide_runs, read_desks
from engine.working_set import WorkingSet

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_CLOSED = "SELECT closed_through FROM intake.run WHERE operator_id = %s AND closed_through > '0001-01-01'"
# What nothing has released, and what is set aside for payouts that wait for approval, of what acts by a moment.
_ASIDE = """
SELECT line.currency, CASE WHEN line.payout_id IS NULL THEN 'NOT_RELEASED' ELSE 'SET_ASIDE' END, count(*),
       sum(line.amount)::bigint, line.payout_id
FROM intake.line AS line
WHERE line.operator_id = %(operator_id)s AND line.effective_at <= %(at)s
  AND (line.payout_id IS NULL AND line.released_at IS NULL OR line.payout_id IN (
      SELECT payout_id FROM intake.open_payout WHERE operator_id = %(operator_id)s AND awaits))
GROUP BY line.currency, line.payout_id ORDER BY line.currency, line.payout_id
"""


@dataclass(frozen=True, slots=True)
class PreviewedRun:
    """A run of an operator to come: its payouts by currency, and all that it leaves out.

    Where no client money is there for it, or all payouts are stopped, it waits.
    """

    operator_id: str
    business_date: date
    fires_at: datetime
    payouts: tuple[PayoutCreated, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    waits: bool = field(default=False)


def preview_runs(
    working_set: WorkingSet, now: datetime, through: date | None = None, operator_id: str | None = None
) -> Iterator[PreviewedRun]:
    """The runs up to a business date, or else the next one of each operator, in one snapshot of the store."""
    with working_set.gateway.transaction() as cursor:
        cursor.execute(_SNAPSHOT)
        working_set.known.read(cursor)
        ids = operators_of(working_set) if operator_id is None else [operator_id]
        yield from preview_in(cursor, working_set, ids, now, through)


def operators_of(working_set: WorkingSet) -> list[str]:
    """All operators that are known, by id."""
    return sorted(working_set.known.catalogue.operators)


def preview_in(
    cursor: Cursor[TupleRow],
    working_set: WorkingSet,
    operator_ids: Iterable[str],
    now: datetime,
    through: date | None = None,
) -> Iterator[PreviewedRun]:
    """The same of some operators, within the snapshot of a cursor, whose role need not be one that may lock.

    By what is known and judged in it: each is as the real one is, made on the same book, by the same code. Nothing
    is locked and nothing written; what was published by then is known already. Operators without terms have none.
    """
    operators = working_set.known.catalogue.operators
    for each in operator_ids:
        if each in operators:
            yield from _preview(cursor, working_set, each, now, through)


def _preview(
    cursor: Cursor[TupleRow], working_set: WorkingSet, operator_id: str, now: datetime, through: date | None
) -> Sequence[PreviewedRun]:
    versions = working_set.known.catalogue.operators[operator_id]
    day = through or _next_date(cursor, operator_id, versions, now)
    fired = fires_at(versions, day) if day is not None else None
    if fired is None:
        return []

    def cover(currency: str, moment: datetime) -> int:
        return money_left(cursor, [(currency, moment)])[currency, moment]

    limits = cover if working_set.cover_rule is CoverRule.STOP else None
    office, desks = Office(working_set, is_live=False), read_desks(cursor, [operator_id])
    made = decide_runs(cursor, desks, fired[0], office, limits, is_dry=True)[operator_id].made
    return [_told(cursor, operator_id, made, number) for number in range(len(made.told))]


def _next_date(
    cursor: Cursor[TupleRow], operator_id: str, versions: Versions[Operator], now: datetime
) -> date | None:
    """The date after the last one that was closed, or else today."""
    row = cursor.execute(_CLOSED, (operator_id,)).fetchone()
    operator = versions.at(now)
    if row is not None:
        return row[0] + ONE_DAY  # type: ignore[no-any-return]
    return business_date(now, operator.time_zone, operator.payout.cutoff) if operator else None


def _told(cursor: Cursor[TupleRow], operator_id: str, made: RunsMade, number: int) -> PreviewedRun:
    run = made.told[number]
    asked = {"operator_id": operator_id, "at": run.at}
    aside = [
        LeftOut(currency, LeftOutFor(reason), entries, amount, set_aside_for=payout_id)
        for currency, reason, entries, amount, payout_id in cursor.execute(_ASIDE, asked).fetchall()
    ]
    payouts = [decision for _, decisions in made.decisions for decision in decisions]
    own = [each for each in payouts if isinstance(each, PayoutCreated) and _is_of(each, made, number)]
    taxes = [
        LeftOut(each.currency, LeftOutFor.WITHHELD, 0, sum(each.withheld.values()) + each.fee + each.fee_vat)
        for each in own
        if not each.is_handed_off and each.reissue_of is None
    ]
    left_out = [*run.left_out, *aside, *(each for each in taxes if each.amount)]
    waits = made.waiting is not None and made.waiting.business_date == run.business_date
    return PreviewedRun(
        operator_id,
        run.business_date,
        run.at,
        tuple(sorted(own, key=lambda each: (each.currency, each.attempt))),
        _merged(left_out),
        waits,
    )


def _is_of(created: PayoutCreated, made: RunsMade, number: int) -> bool:
    """Whether a run made a payout: that of its date or, of one that goes again, the run that fired then.

    Those that waited for cover are made at one moment: what goes again is told with the first of them.
    """
    run = made.told[number]
    if created.reissue_of is None:
        return created.business_date == run.business_date
    fired = [each.at for each in made.told]
    return created.fired_at == run.at or (number == 0 and created.fired_at not in fired)


def _merged(left_out: Sequence[LeftOut]) -> tuple[LeftOut, ...]:
    """Sums under one reason told once, by currency and reason."""
    sums: dict[tuple[str, LeftOutFor, date | None, str | None], tuple[int, int]] = {}
    for each in left_out:
        key = (each.currency, each.reason, each.available_on, each.set_aside_for)
        entries, amount = sums.get(key, (0, 0))
        sums[key] = (entries + each.entries, amount + each.amount)
    return tuple(
        LeftOut(currency, reason, entries, amount, available_on, payout_id)
        for (currency, reason, available_on, payout_id), (entries, amount) in sorted(sums.items(), key=str)
    )
