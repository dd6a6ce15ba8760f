"""The attempts of one payout, each a stream of its own."""

from collections.abc import Iterable

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.payout.events import PayoutKey
from domain.payout.payout import Payout
from engine.payout_streams import load_payouts


def attempts_of(cursor: Cursor[TupleRow], payouts: dict[str, Payout]) -> list[list[Payout]]:
    """All attempts of those payouts of which there are several, the first one first; what is not there is loaded.

    Two transactions that come to the attempts of one payout from both ends are told apart by the database, and one of
    them tries again.
    """
    load_missing(cursor, payouts, (key for payout in payouts.values() for key in earlier_than(payout)))
    while load_missing(cursor, payouts, (each.superseded_by for each in payouts.values() if each.superseded_by)):
        pass
    ends = [each for each in payouts.values() if each.created and each.created.tries > 1 and not each.superseded_by]
    return [[*(payouts[key] for key in earlier_than(last)), last] for last in ends]


def load_missing(
    cursor: Cursor[TupleRow], payouts: dict[str, Payout], wanted: Iterable[str], *, locked: bool = True
) -> bool:
    """Load payouts that are not there yet; whether there were any."""
    missing = set(wanted) - payouts.keys()
    if missing:
        payouts |= load_payouts(cursor, missing, locked=locked)
    return bool(missing)


def earlier_than(payout: Payout) -> list[str]:
    """The ids of the attempts before a payout, the first one first."""
    made = payout.created
    if made is None:
        return []
    first = made.attempt - made.tries + 1
    keys = (PayoutKey(made.operator_id, made.currency, made.business_date, n) for n in range(first, made.attempt))
    return [key.payout_id for key in keys]
