"""The payable lines of an operator: where each stands, why it is not paid, and what the next run will pay of them.

Amounts are minor units, positive in the operator's favour. The next run is that of the business date after the last
one that was closed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from domain.calendar import ONE_DAY, business_date, opens_at, zone
from domain.catalogue.parties import Operator
from domain.payout.amounts import GROSS_KINDS, SHARE_KINDS, Due, NothingPaid, Past, Taxed, amount_of
from domain.payout.booked import RETAINED_RELEASE_KEY
from projections.operators import Terms, operator
from projections.payout_excluded import Reason

# The last business date that was closed, and when its run fired.
_CLOSED = "SELECT closed_through, fired_at FROM surface.runs WHERE operator_id = %s AND closed_through > '0001-01-01'"
_HELD_UP = "SELECT DISTINCT kind FROM surface.held_up WHERE operator_id = %s ORDER BY kind"
_CURRENCIES = "SELECT currency FROM projection.operator_balances WHERE operator_id = %s ORDER BY currency"
# Lines that the next run may pay, by currency: what they come to, how many there are, and how many of them were due
# when the last run fired.
_DUE = """
SELECT currency, sum(amount)::bigint, coalesce(sum(amount) FILTER (WHERE NOT reserve_release), 0)::bigint,
       coalesce(sum(amount) FILTER (WHERE kind = ANY (%(gross)s)), 0)::bigint,
       coalesce(sum(amount) FILTER (WHERE kind = ANY (%(share)s)), 0)::bigint,
       min(available_on) FILTER (WHERE share <> %(retained)s), count(*),
       count(*) FILTER (WHERE available_on <= %(closed)s::date AND released_at < %(fired_at)s::timestamptz)
FROM surface.payable_lines
WHERE operator_id = %(operator_id)s AND payout_id IS NULL AND released_at IS NOT NULL AND available_on <= %(next)s
GROUP BY currency ORDER BY currency
"""
_TAXED = """
SELECT currency, regime, business_date, base, percent, amount, rejected_at FROM surface.tax_withheld
WHERE operator_id = %s AND business_date >= %s::date - 366
"""
_COLUMNS: LiteralString = """
    line.entry_id, line.kind, entry.session_id, line.payout_id, line.currency, line.amount, line.effective_at,
    line.released_at, line.available_on, payout.status AS payout_status
"""
_BESIDE: LiteralString = """
JOIN surface.entries AS entry USING (entry_id)
LEFT JOIN surface.payouts AS payout ON payout.payout_id = line.payout_id
ORDER BY line.effective_at DESC, line.entry_id DESC
"""
_BEHIND: LiteralString = """
(%(after)s::timestamptz IS NULL OR (line.effective_at, line.entry_id) < (%(after)s, %(after_id)s::uuid))
AND (%(currency)s::text IS NULL OR line.currency = %(currency)s)
"""
# Lines that are not paid, newest first.
_UNPAID: LiteralString = f"""
SELECT {_COLUMNS}
FROM (
    SELECT line.* FROM surface.payable_lines AS line
    WHERE line.operator_id = %(operator_id)s AND line.payout_id IS NULL AND {_BEHIND}
      AND CASE %(state)s
          WHEN 'UNRELEASED' THEN line.released_at IS NULL
          WHEN 'MATURING' THEN line.released_at IS NOT NULL AND line.available_on > %(next)s
          ELSE line.released_at IS NOT NULL AND line.available_on <= %(next)s
      END
    ORDER BY line.effective_at DESC, line.entry_id DESC LIMIT %(limit)s
) AS line
{_BESIDE}
"""  # noqa: S608 (constants)
# Lines that are set aside for payouts which wait for approval, newest first.
_SET_ASIDE: LiteralString = f"""
SELECT {_COLUMNS}
FROM (
    SELECT line.*
    FROM surface.payouts AS waiting CROSS JOIN unnest(waiting.entry_ids) AS paid (entry_id)
    JOIN surface.payable_lines AS line USING (entry_id, operator_id)
    WHERE waiting.operator_id = %(operator_id)s AND waiting.status = 'AWAITING_APPROVAL' AND {_BEHIND}
    ORDER BY line.effective_at DESC, line.entry_id DESC LIMIT %(limit)s
) AS line
{_BESIDE}
"""  # noqa: S608 (constants)
# All lines, or those that were paid, newest first, by the accounts that they stand on. An entry may have several
# postings to one of them.
_BY_ACCOUNTS: LiteralString = f"""
SELECT {_COLUMNS}
FROM (
    SELECT line.*
    FROM unnest(%(accounts)s::text[], %(currencies)s::text[]) AS place (account, currency)
    CROSS JOIN LATERAL (
        SELECT DISTINCT ON (posted.effective_at, posted.entry_id) posted.entry_id
        FROM projection.account_lines AS posted
        WHERE posted.account = place.account AND posted.currency = place.currency
          AND (%(after)s::timestamptz IS NULL
               OR (posted.effective_at, posted.entry_id) < (%(after)s, %(after_id)s::uuid))
          AND EXISTS (
              SELECT FROM surface.payable_lines AS kept
              WHERE kept.entry_id = posted.entry_id AND kept.operator_id = substr(place.account, 6)
                AND (%(state)s::text IS NULL OR kept.payout_id IS NOT NULL AND kept.payout_id <> ALL (%(waiting)s))
          )
        ORDER BY posted.effective_at DESC, posted.entry_id DESC LIMIT %(limit)s
    ) AS found
    JOIN surface.payable_lines AS line
        ON line.entry_id = found.entry_id AND line.operator_id = substr(place.account, 6)
    ORDER BY line.effective_at DESC, line.entry_id DESC LIMIT %(limit)s
) AS line
{_BESIDE}
"""  # noqa: S608 (constants)
_WAITING = "SELECT payout_id FROM surface.payouts WHERE operator_id = %s AND status = 'AWAITING_APPROVAL'"


class LineState(StrEnum):
    """Where a payable line stands."""

    UNRELEASED = "UNRELEASED"
    MATURING = "MATURING"
    PAYABLE = "PAYABLE"
    SET_ASIDE = "SET_ASIDE"
    PAID = "PAID"


@dataclass(frozen=True, slots=True)
class OperatorLine:
    """An entry's effect on what an operator is owed, with what becomes of it."""

    entry_id: UUID
    kind: str
    session_id: str | None
    payout_id: str | None
    currency: str
    amount: int
    effective_at: datetime
    released_at: datetime | None
    available_on: date | None
    payout_status: str | None


