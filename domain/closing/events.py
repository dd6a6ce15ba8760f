"""What comes of decisions about the book, in the past tense."""

from datetime import datetime

from domain.values import value


@value
class BookDecided:
    """A decision counts, by its message's source and id; nothing follows from it alone."""

    source: str
    id: str


@value
class PeriodClosed:
    """The second of two people closed a period: what was issued is kept, byte for byte.

    `starts_at` is when the period began, `ends_at` when the next one did. `issued`, `balance_sheet` and `checklist`
    are JSON texts; `statement_hash` is the SHA-256 in hex by which both people named the figures.
    """

    source: str
    id: str
    period: str
    version: int
    zone: str
    starts_at: datetime
    ends_at: datetime
    at: datetime
    statement_hash: str
    by: tuple[str, ...]
    issued: str
    balance_sheet: str
    checklist: str


@value
class PeriodReopened:
    """The second of two people opened the period again that was closed last; its `version` stays as it was issued."""

    source: str
    id: str
    period: str
    version: int
    zone: str
    starts_at: datetime
    ends_at: datetime
    at: datetime
    by: tuple[str, ...]
    reason: str


@value
class SweepReserved:
    """A second person approved a sweep, and the cover reached: its amount, in minor units, is reserved."""

    source: str
    id: str
    currency: str
    amount: int
    free: int


@value
class VatReturnFiled:
    """A return was filed as the figures were issued: what stands on each VAT account of it, debit positive."""

    source: str
    id: str
    currency: str
    first_period: str
    last_period: str
    accounts: tuple[tuple[str, int], ...]
