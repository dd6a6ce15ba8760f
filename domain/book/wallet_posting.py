"""The posting rules of prepaid wallets (2070)."""

from collections.abc import Callable
from typing import Any

from domain.book.drafts import Draft, available
from domain.book.wallet_bookings import WalletCharged, WalletClosed, WalletRefunded, WalletToppedUp

_PSP_FEES = "5010"


def _wallet(b: WalletToppedUp | WalletClosed | WalletCharged | WalletRefunded) -> str:
    return f"2070/{b.wallet_id}"


def _topped_up(b: WalletToppedUp) -> list[Draft]:
    psp = f"1110/{b.provider}"
    return [("J11", [(psp, b.amount), (_wallet(b), -b.amount)]), ("J03", [(_PSP_FEES, b.fee), (psp, -b.fee)])]


def _closed(b: WalletClosed) -> list[Draft]:
    return [("J12c", [(_wallet(b), b.amount), (f"1110/{b.provider}", -b.amount)])]


def _charged(b: WalletCharged) -> list[Draft]:
    return [("J12", [(_wallet(b), b.amount), (f"1105/{b.session_id}", -b.amount)])]


def _refunded(b: WalletRefunded) -> list[Draft]:
    wallet = _wallet(b)
    return [
        ("J25x", [(f"1105/{b.session_id}", b.from_overpaid), (wallet, -b.from_overpaid)]),
        ("J59r", [(f"2080/{b.due_payment_id}", b.from_refunds_due), (wallet, -b.from_refunds_due)]),
        ("J12r", [(available(b), b.by_operator), (wallet, -b.by_operator)]),
    ]


RULES_OF_WALLETS: dict[type, Callable[[Any], list[Draft]]] = {
    WalletToppedUp: _topped_up,
    WalletClosed: _closed,
    WalletCharged: _charged,
    WalletRefunded: _refunded,
}
