"""What a session decides, as stored: outcomes, bookings and their retractions, releases, CDRs; past tense."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeAlias

from domain.book.findings import FindingEnded, FindingKind, FindingOpened
from domain.book.standing import Booked, Retracted
from domain.session.assessment import BillKey, SessionState
from domain.values import value


@value
class SessionAssessed:
    """The outcome of a session changed; amounts in minor units, None unless RATED.

    `ratings` explain how each price that was charged so far came about, the latest last (`domain.session.ratings`).
    `metered` is what the meter counted, billed or not: pairs of a moment and the Wh known from then on.
    `partner` is who pays for a roaming session, None where the driver does.
    """

    session_id: str
    operator_id: str
    state: SessionState
    reason: str
    energy_wh: str | None = None
    currency: str | None = None
    net: int | None = None
    vat: int | None = None
    gross: int | None = None
    commission: int | None = None
    commission_vat: int | None = None
    operator_share: int | None = None
    shortfall: int = 0
    ratings: tuple[str, ...] = ()
    evse_uid: str | None = None
    metered: tuple[list[str], ...] = ()
    partner: str | None = None


@value
class OrphanClosed:
    """A session of which nothing was heard any more closes at its last good register; a real end overrules it."""

    session_id: str
    operator_id: str
    closed_at: datetime


@value
class OverlapNoted:
    """What is wrong with a session beside the one before it at its plug changed; both None: nothing any more."""

    session_id: str
    kind: FindingKind | None
    other_id: str | None


@value
class FactRejected:
    """A fact that was accepted turned out to contradict its session; it is dead-lettered."""

    source: str
    id: str
    code: str
    sentence: str


@value
class FactReadmitted:
    """A rejected fact fits its session after all: the catalogue that said otherwise was not complete."""

    source: str
    id: str


@value
class ShareReleased:
    """The payable lines of a share may be paid from `available_on`; all None when nothing releases them any more."""

    share: str
    operator_id: str
    released_at: datetime | None
    available_on: date | None
    matures_at: datetime | None


@value
class IssuedCdr:
    """A CDR that went out, and the moment at which it was credited, if it was."""

    number: int
    cdr_id: str
    issued_at: datetime
    key: BillKey
    credited_at: datetime | None = None


@value
class CdrIssued:
    """A CDR went out; `key` is (energy in Wh, net, gross, commission, its VAT) in minor units.

    `tariff_hash` pins the version of the tariff that priced it, `replaces` is the id of the credited CDR whose place
    it takes, and `taxes` is what its document leaves open about them (see `domain.cdr.taxes`).
    """

    session_id: str
    operator_id: str
    number: int
    cdr_id: str
    issued_at: datetime
    key: BillKey
    document: Mapping[str, Any]
    tariff_hash: str | None = None
    replaces: str | None = None
    taxes: Mapping[str, Any] | None = None


@value
class CdrCredited:
    """A CDR was taken back as a whole by its credit CDR; what is said of it besides is as in the CDR."""

    session_id: str
    operator_id: str
    number: int
    cdr_id: str
    credited_at: datetime
    document: Mapping[str, Any]
    tariff_hash: str | None = None
    replaces: str | None = None
    taxes: Mapping[str, Any] | None = None


Decision: TypeAlias = (
    SessionAssessed
    | OrphanClosed
    | OverlapNoted
    | FactRejected
    | FactReadmitted
    | ShareReleased
    | Booked
    | Retracted
    | CdrIssued
    | CdrCredited
    | FindingOpened
    | FindingEnded
)
