"""What a remittance advice says: a payout, its payee, how it comes to its amount, what it leaves out, its lines."""

from dataclasses import dataclass
from datetime import date, datetime

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from projections.operators import names_of_operators
from projections.payout_change import change
from projections.payout_excluded import Excluded, excluded
from projections.payout_explained import ExplainedPayout, explained_payout
from projections.payout_steps import Step, Waterfall, paid_lines, waterfall
from projections.payout_story import PaidLine
from projections.queries import payout_id_as_written

# Beyond so many lines an advice is no longer read; all of them are in the payout's list.
LINES_MAX = 400

# To whom a payout goes, and when.
_PAYEE = """
SELECT payee AS holder, account, coalesce(execution_date, (fired_at AT TIME ZONE 'UTC')::date) AS execution_date,
       coalesce(time_zone, 'UTC') AS time_zone, status_at, reason, coalesce(content_hash, '') AS content_hash
FROM surface.payouts WHERE payout_id = %s
"""
# How much of it was owed already when the run before fired.
_CARRIED = """
SELECT count(*), coalesce(sum(line.amount), 0)::bigint
FROM surface.payouts CROSS JOIN unnest(payouts.entry_ids) AS paid (entry_id)
JOIN surface.payable_lines AS line USING (entry_id, operator_id)
WHERE payouts.payout_id = %s AND line.effective_at <= %s
"""
# The taxes in what its sessions were rated at, as they stand now.
_TAXES = """
SELECT coalesce(sum(session.gross), 0)::bigint, coalesce(sum(session.vat), 0)::bigint,
       coalesce(sum(session.commission + session.commission_vat), 0)::bigint,
       coalesce(sum(session.commission_vat), 0)::bigint
FROM projection.sessions AS session
WHERE session.session_id IN (
    SELECT entry.session_id
    FROM surface.payouts CROSS JOIN unnest(payouts.entry_ids) AS paid (entry_id)
    JOIN surface.entries AS entry USING (entry_id)
    WHERE payouts.payout_id = %s AND entry.kind IN ('J01', 'J06', 'J06r', 'J13')
)
"""


@dataclass(frozen=True, slots=True)
class Payee:
    """Who is paid, on which account (masked), when, what became of it, and the hash of what was decided."""

    holder: str
    account: str
    execution_date: date
    time_zone: str
    status_at: datetime
    reason: str | None
    content_hash: str = ""


@dataclass(frozen=True, slots=True)
class Taxes:
    """The VAT within the gross of a payout's sessions, and within the commission on them, in minor units."""

    of_gross: int
    of_commission: int


@dataclass(frozen=True, slots=True)
class Carried:
    """What a payout pays that was owed already when the run before it fired, in minor units."""

    since: date
    entries: int
    amount: int


@dataclass(frozen=True, slots=True)
class Remittance:
    """A payout as its payee is told of it; `lines` are the first LINES_MAX of what it pays.

    `taxes` are None where they do not belong to this payout alone: a session of it was rated anew, or is paid in
    several. `carried` is None for the first payout of its operator and currency.
    """

    payout: ExplainedPayout
    operator_name: str
    payee: Payee
    waterfall: Waterfall
    excluded: Excluded
    taxes: Taxes | None
    carried: Carried | None
    lines: tuple[PaidLine, ...]


def remittance(cursor: Cursor[TupleRow], payout_id: str, known: int | None = None) -> Remittance | None:
    """All that an advice says of a payout, its id with or without hyphens; None where there is none to be seen."""
    written = payout_id_as_written(payout_id)
    found = explained_payout(cursor, written)
    with cursor.connection.cursor(row_factory=class_row(Payee)) as rows:
        payee = rows.execute(_PAYEE, (written,)).fetchone()
    if found is None or payee is None:
        return None
    steps = waterfall(cursor, found)
    return Remittance(
        found,
        names_of_operators(cursor, [found.operator_id]).get(found.operator_id, payee.holder),
        payee,
        steps,
        excluded(cursor, found, known),
        _taxes(cursor, steps),
        _carried(cursor, found),
        tuple(paid_lines(cursor, found, LINES_MAX)),
    )


def _taxes(cursor: Cursor[TupleRow], found: Waterfall) -> Taxes | None:
    gross, vat, commission, commission_vat = cursor.execute(_TAXES, (found.payout.payout_id,)).fetchone() or (0,) * 4
    amounts = {step.code: step.amount for step in found.steps}
    paid = amounts.get(Step.GROSS_CARD, 0) + amounts.get(Step.GROSS_ROAMING, 0)
    if (gross, -commission) != (paid, amounts.get(Step.COMMISSION, 0)):
        return None
    return Taxes(vat, commission_vat)


def _carried(cursor: Cursor[TupleRow], found: ExplainedPayout) -> Carried | None:
    before = change(cursor, found).before
    if before is None:
        return None
    entries, amount = cursor.execute(_CARRIED, (found.payout_id, before.fired_at)).fetchone() or (0, 0)
    return Carried(before.business_date, entries, amount)
