"""What banks answered about accounts: whether each is known under the name of who is to be paid."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

# The last answer about each account of an operator, the latest first.
_OF_OPERATOR = """
SELECT account, holder, result, suggested_name, provider, verified_at FROM surface.payee_checks
WHERE operator_id = %s ORDER BY verified_at DESC, account
"""
# The last answer about the account that a payout is sent to.
_OF_PAYOUT = """
SELECT NULL, NULL, result, suggested_name, provider, verified_at FROM surface.payout_payees WHERE payout_id = %s
"""


OPTED_OUT: Final = "payee_checks.opted_out"
OPTED_IN: Final = "payee_checks.opted_in"
# What the company decided last about the payees of payments in files.
_OPTED: LiteralString = f"""
SELECT type, decided_by, acts_at, reason FROM projection.decisions
WHERE type IN ('{OPTED_OUT}', '{OPTED_IN}') AND state = 'TAKEN' AND acts_at <= clock_timestamp()
ORDER BY acts_at DESC, source DESC, id DESC LIMIT 1
"""  # noqa: S608 (constants)


class OptOut(NamedTuple):
    """Who decided that payees of payments in files are not checked, from when on, and why."""

    by: str
    at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class PayeeCheck:
    """The last answer about an account, which is masked; of a payout it is its own, and not told again."""

    account: str | None
    holder: str | None
    result: str
    suggested_name: str | None
    provider: str
    at: datetime


def payee_checks(cursor: Cursor[TupleRow], operator_id: str) -> list[PayeeCheck]:
    """The last answer about each account of an operator, the latest first."""
    return [PayeeCheck(*row) for row in cursor.execute(_OF_OPERATOR, (operator_id,))]


def payee_of_payout(cursor: Cursor[TupleRow], payout_id: str) -> PayeeCheck | None:
    """The last answer about the account of a payout; None where nobody had asked."""
    row = cursor.execute(_OF_PAYOUT, (payout_id,)).fetchone()
    return PayeeCheck(*row) if row else None


def bulk_opt_out(cursor: Cursor[TupleRow]) -> OptOut | None:
    """That banks are not asked about payments in files; None where nobody has decided so, or somebody else since."""
    row = cursor.execute(_OPTED).fetchone()
    return None if row is None or row[0] != OPTED_OUT else OptOut(*row[1:])
