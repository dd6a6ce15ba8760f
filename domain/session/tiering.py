"""What a session counts for in the tiers of its month: of a driver as rated, of a partner as accepted."""

from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from hashlib import sha256
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from domain.book.bookings import CdrAccepted, TiersSettled
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.commission import Month, MonthTiers, Scheduled
from domain.catalogue.parties import Operator
from domain.exact import exact
from domain.money import percent_of
from domain.payout.months import month_after
from domain.session.assessment import Assessment, SessionState
from domain.session.session import Session
from domain.session.supplies import commission_taxed
from domain.values import value

_LAST_SECOND = timedelta(seconds=1)
_KEY = "tiers"


@value
class TierMonth:
    """The month of an operator that sessions count in: `words` tell its terms, it is over behind `ends_at`."""

    operator_id: str
    words: str
    ends_at: datetime
    currency: str

    @property
    def stream_id(self) -> UUID:
        """The id of its event stream."""
        return uuid5(NAMESPACE_URL, f"wattledger:stream:{self.name}")

    @property
    def name(self) -> str:
        """The business name of its event stream."""
        digest = sha256(self.words.encode()).hexdigest()[:16]
        return f"tiers:{self.operator_id}:{self.ends_at.isoformat()}:{digest}"


@value
class Tiered:
    """What a session counts for: in which month, its net and energy, and what it was charged; minor units."""

    month: TierMonth
    counts: Month
    commission: int
    commission_vat: int


def settlement(month: TierMonth, counts: Month, charged: tuple[int, int], catalogue: Catalogue) -> list[TiersSettled]:
    """What should stand of a month: its tiers less what its sessions were charged (commission and VAT), if anything.

    The VAT is that of the month's commission, rounded half-up, less theirs.
    """
    found = _terms(month, catalogue)
    if found is None:
        return []
    tiers, vat_percent, vat_at = found
    commission = tiers.commission(counts)
    more = commission - charged[0], percent_of(commission, vat_percent) - charged[1]
    if not any(more):
        return []
    return [
        TiersSettled(
            key=_KEY,
            effective_at=month.ends_at,
            currency=month.currency,
            operator_id=month.operator_id,
            share=_KEY,
            matured=True,
            commission=more[0],
            commission_vat=more[1],
            vat_at=vat_at,
        )
    ]


def _terms(month: TierMonth, catalogue: Catalogue) -> tuple[MonthTiers, Fraction, str] | None:
    """The tiers of a month, the VAT on them and where it is due, by any version of the terms with these words."""
    versions = catalogue.operators.get(month.operator_id)
    for _, version in versions.timeline if versions else ():
        operator = version.value
        for row in operator.schedule.rows if operator.schedule is not None else ():
            if row.tiers is not None and words_of(operator, row) == month.words:
                return row.tiers, *commission_taxed(operator)
    return None


def words_of(operator: Operator, row: Scheduled) -> str:
    """What tells the tiers of one version of terms from those of another, where they are not the same."""
    percent, at = commission_taxed(operator)
    return "|".join([operator.currency, operator.time_zone.key, str(percent), at, row.words])


def last_second(at: datetime, zone: ZoneInfo) -> datetime:
    """The last second of the month that a moment is in, by a zone; in UTC."""
    local = at.astimezone(zone)
    begins = datetime.combine(month_after(local.date().replace(day=1)), time(), zone)
    return begins.astimezone(UTC) - _LAST_SECOND


def tiered(session: Session, catalogue: Catalogue) -> Tiered | None:
    """What a session counts for in the tiers of a month; None where it costs none by tiers.

    What the platform sells in its own name counts nowhere: it has a margin, which is the first step's, and takes no
    commission that could be settled.
    """
    assessment = session.assess(catalogue)
    contract = assessment.contract
    schedule = contract.operator.schedule if contract is not None else None
    if contract is None or schedule is None or contract.operator.dealing.is_principal:
        return None
    row = schedule.row_for(contract.channel, contract.start.location_id)
    found = _charged(session, assessment) if row is not None and row.tiers is not None else None
    if found is None or row is None:
        return None
    at, counts, commission, vat = found
    operator = contract.operator
    ends_at = last_second(at, operator.time_zone)
    month = TierMonth(operator.operator_id, words_of(operator, row), ends_at, operator.currency)
    return Tiered(month, counts, commission, vat)


def _charged(session: Session, assessment: Assessment) -> tuple[datetime, Month, int, int] | None:
    """When what a session was charged is effective, what it counts for, its commission and the VAT on it."""
    contract, outcome = assessment.contract, session.outcome
    if contract is not None and contract.partner is not None:
        return _accepted(session)
    if outcome is None or outcome.state is not SessionState.RATED or not assessment.changes:
        return None
    counts = Month(outcome.net or 0, exact(outcome.energy_wh or "0"), 1)
    return assessment.changes[0].at, counts, outcome.commission or 0, outcome.commission_vat or 0


def _accepted(session: Session) -> tuple[datetime, Month, int, int] | None:
    """Of a partner's session: what its accepted CDR comes to, unless it was credited, or lost whole in a dispute."""
    standing = {each.cdr_id: each for each in session.issued if each.credited_at is None}
    for booking in session.standing.bookings():
        if isinstance(booking, CdrAccepted) and (cdr := standing.get(booking.cdr_id)) is not None:
            counts = Month(cdr.key[1], exact(cdr.key[0]), 1)
            return booking.effective_at, counts, booking.commission, booking.commission_vat
    return None
