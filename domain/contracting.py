"""What rules a session: the versions of contract, tariff, location and partner in effect when it started."""

from datetime import datetime
from zoneinfo import ZoneInfo

from domain.catalogue import Catalogue, Location, Operator, Partner, PublishedTariff
from domain.errors import UnsupportedTariff
from domain.facts import Ended, Started
from domain.values import value


@value
class OrderedTariff:
    """From `at` on the session is priced with this tariff, because somebody ordered it; taken by (source, id)."""

    at: datetime
    source: str
    id: str
    published: PublishedTariff


@value
class Contract:
    """Everything that rules one session, as in effect at its start, and the orders to rate it by another tariff."""

    start: Started
    end: Ended
    operator: Operator
    published: PublishedTariff
    location: Location | None
    partner: Partner | None
    orders: tuple[OrderedTariff, ...] = ()

    @property
    def time_zone(self) -> ZoneInfo:
        """The location's zone, the operator's where the location is unknown."""
        return (self.location.time_zone if self.location else None) or self.operator.time_zone


def contract_for(start: Started, end: Ended, catalogue: Catalogue) -> Contract | str:
    """What rules the session, or the reason why it has to wait in suspense."""
    if start.operator_id not in catalogue.operators:
        return "OPERATOR_UNKNOWN"
    operator = catalogue.operator_at(start.operator_id, start.at)
    if operator is None:
        return "OPERATOR_NOT_IN_EFFECT"
    if (start.operator_id, start.tariff_id.casefold()) not in catalogue.tariffs:
        return "TARIFF_UNKNOWN"
    published = catalogue.tariff_at(start.operator_id, start.tariff_id, start.at)
    if published is None:
        return "TARIFF_NOT_IN_EFFECT"
    partner = catalogue.partner_at(start.partner, start.at) if start.partner else None
    if published.currency != operator.currency:
        return "TARIFF_CURRENCY"
    if partner is not None and partner.currency != operator.currency:
        return "PARTNER_CURRENCY"
    refusal = _refusal(published, start.at)
    if refusal:
        return refusal
    location = catalogue.location_at(start.operator_id, start.location_id, start.at)
    return Contract(start, end, operator, published, location, partner)


def _refusal(published: PublishedTariff, started_at: datetime) -> str:
    try:
        tariff = published.tariff
    except UnsupportedTariff as refusal:
        return f"TARIFF_UNSUPPORTED: {refusal}"
    begins, ends = tariff.start_date_time, tariff.end_date_time
    if (begins and started_at < begins) or (ends and started_at >= ends):
        return "TARIFF_NOT_IN_EFFECT"
    return ""