@dataclass(frozen=True, slots=True)
class NextRun:
    """What the next run of an operator would pay in a currency of what is known now.

    `due` is the sum of `lines`, `reserve` what it would keep of them, with what is `retained`, and `withheld` the
    taxes; `pays` is what it would hand off: nothing where there is a `reason`. `was_due` is how many of the lines the
    last run could have paid.
    """

    currency: str
    business_date: date
    fires_at: datetime | None
    lines: int
    due: int
    reserve: int
    minimum: int
    pays: int
    reason: Reason | None
    was_due: int
    retained: int = 0
    withheld: int = 0


@dataclass(frozen=True, slots=True)
class Desk:
    """What is known of an operator's next run: its date, its terms, what it would pay, and what holds it up.

    `held_because` is why somebody holds its payouts now.
    """

    operator_id: str
    next_date: date
    closed_through: date | None
    fired_at: datetime | None
    terms: Terms | None
    held_up: tuple[str, ...]
    runs: Mapping[str, NextRun]
    held_because: str | None = None

    def state(self, line: OperatorLine) -> LineState:
        """Where a line stands."""
        if line.payout_id is not None:
            return LineState.SET_ASIDE if line.payout_status == "AWAITING_APPROVAL" else LineState.PAID
        if line.released_at is None or line.available_on is None:
            return LineState.UNRELEASED
        return LineState.PAYABLE if line.available_on <= self.next_date else LineState.MATURING

    def was_due(self, line: OperatorLine) -> bool:
        """Whether the last run that fired could have paid a line that is payable."""
        if self.closed_through is None or self.fired_at is None:
            return False
        if line.released_at is None or line.available_on is None:
            return False
        return line.available_on <= self.closed_through and line.released_at < self.fired_at


def currencies_of(cursor: Cursor[TupleRow], operator_id: str) -> list[str]:
    """The currencies in which anything was ever posted to an operator."""
    return [currency for (currency,) in cursor.execute(_CURRENCIES, (operator_id,))]


def held_up_by(cursor: Cursor[TupleRow], operator_id: str) -> tuple[str, ...]:
    """What holds up the runs of an operator now: kinds of findings."""
    return tuple(kind for (kind,) in cursor.execute(_HELD_UP, (operator_id,)))


