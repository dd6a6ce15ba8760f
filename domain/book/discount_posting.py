"""The posting rules of discounts that somebody else than the session's operator bears."""

from collections.abc import Callable
from typing import Any

from domain.book.discount_bookings import DiscountFunded, DiscountGranted
from domain.book.drafts import Draft, payable

DISCOUNTS_FUNDED = "5065"


def _of_driver(b: DiscountGranted | DiscountFunded, funder: str) -> list[Draft]:
    due = b.from_refunds_due
    receivable = (f"1105/{b.session_id}", -(b.amount + due))
    return [("J01d", [(funder, b.amount), receivable, (f"2080/{b.due_payment_id}", due)])]


def _granted(b: DiscountGranted) -> list[Draft]:
    return _of_driver(b, DISCOUNTS_FUNDED)


def _funded(b: DiscountFunded) -> list[Draft]:
    return _of_driver(b, payable(b))


RULES_OF_DISCOUNTS: dict[type, Callable[[Any], list[Draft]]] = {
    DiscountGranted: _granted,
    DiscountFunded: _funded,
}
