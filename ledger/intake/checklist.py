"""The checklist of a close: what should hold before a period is closed, each with the figure that says so."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.words import code_of
from domain.calendar import utc_text
from domain.closing.statement import OWED, POOL, Item, ItemState
from domain.money import format_minor
from ledger.book.periods import restated
from ledger.verifications import last_verification

# How long a receipt may be nobody's (accounting invariant 13), and a payout unanswered.
UNALLOCATED_MAX, UNANSWERED_MAX = timedelta(days=30), timedelta(days=7)

# Every finding that is open was opened once more often than it ended.
_FINDINGS = """
SELECT count(*) FILTER (WHERE topic = 'FindingOpened') - count(*) FILTER (WHERE topic = 'FindingEnded')
FROM event_store.stored_events WHERE topic IN ('FindingOpened', 'FindingEnded')
"""
_UNANSWERED = "SELECT count(*) FROM intake.open_payout WHERE sent_at < %s AND left_at = 'infinity'"

# The last anchor, where it is behind the end of a period.
_ANCHORED = """
SELECT anchored_at, tree_size FROM book.anchor WHERE anchored_at >= %s ORDER BY number DESC LIMIT 1
"""

Balances: TypeAlias = Mapping[tuple[str, str], int]


def checklist(cursor: Cursor[TupleRow], ends_at: datetime) -> Sequence[Item]:
    """The items of a period that ends at a moment, in their order, as the book is now."""
    figures, earlier = restated(cursor, ends_at), restated(cursor, ends_at - UNALLOCATED_MAX)
    return [
        _sums("trial_balance", figures, None, lambda total: total == 0),
        _sums("cover", figures, (*POOL, *OWED), lambda total: total >= 0),
        _accounts("provider_clearing", "1110", figures, lambda amount: amount >= 0),
        _accounts("payouts_in_transit", "2050", figures, lambda amount: amount <= 0),
        _sums("fx_positions", figures, ("1510",), lambda total: total == 0),
        _unallocated(figures, earlier),
        _count("payouts_unanswered", cursor.execute(_UNANSWERED, (ends_at - UNANSWERED_MAX,)).fetchone()),
        _count("findings", cursor.execute(_FINDINGS).fetchone()),
        _verified(cursor, ends_at),
        _anchored(cursor, ends_at),
    ]


def _sums(name: str, figures: Balances, codes: Collection[str] | None, holds: Callable[[int], bool]) -> Item:
    """What accounts of some codes, or all, add up to in each currency."""
    totals: dict[str, int] = defaultdict(int)
    for (currency, account), amount in figures.items():
        if codes is None or code_of(account) in codes:
            totals[currency] += amount
    return _item(name, totals, does_hold=all(map(holds, totals.values())))


def _accounts(name: str, code: str, figures: Balances, holds: Callable[[int], bool]) -> Item:
    """What stands on the accounts of a code, each of which has to be on its side."""
    found = {key: amount for key, amount in figures.items() if code_of(key[1]) == code}
    totals: dict[str, int] = defaultdict(int)
    for (currency, _), amount in found.items():
        totals[currency] += amount
    return _item(name, totals, does_hold=all(map(holds, found.values())))


def _unallocated(figures: Balances, earlier: Balances) -> Item:
    """Receipts that are nobody's, none of them for too long."""
    is_young = all(not (amount and earlier.get(key)) for key, amount in figures.items() if code_of(key[1]) == "2410")
    item = _sums("unallocated_receipts", figures, ("2410",), lambda _: True)
    return Item(item.name, ItemState.OK if is_young else ItemState.OPEN, item.figure)


def _verified(cursor: Cursor[TupleRow], ends_at: datetime) -> Item:
    """Whether the book was verified after the period's end, and held."""
    last = last_verification(cursor)
    if last is None or last.verified_at < ends_at:
        return Item("verify", ItemState.OPEN, "not since the end of the period")
    said = f"{utc_text(last.verified_at)}, {last.findings} findings"
    return Item("verify", ItemState.OK if last.passed else ItemState.OPEN, said)


def _anchored(cursor: Cursor[TupleRow], ends_at: datetime) -> Item:
    """Whether the book was anchored after the period's end, so that what was in it by then can be proved."""
    row = cursor.execute(_ANCHORED, (ends_at,)).fetchone()
    if row is None:
        return Item("anchor", ItemState.OPEN, "not since the end of the period")
    return Item("anchor", ItemState.OK, f"{utc_text(row[0])}, {row[1]} entries")


def _count(name: str, row: TupleRow | None) -> Item:
    number = int(row[0]) if row else 0
    return Item(name, ItemState.OPEN if number else ItemState.OK, str(number))


def _item(name: str, totals: Mapping[str, int], *, does_hold: bool) -> Item:
    figure = ", ".join(f"{format_minor(total, currency)} {currency}" for currency, total in sorted(totals.items()))
    return Item(name, ItemState.OK if does_hold else ItemState.OPEN, figure or "0")
