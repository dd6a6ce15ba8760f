"""Whose book is made, and as of when: what every part of a session's book is told."""

from datetime import datetime
from typing import TypedDict

from domain.catalogue.catalogue import Catalogue
from domain.values import value


class BookingHead(TypedDict):
    """What every booking of a session begins with, as its arguments."""

    key: str
    effective_at: datetime
    currency: str
    operator_id: str
    session_id: str
    share: str
    matured: bool


@value
class BookScope:
    """A session and its operator, judged by a catalogue as of a clock.

    `operator_id` is "" and `currency` None while they are not known. Without a clock nothing is begun that it drives,
    and it is presumed that it will reach what was begun. `wallet_id` is the wallet that the session named.
    """

    session_id: str
    operator_id: str
    currency: str | None
    catalogue: Catalogue
    clock: datetime | None
    wallet_id: str | None = None

    def head(
        self, key: str, at: datetime, share: str, *, matured: bool = False, currency: str | None = None
    ) -> BookingHead:
        """The head of a booking whose payable lines follow a share; in the session's currency unless one is named."""
        return {
            "key": key,
            "effective_at": at,
            "currency": currency or self.currency or "",
            "operator_id": self.operator_id,
            "session_id": self.session_id,
            "share": share,
            "matured": matured,
        }
