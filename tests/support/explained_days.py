"""Business dates of a store, and what those without a payout should be explained with, by the journal."""

from domain.calendar import ONE_DAY
from ledger.database import Role, connect
from projections.payout_day import DayOfOperator, day_of_operator
from projections.runner import catch_up
from tests.support.explained import made_payouts, moves

_CLOSED = "SELECT operator_id, closed_through FROM surface.runs WHERE closed_through > '0001-01-01' ORDER BY 1"
_FIRST = "SELECT min(effective_at)::date FROM projection.account_lines WHERE account = ANY (%s)"
_NEXT = """
SELECT min(position) FROM surface.payouts
WHERE operator_id = %s AND currency = %s AND business_date > %s AND reissue_of IS NULL
"""


def told_days(dsn: str, days: int = 80) -> tuple[list[DayOfOperator], list[str]]:
    """The last so many business dates of all operators that were closed, and what is not as the journal says."""
    if not made_payouts(dsn):
        return [], []
    catch_up(dsn)
    of, found, wrong = moves(dsn), [], []
    with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        for operator_id, closed in cursor.execute(_CLOSED).fetchall():
            accounts = [f"{code}/{operator_id}" for code in ("2010", "2011")]
            (first,) = cursor.execute(_FIRST, (accounts,)).fetchone() or (None,)
            day = max(first, closed - days * ONE_DAY) if first else closed
            while day <= closed:
                told = day_of_operator(cursor, operator_id, day)
                assert told is not None
                found.append(told)
                for each in told.nothing_paid:
                    (upto,) = cursor.execute(_NEXT, (operator_id, each.currency, day)).fetchone() or (None,)
                    known = [
                        move for move in of[operator_id, each.currency] if move.effective_at <= each.run.fired_at
                    ]
                    owed = sum(move.amount for move in known if upto is None or move.position < upto)
                    sums = (each.payable_before, sum(sum_.amount for sum_ in each.excluded))
                    if any(sum_.reason == "UNEXPLAINED" for sum_ in each.excluded):
                        wrong.append(f"{operator_id} {day} {each.currency} has no reason: {each.excluded}")
                    if sums != (owed, owed):
                        wrong.append(f"{operator_id} {day} {each.currency}: {sums} are not {owed}: {each.excluded}")
                day += ONE_DAY
    return found, wrong
