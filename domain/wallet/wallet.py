"""The wallet aggregate: what was said of it, what of that stands on the book, and what its sessions are to be told.

Top-ups (J11) and closings (J12c) stand here; charges and refunds (J12, J12r) in the streams of their sessions, which
are told of each whether it acts and since when.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias

from domain.book.bookings import Booking
from domain.book.findings import Finding, FindingChange, FindingEnded, FindingKind, FindingOpened, OpenFindings
from domain.book.standing import BookChange, Standing
from domain.book.wallet_bookings import WalletClosed, WalletToppedUp
from domain.fact import RecordedFact
from domain.money import format_minor, minor_of
from domain.wallet.balance import CLOSED, REFUNDED, TOPPED_UP, Balance, MessageKey, Move, each_once, move_of

WalletDecision: TypeAlias = BookChange | FindingChange

_NOUNS = {TOPPED_UP: "top-up", CLOSED: "closing", REFUNDED: "refund"}


class Acting(NamedTuple):
    """A move that acts, and since when."""

    move: Move
    at: datetime


@dataclass(slots=True)
class Wallet:
    """One wallet: its moves, what stands on the book of it, and what was found."""

    wallet_id: str
    version: int = 0
    moves: list[Move] = field(default_factory=list)
    standing: Standing = field(default_factory=Standing)
    findings: OpenFindings = field(default_factory=OpenFindings)

    @property
    def name(self) -> str:
        """The business name of its stream."""
        return f"wallet:{self.wallet_id}"

    def learn(self, fact: RecordedFact) -> None:
        """Take in a message."""
        self.moves.append(move_of(fact))

    def evolve(self, change: WalletDecision) -> None:
        """Fold a decision into the state."""
        if isinstance(change, FindingOpened | FindingEnded):
            self.findings.evolve(change)
        else:
            self.standing.evolve(change)

    def acting(self) -> Mapping[MessageKey, Acting]:
        """The charges and refunds that act, by their messages."""
        moves, _ = each_once(self.moves)
        acts = Balance.of(moves).acts
        return {move.key: Acting(move, acts[move.key]) for move in moves if move.session_id and move.key in acts}

    def decide(self) -> list[WalletDecision]:
        """Bring book and findings in step with what was said, and fold that in."""
        moves, otherwise = each_once(self.moves)
        balance = Balance.of(moves)
        wanted = [
            self._booking(move, balance.acts[move.key])
            for move in moves
            if not move.session_id and move.key in balance.acts
        ]
        changes: list[WalletDecision] = [*self.standing.towards(wanted)]
        changes += self.findings.towards(self._found(moves, otherwise, balance), self.name)
        for change in changes:
            self.evolve(change)
        return changes

    def _booking(self, move: Move, at: datetime) -> Booking:
        data = move.data
        if move.type == CLOSED:
            return WalletClosed(
                key=f"closed:{move.source}:{move.id}",
                effective_at=at,
                currency=move.currency,
                wallet_id=self.wallet_id,
                provider=data["provider"],
                amount=move.amount,
            )
        return WalletToppedUp(
            key=f"top-up:{move.source}:{move.id}",
            effective_at=at,
            currency=move.currency,
            wallet_id=self.wallet_id,
            payment_id=data["payment_id"],
            provider=data["provider"],
            amount=move.amount,
            fee=minor_of(data["fee"]),
        )

    def _found(self, moves: list[Move], otherwise: list[Move], balance: Balance) -> Iterator[Finding]:
        for move in balance.waiting:
            held = format_minor(balance.left.get(move.currency, 0), move.currency)
            sentence = (
                f"{_named(move)} waits: wallet {self.wallet_id} does not cover it, and has {held} {move.currency}"
            )
            yield self._finding(FindingKind.WALLET_NOT_COVERED, "waits", move, sentence, move.amount)
        for move in balance.without_charge():
            sentence = f"{_named(move)} waits: wallet {self.wallet_id} has paid nothing of session {move.session_id}"
            yield self._finding(FindingKind.WALLET_REFUND_WITHOUT_CHARGE, "uncharged", move, sentence, move.amount)
        for move, above in balance.above:
            sentence = (
                f"{_named(move)} gives back more to wallet {self.wallet_id} than session {move.session_id} cost it"
            )
            yield self._finding(FindingKind.REFUND_ABOVE_CAPTURE, "above", move, sentence, above)
        for move in otherwise:
            sentence = f"{_named(move)} of wallet {self.wallet_id} was told before, and otherwise"
            yield self._finding(FindingKind.PAYMENT_TOLD_OTHERWISE, "otherwise", move, sentence, move.amount)
        yield from self._left_in_closed(moves, balance)

    def _left_in_closed(self, moves: list[Move], balance: Balance) -> Iterator[Finding]:
        """Money that is left in a wallet whose closing has acted, by currency."""
        closings = {move.currency: move for move in moves if move.type == CLOSED and move.key in balance.acts}
        for currency, move in sorted(closings.items()):
            left = balance.left[currency]
            if left:
                much = f"{format_minor(left, currency)} {currency}"
                sentence = f"wallet {self.wallet_id} was closed, and {much} of its driver's money is left there"
                yield self._finding(FindingKind.WALLET_NOT_EMPTY, "left", move, sentence, left)

    def _finding(self, kind: FindingKind, what: str, move: Move, sentence: str, amount: int) -> Finding:
        key = f"{what}:{move.source}:{move.id}"
        return Finding(kind, key, self.wallet_id, "", move.at, sentence, move.currency, amount)


def _named(move: Move) -> str:
    return f"{_NOUNS.get(move.type, 'charge')} {move.name}"
