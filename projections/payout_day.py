"""A business date of an operator: which payouts it has, and in each currency without one why its run paid nothing.

Amounts are minor units, positive in the operator's favour. Of a run that paid nothing no event says what it knew: it
is taken to be what stands before the operator's next payout in the currency, or all that is known where there is none
yet. With that, what it left out adds up to what stood on 2010 and 2011 when it fired, to the cent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from domain.calendar import business_date, zone
from domain.catalogue.parties import Operator
from domain.catalogue.switches import HOLD_TYPES, STOP_TYPES, Interval, Switched, Switches
from domain.payout.amounts import GROSS_KINDS, SHARE_KINDS, Due, NothingPaid, Past, Taxed, amount_of
from domain.payout.booked import RETAINED_RELEASE_KEY
from domain.payout.cut_offs import fires_at
from projections.decisions import TAKEN, Decision, decisions_about, decisions_of_operator
from projections.operator_lines import currencies_of, held_up_by
from projections.operators import OperatorTerms, operator
from projections.payout_excluded import ExcludedSum, LateEntry, LeftOut, Reason, excluded_at, excluded_lines_at
from projections.payout_story import PaidLine
from projections.unpaid_lines import EVERYTHING, UNPAID, FiredRun, question

_CLOSED = "SELECT closed_through FROM surface.runs WHERE operator_id = %s AND closed_through > '0001-01-01'"
_PAYOUTS = """
SELECT payout_id, currency, attempt, amount, status, reissue_of FROM surface.payouts
WHERE operator_id = %s AND business_date = %s ORDER BY currency, attempt
"""
# The payout that the next run made, or somebody asked for after it.
_NEXT = """
SELECT payout_id, business_date, position FROM surface.payouts
WHERE operator_id = %s AND currency = %s AND business_date > %s AND reissue_of IS NULL
ORDER BY position LIMIT 1
"""
_MADE_BEFORE = """
SELECT max(fired_at) FROM surface.payouts WHERE operator_id = %s AND business_date <= %s AND reissue_of IS NULL
"""
# What was due comes to, as `domain.payout.amounts` asks for it.
_OF_DUE: LiteralString = """
SELECT coalesce(sum(amount), 0)::bigint, coalesce(sum(amount) FILTER (WHERE NOT reserve_release), 0)::bigint,
       coalesce(sum(amount) FILTER (WHERE kind = ANY (%(gross)s)), 0)::bigint,
       coalesce(sum(amount) FILTER (WHERE kind = ANY (%(share)s)), 0)::bigint,
       min(available_on) FILTER (WHERE share <> %(retained_release)s), count(*)
