"""What somebody else owes of a driver's bill (J01d): a discount that the platform or another operator funds.

It follows the bill that is charged. To the bill it is as good as captured and settled; what a lowered price gives
back of it comes out of what is due back to the driver (2080), and else of what the driver owes.
"""

from datetime import datetime

from domain.book.bookings import ShareMatured
from domain.book.discount_bookings import DiscountFunded, DiscountGranted
from domain.book.release import Release
from domain.catalogue.discounts import BY_PLATFORM
from domain.session.assessment import Bill
from domain.session.driver.captures import Received
from domain.session.driver.due import DriversMoney
from domain.session.driver.share import OF_FUNDER, Share
from domain.session.release import release_at_once
from domain.session.scope import BookingHead, BookScope


class Funding:
    """Books what a funder has of the bill as it changes, and has an operator's part mature with the share."""

    def __init__(self, scope: BookScope, share: Share, received: Received, money: DriversMoney) -> None:
        self._scope, self._share, self._received, self._money = scope, share, received, money
        self._funder = ""
        self._booked = self._pending = self._count = 0

    def follow(self, bill: Bill | None, at: datetime) -> None:
        """Take in the bill that is charged from a moment on."""
        more = (bill.funded if bill is not None else 0) - self._booked
        if not more:
            return
        self._funder = (bill.funder if bill is not None else "") or self._funder
        self._booked += more
        self._count += 1
        due, payment_id = self._from_due(-more)
        self._book(at, more, due, payment_id)
        self._money.owed -= more + due
        self._received.captured += more
        self._received.settled += more
        if bill is not None and bill.funded == bill.gross:
            # Nothing is left to be captured.
            self._received.captures = max(1, self._received.captures)

    def _from_due(self, less: int) -> tuple[int, str]:
        """What of a discount that falls comes out of what is due back, and to which payment it was."""
        due = min(less, self._money.due)
        return (due, self._money.charge_from_due(due)) if due > 0 else (0, "")

    def _book(self, at: datetime, more: int, due: int, payment_id: str) -> None:
        key = f"discount:{self._count}"
        if self._funder == BY_PLATFORM:
            head = self._share.head_apart(key, at, self._scope.currency or "")
            granted = DiscountGranted(**head, amount=more, from_refunds_due=due, due_payment_id=payment_id)
            self._share.bookings.append(granted)
            return
        release = self._release()
        matured = release is not None and release.matured_before(at, self._scope.clock)
        name = self._name(self._count if matured else 0)
        head = self._head(key, at, name, matured=matured)
        funded = DiscountFunded(**head, amount=more, from_refunds_due=due, due_payment_id=payment_id)
        self._share.bookings.append(funded)
        if matured:
            self._share.releases[name] = release_at_once(self._scope.catalogue, self._funder, at)
        else:
            self._pending -= more

    def mature(self) -> None:
        """What an operator funds is pending until the share is released, and counts at once then (J08)."""
        if not self._pending:
            return
        release = self._release()
        self._share.releases[self._name(0)] = release
        if release is not None:
            head = self._head(f"maturing:{self._name(0)}", release.matures_at, "")
            self._share.bookings.append(ShareMatured(**head, amount=self._pending))

    def _release(self) -> Release | None:
        released = self._share.release
        if released is None:
            return None
        return release_at_once(self._scope.catalogue, self._funder, released.released_at)

    def _name(self, number: int) -> str:
        return f"{OF_FUNDER}{number}:{self._funder}"

    def _head(self, key: str, at: datetime, share: str, *, matured: bool = False) -> BookingHead:
        return {**self._scope.head(key, at, share, matured=matured), "operator_id": self._funder}
