"""Cash as the journal and the messages have it, folded by the test itself."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import psycopg

from domain.calendar import instant

_JOURNAL = """
SELECT entry.entry_id, entry.kind, entry.effective_at, entry.session_id, entry.payout_id, posting.account,
       posting.currency, posting.amount_minor
FROM book.entry JOIN book.posting USING (entry_id) ORDER BY entry.effective_at
"""
_PAYOUTS = "SELECT payout_id, operator_id FROM projection.payouts"
_SETTLED = "SELECT state FROM event_store.stored_events WHERE topic = 'payment.settled'"
_CAPTURED = "SELECT state FROM event_store.stored_events WHERE topic = 'payment.captured'"

EARNED = frozenset({"J01", "J02", "J04", "J13", "J14", "J59", "J21"})


@dataclass
class Session:
    """What was posted of a session, each with its time: minor units."""

    operator_id: str = ""
    currency: str = ""
    share: list[tuple[datetime, int]] = field(default_factory=list)
    gross: list[tuple[datetime, int]] = field(default_factory=list)
    captured: list[tuple[datetime, int]] = field(default_factory=list)
    settled: list[tuple[datetime, int]] = field(default_factory=list)

    def captured_share(self, before: datetime) -> int:
        """The share as far as captures reach the price."""
        captured = _sum(self.captured, before)
        return _sum(self.share, before) if captured > 0 and captured >= _sum(self.gross, before) else 0

    def settled_share(self, before: datetime) -> int:
        """The share as far as settled captures reach the price."""
        settled = min(_sum(self.captured, before), _sum(self.settled, before))
        return _sum(self.share, before) if settled > 0 and settled >= _sum(self.gross, before) else 0


def _sum(moves: list[tuple[datetime, int]], before: datetime) -> int:
    return sum(amount for at, amount in moves if at < before)


@dataclass
class Cash:
    """All sessions of a store, and what matured and was paid by operator and currency."""

    sessions: dict[str, Session] = field(default_factory=lambda: defaultdict(Session))
    available: dict[tuple[str, str], list[tuple[datetime, int]]] = field(default_factory=lambda: defaultdict(list))
    paid: dict[tuple[str, str], list[tuple[datetime, int]]] = field(default_factory=lambda: defaultdict(list))

    def movement(self, operator_id: str, currency: str, since: datetime, before: datetime) -> dict[str, int]:
        """What moved in a span, by name."""
        key = (operator_id, currency)
        own = [each for each in self.sessions.values() if (each.operator_id, each.currency) == key]
        return {
            "earned": sum(_sum(each.share, before) - _sum(each.share, since) for each in own),
            "captured": sum(each.captured_share(before) - each.captured_share(since) for each in own),
            "settled": sum(each.settled_share(before) - each.settled_share(since) for each in own),
            "available": _sum(self.available[key], before) - _sum(self.available[key], since),
            "paid": _sum(self.paid[key], before) - _sum(self.paid[key], since),
        }


def fold(dsn: str) -> Cash:
    """The cash of a store; sessions share no payments."""
    found = Cash()
    with psycopg.connect(dsn) as connection:
        operator_of: dict[str, str] = dict(connection.execute(_PAYOUTS).fetchall())
        for _, kind, at, session_id, payout_id, account, currency, amount in connection.execute(_JOURNAL):
            code, _, dimension = account.partition("/")
            if kind in ("J36", "J39") and code == "1010":
                found.paid[operator_of[payout_id], currency].append((at, -amount))
            elif kind == "J08" and code == "2010":
                found.available[dimension, currency].append((at, -amount))
            elif session_id is not None:
                _take(found.sessions[session_id], kind, code, dimension, currency, at, amount)
        payments = _payments(connection)
        for (state,) in connection.execute(_SETTLED).fetchall():
            told = orjson.loads(state)["data"]
            for item in told["items"]:
                gross = item["gross"]
                known = payments.get((told["provider"], item["payment_id"]))
                if known and item.get("kind") in (None, "PAYMENT") and gross["amount"][0] != "-":
                    minor = round(float(gross["amount"]) * 10 ** _decimals(gross["amount"]))
                    found.sessions[known].settled.append((instant(told["settled_at"]), minor))
    return found


def _take(session: Session, kind: str, code: str, dimension: str, currency: str, at: datetime, amount: int) -> None:
    if kind in EARNED and code in ("2010", "2011"):
        session.operator_id, session.currency = dimension, currency
        session.share.append((at, -amount))
    if (kind == "J01" and code == "1105") or (kind == "J59" and code == "2080"):
        session.gross.append((at, amount))
    if kind == "J01c" and code == "1105":
        session.captured.append((at, -amount))
    # A roaming session: its price counts as captured with the CDR's acceptance, as settled with its invoice.
    if (kind, code) == ("J13", "1200") or (kind == "J21" and code in ("1200", "1210")):
        session.gross.append((at, amount))
        session.captured.append((at, amount))
    if (kind, code) == ("J16", "1210") or (kind, code) == ("J21", "1210"):
        session.settled.append((at, amount))


def _payments(connection: Any) -> dict[tuple[str, str], str]:
    """The session of each payment."""
    told = (orjson.loads(state)["data"] for (state,) in connection.execute(_CAPTURED))
    return {(data["provider"], data["payment_id"]): data["session_id"] for data in told}


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])
