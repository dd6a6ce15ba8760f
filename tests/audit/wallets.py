"""Wallets of the network's drivers: what goes in, sessions that are paid out of them, and what comes back."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from tests.audit.network import BEGINNING, TARIFFS, Event, _event, _iso, _money

OPERATORS = ("OP-A", "OP-C")


def told_of_wallets(random: Random) -> list[Event]:
    """Two wallets and eight sessions: charges that are covered, late or never, refunds, and one wallet is closed."""
    found: list[Event] = []
    for number, wallet_id in enumerate(("W-1", "W-2")):
        start = BEGINNING + timedelta(days=1 + number, hours=9)
        found += _top_up(wallet_id, 1, start, "60.00")
        for place in range(4):
            found += _paid(
                wallet_id, f"{wallet_id}-{place}", start + timedelta(hours=3 * place), OPERATORS[place % 2]
            )
        found += _top_up(wallet_id, 2, start + timedelta(hours=9), "25.00")
        found.append(_back(wallet_id, f"{wallet_id}-0", start + timedelta(days=2)))
    closed = BEGINNING + timedelta(days=6)
    says = {"wallet_id": "W-1", "close_id": "X-1", "provider": "psp-a", "closed_at": _iso(closed)}
    found.append(_event("wallet.closed", "X-1", closed, says | {"amount": _money("1.00", "EUR")}))
    random.shuffle(found)
    return found


def _top_up(wallet_id: str, number: int, at: datetime, amount: str) -> Iterator[Event]:
    name = f"{wallet_id}:{number}"
    says = {"wallet_id": wallet_id, "top_up_id": name, "provider": "psp-a", "payment_id": f"P-{name}"}
    money = {"amount": _money(amount, "EUR"), "fee": _money("0.60", "EUR"), "captured_at": _iso(at)}
    yield _event("wallet.topped_up", name, at, says | money)


def _paid(wallet_id: str, session_id: str, at: datetime, operator_id: str) -> Iterator[Event]:
    start = {
        "session_id": session_id,
        "operator_id": operator_id,
        "location_id": "L-9",
        "evse_uid": f"E-{wallet_id}",
        "connector_id": "1",
        "started_at": _iso(at),
        "meter_start_wh": 0,
        "tariff_id": TARIFFS[operator_id][0],
        "auth_method": "WHITELIST",
        "wallet_id": wallet_id,
    }
    yield _event("charging.session.started", session_id, at, start)
    ended = at + timedelta(hours=1)
    end = {"session_id": session_id, "ended_at": _iso(ended), "meter_stop_wh": "20000", "reason": "UNPLUGGED"}
    yield _event("charging.session.ended", session_id, ended, end)
    charged = ended + timedelta(minutes=5)
    says = {"wallet_id": wallet_id, "charge_id": session_id, "session_id": session_id, "charged_at": _iso(charged)}
    yield _event("wallet.charged", session_id, charged, says | {"amount": _money("25.00", "EUR")})


def _back(wallet_id: str, session_id: str, at: datetime) -> Event:
    says = {"wallet_id": wallet_id, "refund_id": session_id, "session_id": session_id, "refunded_at": _iso(at)}
    return _event("wallet.refunded", session_id, at, says | {"amount": _money("19.00", "EUR")})
