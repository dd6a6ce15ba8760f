"""What operators are owed as of a moment: the columns of `operator_balances`, from the accounts of the book."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.book.balances import trial_balance
from projections.movements import COLUMNS
from projections.queries import OperatorBalance, operator_balances, operators_of_payouts

# The column of each account that has the operator as its dimension; 2050 has the payout.
_COLUMN_OF_CODE = {"2011": "pending", "2010": "available", "2020": "reserved", "2030": "disputed", "2060": "to_fix"}
_IN_TRANSIT = "2050"

# What left the bank for payouts (J36) less what came back of them (J39), mirrors included.
_PAID_OUT = """
SELECT payouts.operator_id, posting.currency, -sum(posting.amount_minor)::bigint
FROM book.entry
JOIN book.posting USING (entry_id)
JOIN projection.payouts AS payouts ON payouts.payout_id = entry.payout_id
WHERE entry.kind IN ('J36', 'J39') AND posting.account = '1010' AND entry.effective_at <= %s
GROUP BY payouts.operator_id, posting.currency
"""


def operator_balances_at(
    cursor: Cursor[TupleRow], moments: Mapping[str, datetime], operator_id: str | None = None
) -> list[OperatorBalance]:
    """Balances by operator and currency, as `operator_balances` gives them, each as of its operator's moment.

    A moment is inclusive and an effective time: what was recorded later and acts by then counts. Operators without a
    moment are left out. Costs a pass over the book for every different moment.
    """
    sums = {moment: _sums(cursor, moment) for moment in set(moments.values())}
    found = []
    for each in operator_balances(cursor, operator_id):
        if each.operator_id in moments:
            columns = sums[moments[each.operator_id]].get((each.operator_id, each.currency), {})
            amounts = {name: columns.get(name, 0) for name in COLUMNS}
            found.append(OperatorBalance(each.operator_id, each.currency, **amounts))
    return found


def _sums(cursor: Cursor[TupleRow], at: datetime) -> dict[tuple[str, str], dict[str, int]]:
    """The columns by operator and currency, in minor units, positive in the operator's favour."""
    operator_of = operators_of_payouts(cursor)
    found: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for currency, accounts in trial_balance(cursor, at, (*_COLUMN_OF_CODE, _IN_TRANSIT)).items():
        for account, (debits, credits) in accounts.items():
            code, _, dimension = account.partition("/")
            operator_id = operator_of.get(dimension) if code == _IN_TRANSIT else dimension
            if operator_id is not None:
                column = _COLUMN_OF_CODE.get(code, "in_transit")
                found[operator_id, currency][column] += credits - debits
    for operator_id, currency, paid in cursor.execute(_PAID_OUT, (at,)):
        found[operator_id, currency]["paid_out"] = paid
    return found
