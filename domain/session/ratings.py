"""How the prices a session was charged came about, as stored with its outcome."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zlib import crc32

from domain.calendar import utc_text
from domain.money import plain
from domain.rating.explanation import explanation
from domain.session.assessment import Bill, BillChange

# Texts, since a rating is read by people only: a tree of them would have to be kept, compared and stored each time.
_write = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


def ratings(changes: Iterable[BillChange], currency: str, known: Sequence[str] = ()) -> tuple[str, ...]:
    """One JSON document per price: from when it holds and why, the tariff's version, and every priced line.

    `source` and `id` are of the message that caused it: the end, a correction, an order to rate anew. A price that
    was withdrawn has none. Amounts are in minor units, quantities and exact amounts decimal texts. One of the `known`
    with the same cause, tariff, energy and amounts stays as it was written.
    """
    return tuple([_rating(change, change.bill, currency, known) for change in changes if change.bill is not None])


def read_rating(text: str) -> Mapping[str, Any]:
    """A rating as it was written."""
    found: Mapping[str, Any] = json.loads(text)
    return found


def _rating(change: BillChange, bill: Bill, currency: str, known: Sequence[str]) -> str:
    head = _head(change, bill)
    for text in known:
        if text.startswith(head):
            return text
    # Without the periods of its CDR, which are split further there, and without the rounding of OCPI numbers.
    return head + _write(explanation(bill.rating, bill.published.tariff, currency, of_cdr=False))[1:]


def _head(change: BillChange, bill: Bill) -> str:
    """How the document begins, with what makes one rating another; `check` stands for its lines."""
    return (
        f'{{"at":"{utc_text(change.at)}","source":{_write(change.source)},"id":{_write(change.id)},'
        f'"tariff":"{bill.published.hash}","energy_wh":"{plain(bill.energy_wh)}","net":{bill.net},'
        f'"gross":{bill.gross},"check":{_check(bill)},'
    )


def _check(bill: Bill) -> int:
    """A checksum of what lines are made of: when each begins, of which component, and how much.

    Where terms of taxes say whether a buyer is charged VAT, of that too.
    """
    rating = bill.rating
    periods = rating.periods
    priced = [(line.dimension, line.volume, line.price, periods[line.first_period].start) for line in rating.lines]
    taxes = [line.vat for line in rating.lines] if bill.dealt is not None else []
    return crc32(repr(priced).encode() + (repr(taxes).encode() if taxes else b""))