def desk(cursor: Cursor[TupleRow], operator_id: str, now: datetime | None = None) -> Desk | None:
    """The next run of an operator; None where nothing was published of it, or not for who asks."""
    found = operator(cursor, operator_id)
    if found is None:
        return None
    moment = now or datetime.now(UTC)
    terms = found.in_effect(moment)
    zone_, cutoff = zone(terms.terms["time_zone"]), time.fromisoformat(terms.terms["payout"]["cutoff_time"])
    row = cursor.execute(_CLOSED, (operator_id,)).fetchone()
    closed, fired_at = row or (None, None)
    next_date: date = closed + ONE_DAY if closed else business_date(moment, zone_, cutoff)
    held_up = held_up_by(cursor, operator_id)
    asked = {"operator_id": operator_id, "closed": closed, "fired_at": fired_at, "next": next_date}
    asked |= {"gross": list(GROSS_KINDS), "share": list(SHARE_KINDS), "retained": RETAINED_RELEASE_KEY}
    fires_at = opens_at(next_date + ONE_DAY, zone_, cutoff)
    contract = terms.contract()
    past = Past()
    if contract.runs.withholding:
        past.taxed = [Taxed(*taxed) for taxed in cursor.execute(_TAXED, (operator_id, next_date)).fetchall()]
    runs = {}
    for currency, *sums, lines, was_due in cursor.execute(_DUE, asked).fetchall():
        due = Due(currency, *sums)
        run = _next_run(due, next_date, fires_at, contract, past)
        is_held = found.held_because is not None or not {"BAD_ACCOUNT", "RUNS_FAILED"}.isdisjoint(held_up)
        held = Reason.HELD if is_held else run.reason
        pays = 0 if held else run.pays
        runs[currency] = replace(run, lines=lines, was_due=was_due, reason=held, pays=pays)
    return Desk(operator_id, next_date, closed, fired_at, terms, held_up, runs, found.held_because)


def _next_run(due: Due, day: date, fires_at: datetime, contract: Operator, past: Past) -> NextRun:
    found = amount_of(due, day, fires_at, contract, past)
    minimum = contract.payout.minimum_minor if due.currency == contract.currency else 0
    run = NextRun(due.currency, day, fires_at, 0, due.total, 0, minimum, 0, None, 0)
    if isinstance(found, NothingPaid):
        return replace(run, reserve=due.total - found.left, reason=Reason(found.reason))
    withheld = sum(found.withheld.values())
    return replace(run, reserve=found.reserve, retained=found.retained, withheld=withheld, pays=found.amount)


def operator_lines(
    cursor: Cursor[TupleRow],
    of: Desk,
    state: LineState | None = None,
    limit: int | None = None,
    after: tuple[datetime, UUID] | None = None,
    currency: str | None = None,
) -> list[OperatorLine]:
    """Payable lines, newest first, of one state and one currency or of all, at most so many, behind one of them."""
    at, id_ = after or (None, None)
    asked: dict[str, Any] = {
        "operator_id": of.operator_id,
        "state": state,
        "next": of.next_date,
        "limit": limit,
        "after": at,
        "after_id": id_,
        "currency": currency,
    }
    if state is LineState.SET_ASIDE:
        query = _SET_ASIDE
    elif state is None or state is LineState.PAID:
        query = _BY_ACCOUNTS
        currencies = [each for each in currencies_of(cursor, of.operator_id) if currency in (None, each)]
        places = [(f"{code}/{of.operator_id}", each) for code in ("2010", "2011") for each in currencies]
        asked["accounts"] = [account for account, _ in places]
        asked["currencies"] = [each for _, each in places]
        asked["waiting"] = [payout_id for (payout_id,) in cursor.execute(_WAITING, (of.operator_id,))]
    else:
        query = _UNPAID
    with cursor.connection.cursor(row_factory=class_row(OperatorLine)) as rows:
        return rows.execute(query, asked).fetchall()


def why_not_paid(of: Desk, line: OperatorLine) -> Reason | None:
    """Why a line is not paid; None where it is, or where the next run pays it."""
    state = of.state(line)
    if state is LineState.UNRELEASED:
        return Reason.NOT_RELEASED
    if state is LineState.MATURING:
        return Reason.AVAILABLE_LATER
    if state is LineState.SET_ASIDE:
        return Reason.SET_ASIDE
    run = of.runs.get(line.currency)
    if state is LineState.PAID or run is None:
        return None
    if run.reason is not None:
        return run.reason
    limited = of.terms is not None and of.terms.terms.get("advance_limit") is not None
    return Reason.ADVANCE_LIMIT if limited and of.was_due(line) else None
