"""How the prices a session was charged came about, as stored with its outcome."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from domain.assessment import BillChange
from domain.calendar import utc_text
from domain.explanation import explanation
from domain.money import plain

# Texts, since a rating is read by people only: a tree of them would have to be kept, compared and stored each time.
_write = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


def ratings(changes: Iterable[BillChange], currency: str) -> tuple[str, ...]:
    """One JSON document per price: from when it holds and why, the tariff's version, and every priced line.

    `source` and `id` are of the message that caused it: the end, a correction, an order to rate anew. A price that
    was withdrawn has none. Amounts are in minor units, quantities and exact amounts decimal texts.
    """
    return tuple([_rating(change, currency) for change in changes if change.bill is not None])


def read_rating(text: str) -> Mapping[str, Any]:
    """A rating as it was written."""
    found: Mapping[str, Any] = json.loads(text)
    return found


def _rating(change: BillChange, currency: str) -> str:
    bill = change.bill
    if bill is None:
        raise ValueError("a price that was withdrawn has no rating")
    # A session is judged many times while its price stays, as a rule that of one change.
    known = bill.explained.get(currency)
    cause = (change.at, change.source, change.id)
    if known is not None and known[0] == cause:
        return known[1]
    found = _write(
        {
            "at": utc_text(change.at),
            "source": change.source,
            "id": change.id,
            "tariff": bill.published.hash,
            "energy_wh": plain(bill.energy_wh),
            "net": bill.net,
            "gross": bill.gross,
            # Without the periods of its CDR, which are split further there, and the rounding of OCPI numbers.
            **explanation(bill.rating, bill.published.tariff, currency, of_cdr=False),
        }
    )
    bill.explained[currency] = (cause, found)
    return found