FROM excluded WHERE reason = %(due)s
"""
_DUE: LiteralString = UNPAID + _OF_DUE
# The part of it that the run is known to have known: it was recorded before the moment of the run, or before the run
# closed its date, or the payout after it left it out too.
_KNOWN: LiteralString = f"""{UNPAID} {_OF_DUE} AND (
    %(following)s::text IS NOT NULL
        AND entry_id NOT IN (SELECT unnest(entry_ids) FROM surface.payouts WHERE payout_id = %(following)s)
    OR (
        SELECT min(entry.recorded_at)
        FROM projection.account_lines AS line JOIN surface.entries AS entry USING (entry_id)
        WHERE line.account = %(available)s AND line.currency = %(currency)s AND line.effective_at <= %(fired_at)s
          AND (line.entry_id = excluded.entry_id OR line.kind = 'J08' AND entry.session_id = (
              SELECT own.session_id FROM surface.entries AS own WHERE own.entry_id = excluded.entry_id
          ))
    ) < greatest(%(fired_at)s, (
        SELECT runs.recorded_at FROM surface.runs
        WHERE runs.operator_id = %(operator_id)s AND runs.closed_through = %(business_date)s
    ))
)
"""  # noqa: S608 (constants)
_TAXED = """
SELECT currency, regime, business_date, base, percent, amount, rejected_at FROM surface.tax_withheld
WHERE operator_id = %s AND business_date >= %s::date - 366 AND business_date < %s
"""


class DayState(StrEnum):
    """Where the run of a business date stands."""

    # It has not fired, since the day is not over.
    OPEN = "OPEN"
    # It is due and was not made.
    WAITS = "WAITS"
    # It has payouts, whatever became of them.
    MADE = "MADE"
    NOTHING_PAID = "NOTHING_PAID"
    # The operator had no terms by then.
    NO_TERMS = "NO_TERMS"


@dataclass(frozen=True, slots=True)
class PayoutOfDay:
    """A payout of the business date."""

    payout_id: str
    currency: str
    attempt: int
    amount: int
    status: str
    reissue_of: str | None


@dataclass(frozen=True, slots=True)
class NothingPaidOfDay:
    """What the run left out in a currency in which it paid nothing; `excluded` adds up to `payable_before`.

    `due` is what was due, `left` of it what reserve and taxes would have left, for which `reason` held it back, None
    where nothing was due. `next_payout` is the one after it, with its business date.
    """

    run: FiredRun
    payable_before: int
    excluded: tuple[ExcludedSum, ...]
    late: tuple[LateEntry, ...]
    due: int
    left: int
    minimum: int
    reason: Reason | None
    next_payout: tuple[str, date] | None

    @property
    def currency(self) -> str:
        """Of what all amounts are."""
        return self.run.currency

    @property
    def has_any(self) -> bool:
        """Whether anything was owed at all."""
        return bool(self.payable_before or self.excluded)

    def sum_of(
        self, reason: str | None, available_on: date | None = None, set_aside_for: str | None = None
    ) -> ExcludedSum | None:
        """The first of the sums that is told under these, None standing for any; None where there is none."""
        asked = (reason, available_on, set_aside_for)
        for each in self.excluded:
            told = (each.reason, each.available_on, each.set_aside_for)
            if all(wanted in (None, is_) for wanted, is_ in zip(asked, told, strict=True)):
                return each
        return None


@dataclass(frozen=True, slots=True)
class DayOfOperator:
    """A business date of an operator, by what is known.

    `held` is the hold in which its run fired, `held_up` names what a run that waits is held up by, and `stopped` the
    stop of all payouts that stands, where who asks may know of it.
    """

    operator_id: str
    business_date: date
    state: DayState
    fires_at: datetime | None
    payouts: tuple[PayoutOfDay, ...] = ()
    nothing_paid: tuple[NothingPaidOfDay, ...] = ()
    held: Interval | None = None
    held_up: tuple[str, ...] = ()
    stopped: Switched | None = None


def day_of_operator(
    cursor: Cursor[TupleRow],
    operator_id: str,
    day: date | None = None,
    currency: str | None = None,
    now: datetime | None = None,
    known: int | None = None,
) -> DayOfOperator | None:
    """A business date of an operator, by default the last one that was closed, or else today, in a currency or all.

    None where there is no such operator for who asks.
    """
    found = operator(cursor, operator_id)
    if found is None:
        return None
    moment = now or datetime.now(UTC)
    row = cursor.execute(_CLOSED, (operator_id,)).fetchone()
    closed: date | None = row[0] if row else None
    day = day or closed or _today(found, moment)
    fired = fires_at(found.contract(), day)
    if fired is None:
        return DayOfOperator(operator_id, day, DayState.NO_TERMS, None)
    at, contract = fired
    with cursor.connection.cursor(row_factory=class_row(PayoutOfDay)) as rows:
        made = rows.execute(_PAYOUTS, (operator_id, day)).fetchall()
    payouts = tuple(each for each in made if currency in (None, each.currency))
    if closed is None or closed < day:
        return _not_closed(cursor, DayOfOperator(operator_id, day, DayState.OPEN, at, payouts), moment)
    made_at = _made_at(cursor, operator_id, day, at)
    held = _switches(decisions_of_operator(cursor, operator_id, HOLD_TYPES)).on_at(made_at)
    of = _Run(operator_id, day, made_at, contract, held is not None, found.has_sound_account(made_at))
    paid = {each.currency for each in made if each.attempt == 1}
    asked = [each for each in currencies_of(cursor, operator_id) if currency in (None, each) and each not in paid]
    nothing = tuple(told for each in asked if (told := _nothing_paid(cursor, of, each, known)).has_any)
    state = DayState.MADE if payouts else DayState.NOTHING_PAID
    return DayOfOperator(operator_id, day, state, at, payouts, nothing, held)


def _made_at(cursor: Cursor[TupleRow], operator_id: str, day: date, at: datetime) -> datetime:
    """When the run of a date that is due at a moment was made: later where payouts were stopped or waited for cover.

    Of a stop not everybody may know; but no run is made before those of earlier dates, and their payouts say when.
    """
    stop = _switches(decisions_about(cursor, ["payouts"], STOP_TYPES)).on_at(at)
    resumed = stop.ended.at if stop and stop.ended else at
    (before,) = cursor.execute(_MADE_BEFORE, (operator_id, day)).fetchone() or (None,)
    return max(at, resumed, before or at)


def _today(found: OperatorTerms, moment: datetime) -> date:
    terms = found.in_effect(moment).terms
    return business_date(moment, zone(terms["time_zone"]), time.fromisoformat(terms["payout"]["cutoff_time"]))


def _not_closed(cursor: Cursor[TupleRow], of: DayOfOperator, now: datetime) -> DayOfOperator:
    if of.fires_at is None or of.fires_at > now:
        return of
    standing = _switches(decisions_about(cursor, ["payouts"], STOP_TYPES)).standing
    return replace(of, state=DayState.WAITS, held_up=held_up_by(cursor, of.operator_id), stopped=standing)


@dataclass(frozen=True, slots=True)
class _Run:
    """A run that was made at a moment, with the terms by which it fired."""

    operator_id: str
    business_date: date
    at: datetime
    contract: Operator
    is_held: bool
    has_sound_account: bool


def _switches(decisions: Sequence[Decision]) -> Switches:
    """What was switched on and off by decisions that count."""
    switches = Switches()
    for each in decisions:
        if each.state == TAKEN:
            is_on = each.type in (HOLD_TYPES[0], STOP_TYPES[0])
            fact = Switched(
                at=each.acts_at,
                source=each.source,
                id=each.id,
                type=each.type,
                is_on=is_on,
                subject=each.subject,
                reason=each.reason or "",
                by=each.decided_by,
            )
            switches.add(fact)
    return switches


def _nothing_paid(cursor: Cursor[TupleRow], run: _Run, currency: str, known: int | None) -> NothingPaidOfDay:
    row = cursor.execute(_NEXT, (run.operator_id, currency, run.business_date)).fetchone()
    following, position = ((row[0], row[1]), row[2] - 1) if row else (None, EVERYTHING)
    fired = FiredRun(run.operator_id, currency, run.business_date, run.at, position)
    asked = question(fired) | {"gross": list(GROSS_KINDS), "share": list(SHARE_KINDS)}
    asked |= {"retained_release": RETAINED_RELEASE_KEY, "following": following and following[0]}
    due, count = _due(cursor, _DUE, currency, asked)
    reason, left = _why(cursor, run, due) if count else (None, 0)
    # Of a date that is still to come, and was closed too far ahead, nobody knows what its run knew.
    if reason is Reason.CAME_LATER and run.at <= datetime.now(UTC):
        told, count = _due(cursor, _KNOWN, currency, asked)
        is_paid = count and _why(cursor, run, told)[0] is Reason.CAME_LATER
        reason = Reason.UNEXPLAINED if is_paid else reason
    fired = replace(fired, due=reason or Reason.UNEXPLAINED)
    payable_before, sums_left_out, late = excluded_at(cursor, fired, known)
    return NothingPaidOfDay(
        fired,
        payable_before,
        sums_left_out,
        late,
        due.total,
        left,
        run.contract.payout.minimum_minor if currency == run.contract.currency else 0,
        reason,
        following,
    )


def _due(cursor: Cursor[TupleRow], query: LiteralString, currency: str, asked: Mapping[str, Any]) -> tuple[Due, int]:
    """What was due of a run comes to, and of how many lines."""
    *sums, count = cursor.execute(query, asked).fetchone() or (0, 0, 0, 0, None, 0)
    return Due(currency, *sums), count


def _why(cursor: Cursor[TupleRow], run: _Run, due: Due) -> tuple[Reason, int]:
    """Why a run paid nothing of what was due, in the order in which runs ask, and what would have been left of it."""
    past = Past()
    if run.contract.runs.withholding:
        asked = (run.operator_id, run.business_date, run.business_date)
        past.taxed = [Taxed(*taxed) for taxed in cursor.execute(_TAXED, asked).fetchall()]
    found = amount_of(due, run.business_date, run.at, run.contract, past)
    left = found.left if isinstance(found, NothingPaid) else found.amount
    if run.is_held:
        return Reason.HELD, left
    if not run.has_sound_account:
        return Reason.BAD_ACCOUNT, left
    if isinstance(found, NothingPaid):
        return Reason(found.reason), left
    own = due.currency == run.contract.currency
    limited = own and run.contract.advance_limit_minor is not None
    return Reason.ADVANCE_LIMIT if limited else Reason.CAME_LATER, left


def lines_left_out(
    cursor: Cursor[TupleRow],
    of: NothingPaidOfDay,
    sum_: ExcludedSum,
    limit: int | None = None,
    after: tuple[datetime, UUID] | None = None,
) -> list[PaidLine]:
    """The lines of one of the sums, in the order in which they act, behind one of them."""
    return excluded_lines_at(
        cursor, of.run, LeftOut(sum_.reason, sum_.available_on, sum_.set_aside_for), limit, after
    )
