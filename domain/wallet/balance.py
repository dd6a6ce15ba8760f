"""What a wallet holds, by time: which charges it covers, which of them wait, and when those act after all.

A fold of all that was said in the order of (time, source, id). What takes money out acts whole, at its own time where
the wallet covers it then; else it waits, and acts with what first covers it, in that same order among all that wait.
So a wallet is never below zero at any moment, whatever came first.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from domain.calendar import instant
from domain.fact import RecordedFact
from domain.money import minor_of

TOPPED_UP, CHARGED, REFUNDED, CLOSED = "wallet.topped_up", "wallet.charged", "wallet.refunded", "wallet.closed"

MessageKey: TypeAlias = tuple[str, str]


class Move(NamedTuple):
    """A message about a wallet; sorted, they are in the order in which they count: by time, source and id.

    `name` is its own id by business, `amount` in minor units; `session_id` is "" where it is about none.
    """

    at: datetime
    source: str
    id: str
    type: str
    name: str
    currency: str
    amount: int
    session_id: str
    data: Mapping[str, Any]

    @property
    def key(self) -> MessageKey:
        """The message's source and id."""
        return self.source, self.id

    @property
    def of_session(self) -> tuple[str, str]:
        """The session that it is about, and in which currency."""
        return self.session_id, self.currency

    @property
    def takes(self) -> bool:
        """Whether it takes money out of the wallet."""
        return self.type in (CHARGED, CLOSED)


# The fields that say when a message acts, and its own id.
_FIELDS = {
    TOPPED_UP: ("captured_at", "top_up_id"),
    CHARGED: ("charged_at", "charge_id"),
    REFUNDED: ("refunded_at", "refund_id"),
    CLOSED: ("closed_at", "close_id"),
}
WALLET_FACTS = frozenset(_FIELDS)


def move_of(fact: RecordedFact) -> Move:
    """A message as it is judged; raises KeyError for one that is about no wallet."""
    at, name = _FIELDS[fact.type]
    data = fact.data
    money = data["amount"]
    return Move(
        instant(data[at]),
        fact.source,
        fact.id,
        fact.type,
        data[name],
        money["currency"],
        minor_of(money),
        data.get("session_id", ""),
        data,
    )


def each_once(moves: Iterable[Move]) -> tuple[list[Move], list[Move]]:
    """In their order: of each id the first, and those that tell it again in other words."""
    first: dict[tuple[str, str], Move] = {}
    otherwise = []
    for move in sorted(moves, key=lambda move: move[:3]):
        known = first.setdefault((move.type, move.name), move)
        if known.data != move.data:
            otherwise.append(move)
    return list(first.values()), otherwise


@dataclass(slots=True)
class Balance:
    """A wallet after all of its moves: when each of those that act does, what waits, and what is left by currency.

    `above` are refunds that gave back more than the session was charged, with how much that is.
    """

    acts: dict[MessageKey, datetime] = field(default_factory=dict)
    waiting: list[Move] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    above: list[tuple[Move, int]] = field(default_factory=list)
    _charged: dict[tuple[str, str], int] = field(default_factory=dict)
    _awaiting_charge: dict[tuple[str, str], list[Move]] = field(default_factory=dict)

    @classmethod
    def of(cls, moves: Sequence[Move]) -> "Balance":
        """The fold of moves, each of which counts, in their order."""
        balance = cls()
        for move in moves:
            balance._take(move)
        return balance

    def without_charge(self) -> Iterator[Move]:
        """The refunds that wait for a charge of their session."""
        for refunds in self._awaiting_charge.values():
            yield from refunds

    def _take(self, move: Move) -> None:
        if move.takes:
            if move.amount <= self.left.get(move.currency, 0):
                self._act(move.currency, move.at, move)
            else:
                self.waiting.append(move)
        elif move.type == REFUNDED and move.of_session not in self._charged:
            self._awaiting_charge.setdefault(move.of_session, []).append(move)
        else:
            self._act(move.currency, move.at, move)

    def _act(self, currency: str, at: datetime, first: Move) -> None:
        """Have a move act, and all that can act because of it, at the same moment."""
        ready = deque([first])
        while ready:
            move = ready.popleft()
            self.acts[move.key] = at
            sign = -1 if move.takes else 1
            self.left[currency] = self.left.get(currency, 0) + sign * move.amount
            if move.type == CHARGED:
                ready += self._charge(move)
            elif move.type == REFUNDED:
                self._refund(move)
            if not ready:
                covered = self._covered(currency)
                ready += [covered] if covered is not None else []

    def _charge(self, move: Move) -> list[Move]:
        """Note a charge that acts; the refunds that waited for one of its session."""
        self._charged[move.of_session] = self._charged.get(move.of_session, 0) + move.amount
        return self._awaiting_charge.pop(move.of_session, [])

    def _refund(self, move: Move) -> None:
        left = self._charged[move.of_session] - move.amount
        self._charged[move.of_session] = max(0, left)
        if left < 0:
            self.above.append((move, -left))

    def _covered(self, currency: str) -> Move | None:
        """The first that waits and is covered now; it waits no more."""
        left = self.left[currency]
        for place, move in enumerate(self.waiting):
            if move.currency == currency and move.amount <= left:
                return self.waiting.pop(place)
        return None
