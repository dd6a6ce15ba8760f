"""Messages about wallets as they come over the wire."""

from typing import Any

from tests.support.events import event, money


def topped_up(
    at: str, amount: str, name: str = "TU-1", wallet: str = "W-1", fee: str = "0.60", payment: str = "P-T"
) -> dict[str, Any]:
    """A card was charged for a wallet; `at` is a whole time."""
    data = {"wallet_id": wallet, "top_up_id": name, "provider": "psp", "payment_id": payment, "captured_at": at}
    return event("wallet.topped_up", wallet, at, data | {"amount": money(amount), "fee": money(fee)}, name)


def charged(at: str, amount: str, session: str = "S-1", name: str = "", wallet: str = "W-1") -> dict[str, Any]:
    """A session is paid out of a wallet."""
    name = name or f"WC-{session}"
    data = {"wallet_id": wallet, "charge_id": name, "session_id": session, "charged_at": at}
    return event("wallet.charged", wallet, at, data | {"amount": money(amount)}, name)


def refunded(at: str, amount: str, session: str = "S-1", name: str = "WR-1", wallet: str = "W-1") -> dict[str, Any]:
    """Money of a session goes back to its wallet."""
    data = {"wallet_id": wallet, "refund_id": name, "session_id": session, "refunded_at": at}
    return event("wallet.refunded", wallet, at, data | {"amount": money(amount)}, name)


def closed(at: str, amount: str, name: str = "WX-1", wallet: str = "W-1") -> dict[str, Any]:
    """What is left of a wallet goes back to its driver."""
    data = {"wallet_id": wallet, "close_id": name, "provider": "psp", "closed_at": at}
    return event("wallet.closed", wallet, at, data | {"amount": money(amount)}, name)
