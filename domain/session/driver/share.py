"""The operator's share of a session while its facts are walked: what is booked, what is pending, when it is released.

Until the share matures, what it gains and loses moves 2011 (pending) and follows its one release. Afterwards each
difference moves 2010 (available) at once, as a share and release of its own, named by the key of its booking.
"""

from datetime import datetime

from domain.book.bookings import Booking, ShareMatured
from domain.book.release import Release
from domain.catalogue.run_terms import FundingSource
from domain.session.release import release, release_at_once
from domain.session.scope import BookingHead, BookScope

SESSION_SHARE = "session"


class Share:
    """The bookings of one session as far as the walk has come, and what of them is the operator's and pending."""

    def __init__(self, scope: BookScope, vat_at: str = "") -> None:
        """`vat_at`: where the VAT of the commission is due and at which rate, "" where no terms tell that."""
        self._scope, self.vat_at = scope, vat_at
        self.bookings: list[Booking] = []
        self.releases: dict[str, Release | None] = {}
        self.release: Release | None = None
        self.source = FundingSource.CARD
        self._pending = 0

    @property
    def has_operator(self) -> bool:
        """Whether it is known whose share it is."""
        return bool(self._scope.operator_id)

    def head(self, key: str, at: datetime, currency: str | None = None) -> BookingHead:
        """Of a booking that moves the share: pending, or at once what is available where the share has matured."""
        if self.release is not None and self.release.matured_before(at, self._scope.clock):
            return self.head_at_once(key, at, currency)
        return self._scope.head(key, at, SESSION_SHARE, currency=currency)

    def head_at_once(self, key: str, at: datetime, currency: str | None = None) -> BookingHead:
        """Of a booking that moves what is available itself (2010), without delay, as a share of its own."""
        return self._scope.head(key, at, key, matured=True, currency=currency)

    def head_apart(self, key: str, at: datetime, currency: str | None = None) -> BookingHead:
        """Of a booking that moves nothing of the operator's."""
        return {**self._scope.head(key, at, "", currency=currency), "operator_id": ""}

    def book(self, booking: Booking, gain: int = 0) -> None:
        """Put a booking on the book; `gain` is what the share has of it (negative: loses), in minor units."""
        self.bookings.append(booking)
        if booking.matured:
            at = booking.effective_at
            self.releases[booking.share] = release_at_once(self._scope.catalogue, self._scope.operator_id, at)
        else:
            self._pending += gain

    def release_at(self, moment: datetime) -> None:
        """Release the whole share; it is never taken back."""
        self.release = release(self._scope.catalogue, self._scope.operator_id, moment, self.source)
        self.releases[SESSION_SHARE] = self.release

    def mature(self) -> None:
        """Move to 2010 whatever was pending, at the moment that the release says (J08)."""
        if self.release is not None and self._pending:
            head = self._scope.head("maturing", self.release.matures_at, share="")
            self.bookings.append(ShareMatured(**head, amount=self._pending))
