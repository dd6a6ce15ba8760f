"""Which lines of bank accounts are money that was told of already: settlements of providers, invoices of partners.

A settlement that was told is booked (J09) and so is a paid invoice (J17): the bank's line confirms it, and must not
be booked a second time. A line names a receipt where its texts hold the receipt's id. Lines take what was told in the
order of their days: what is above it, a payment that came twice say, is nobody's (J55). Nothing is matched by its
amount alone.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from domain.book.bookings import Booking, InvoicePaid, SettlementReceived
from domain.book.matter_bookings import BalanceCollected, BalanceFunded

# Shorter ids, and numbers alone that are shorter, stand in many texts by chance.
_NAME_MIN, _NUMBER_MIN, _NAME_MAX = 3, 6, 64
_WORDS = re.compile(r"[^\s,;|()\[\]<>\"']+")
_PARTS = re.compile(r"[0-9A-Za-z]+")
_PARTS_JOINED = 6
_NAMES_MAX = 400


class BankLine(NamedTuple):
    """A line that may be money which was told of; `amount` in minor units, negative where money left."""

    at: datetime
    reference: str
    currency: str
    amount: int
    names: frozenset[str]


class ToldReceipt(NamedTuple):
    """A settlement or an invoice as it stands on the book, all parts together; `name` is folded as in texts.

    `subject` says what it is, for people.
    """

    at: datetime
    subject: str
    name: str
    currency: str
    amount: int


class Confirmed(NamedTuple):
    """How much of a line was told of, by what, and what of the last of them is missing at the bank."""

    amount: int = 0
    by: tuple[str, ...] = ()
    taken: tuple[int, ...] = ()
    missing: int = 0
    missing_of: str = ""


NOTHING = Confirmed()


def folded(name: str) -> str:
    """An id as it is compared: letters and digits alone, in capitals, since banks change the rest."""
    return "".join(_PARTS.findall(name)).upper()


def names_in(texts: Iterable[str]) -> set[str]:
    """What the texts of a line may name, folded: words, their parts, and parts that follow each other."""
    found: dict[str, None] = {}
    for text in texts:
        for word in _WORDS.findall(text):
            found |= dict.fromkeys(_names_of(folded(word)))
        parts = [part.upper() for part in _PARTS.findall(text)]
        for first in range(len(parts)):
            for last in range(first + 1, min(first + _PARTS_JOINED, len(parts)) + 1):
                found |= dict.fromkeys(_names_of("".join(parts[first:last])))
    return set(list(found)[:_NAMES_MAX])


def _names_of(name: str) -> Iterator[str]:
    if len(name) > _NAME_MAX or not any(letter.isdigit() for letter in name):
        return
    if len(name) >= (_NUMBER_MIN if name.isdigit() else _NAME_MIN):
        yield name


def told_by(stream: str, booking: Booking) -> tuple[str, str, int] | None:
    """The id that a bank's text may have of a booking on the bank account, what it is, and how much."""
    if isinstance(booking, SettlementReceived):
        subject = f"settlement {booking.settlement_id} of {booking.provider}"
        return booking.settlement_id, subject, booking.amount
    if isinstance(booking, InvoicePaid):
        return booking.invoice_id, f"invoice {booking.invoice_id} of {booking.partner}", booking.amount
    if isinstance(booking, BalanceFunded | BalanceCollected):
        reference = stream.partition(f":{booking.operator_id}:")[2]
        return reference, f"balance {reference} of {booking.operator_id}", booking.amount
    return None


def match(lines: Iterable[BankLine], receipts: Sequence[ToldReceipt]) -> dict[str, Confirmed]:
    """What of each line was told of; a function of the sets, whatever their order.

    Lines in the order of day and id; each takes of the receipts that it names, first of one whose whole rest it is,
    then of the earliest.
    """
    left = {receipt: receipt.amount for receipt in receipts}
    by_name: dict[tuple[str, str], list[ToldReceipt]] = {}
    for receipt in sorted(receipts):
        by_name.setdefault((receipt.name, receipt.currency), []).append(receipt)
    found: dict[str, Confirmed] = {}
    last: dict[ToldReceipt, str] = {}
    for line in sorted(lines, key=lambda each: (each.at, each.reference)):
        named = sorted(receipt for name in line.names for receipt in by_name.get((name, line.currency), ()))
        named.sort(key=lambda receipt: left[receipt] != line.amount)
        by: list[str] = []
        taken: list[int] = []
        for receipt in named:
            part = _part(line.amount - sum(taken), left[receipt])
            if part:
                left[receipt] -= part
                taken.append(part)
                by.append(receipt.subject)
                last[receipt] = line.reference
        found[line.reference] = Confirmed(sum(taken), tuple(by), tuple(taken))
    for receipt, reference in sorted(last.items()):
        if left[receipt]:
            found[reference] = found[reference]._replace(missing=left[receipt], missing_of=receipt.subject)
    return found


def _part(wanted: int, there: int) -> int:
    """How much of what is there goes into what is wanted: nothing where the two have other signs."""
    if wanted > 0 and there > 0:
        return min(wanted, there)
    return max(wanted, there) if wanted < 0 and there < 0 else 0
