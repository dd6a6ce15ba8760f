"""Payments out of prepaid wallets (J12, J12r): to a session what captures and refunds are.

Which of them act, and since when, their wallets say (`domain.wallet`).
"""

from collections.abc import Iterable, Iterator, Sequence

from domain.book.findings import Finding, FindingKind
from domain.book.wallet_bookings import WalletCharged, WalletRefunded
from domain.fact import in_order
from domain.session.driver.captures import Received, WriteOff
from domain.session.driver.due import DriversMoney, Part
from domain.session.driver.share import Share
from domain.session.facts import WalletMoved
from domain.session.scope import BookScope


class WalletMoves:
    """What wallets pay for one session, and get back of it: what acts by what was said last, in order."""

    def __init__(self, told: Sequence[WalletMoved], scope: BookScope) -> None:
        self._scope = scope
        standing = _standing(told)
        self.charges = [move for move in standing if not move.is_refund]
        self.refunds = [move for move in standing if move.is_refund]

    def is_apart(self, move: WalletMoved) -> bool:
        """Whether it is in another currency than its session: its driver's own money, whatever the session costs."""
        return self._scope.currency is not None and move.currency != self._scope.currency

    def is_drivers_own(self, refund: WalletMoved) -> bool:
        """Whether a refund takes back a charge that pays for nothing: of nobody's session, or in another currency."""
        return not self._scope.operator_id or self.is_apart(refund)

    def findings(self) -> Iterator[Finding]:
        """Charges in another currency, and those of another wallet than the session named, where it named one."""
        wallet_id = self._scope.wallet_id
        for move in self.charges:
            if self.is_apart(move):
                why = f"in {move.currency}, and the session is in {self._scope.currency}"
                yield self._finding("currency", move, why)
            if wallet_id is not None and move.wallet_id != wallet_id:
                yield self._finding("wallet", move, f"of wallet {move.wallet_id}, and the session names {wallet_id}")

    def _finding(self, what: str, move: WalletMoved, why: str) -> Finding:
        return Finding(
            FindingKind.WALLET_DIFFERS,
            key=f"{what}:{move.source}:{move.id}",
            subject=move.wallet_id,
            operator_id=self._scope.operator_id,
            since=move.at,
            sentence=f"charge {move.name} for session {self._scope.session_id} is {why}",
            currency=move.currency,
            amount=move.amount,
        )


def _standing(told: Iterable[WalletMoved]) -> list[WalletMoved]:
    last: dict[tuple[str, str], WalletMoved] = {}
    for move in told:
        known = last.get((move.source, move.id))
        if known is None or known.revision < move.revision:
            last[move.source, move.id] = move
    return sorted((move for move in last.values() if move.stands), key=in_order)


class WalletPayments:
    """Books what wallets pay for a session, and what goes back to them."""

    def __init__(
        self, share: Share, received: Received, write_off: WriteOff, money: DriversMoney, moves: WalletMoves
    ) -> None:
        self._share, self._received, self._write_off = share, received, write_off
        self._money, self._moves = money, moves

    def charge(self, move: WalletMoved) -> None:
        """Take in a charge: as a capture, and settled at once, since the provider's money came with the top-up."""
        head = self._share.head_apart(f"charge:{move.source}:{move.id}", move.at, move.currency)
        self._share.book(WalletCharged(**head, wallet_id=move.wallet_id, charge_id=move.name, amount=move.amount))
        if self._moves.is_apart(move):
            return
        self._received.captured += move.amount
        self._received.settled += move.amount
        self._received.money.owed -= move.amount
        self._received.captures += 1
        self._write_off.make_good(move)

    def refund(self, move: WalletMoved) -> None:
        """Take in a refund: first out of what is the driver's own, then at the operator's cost."""
        if self._moves.is_drivers_own(move):
            part = Part(move.amount, move.wallet_id, 0)
            if not self._moves.is_apart(move):
                self._money.give_back(part)
        else:
            part = self._money.take(move.amount, move.wallet_id)
        rest = move.amount - part.total
        make_head = self._share.head_at_once if rest else self._share.head_apart
        self._share.book(
            WalletRefunded(
                **make_head(f"wallet-refund:{move.source}:{move.id}", move.at, move.currency),
                wallet_id=move.wallet_id,
                refund_id=move.name,
                due_payment_id=part.due_payment_id,
                from_overpaid=part.overpaid,
                from_refunds_due=part.due,
                by_operator=rest,
            )
        )
