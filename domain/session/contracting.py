"""What rules a session: the versions of contract, tariff, location and partner in effect when it started."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.catalogue.catalogue import Catalogue, PartnerTariffs
from domain.catalogue.parties import Location, Operator, Partner
from domain.catalogue.run_terms import FundingSource
from domain.errors import UnsupportedTariff
from domain.session.facts import Ended, Started
from domain.tariff.published import PublishedTariff
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
    """Everything that rules one session, as in effect at its start, and the orders to rate it by another tariff.

    Without a tariff that can be priced `published` is None and `lacks` says why: it waits for the first order then.
    """

    start: Started
    end: Ended
    operator: Operator
    published: PublishedTariff | None
    location: Location | None
    partner: Partner | None
    orders: tuple[OrderedTariff, ...] = ()
    lacks: str = ""

    @property
    def channel(self) -> FundingSource:
        """What pays for the session."""
        if self.partner is not None:
            return FundingSource.ROAMING
        return FundingSource.CARD if self.start.wallet_id is None else FundingSource.WALLET

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
    partner = catalogue.partner_at(start.partner, start.at) if start.partner else None
    found = _tariff(start, operator, partner, catalogue)
    orders = _orders(start, operator, catalogue)
    if isinstance(found, str) and not orders:
        return found
    if partner is not None and partner.currency != operator.currency:
        return "PARTNER_CURRENCY"
    location = catalogue.location_at(start.operator_id, start.location_id, start.at)
    if isinstance(found, str):
        return Contract(start, end, operator, None, location, partner, orders, lacks=found)
    return Contract(start, end, operator, found, location, partner, orders)


def _tariff(
    start: Started, operator: Operator, partner: Partner | None, catalogue: Catalogue
) -> PublishedTariff | str:
    """The tariff that rules the session, or the reason why none does that the engine can price."""
    given = catalogue.tariffs_given_to(start.operator_id, partner.partner) if partner else {}
    published = tariff_for(start, given, catalogue)
    if published is None:
        tariff_id = start.tariff_id.casefold()
        is_known = tariff_id in given or (start.operator_id, tariff_id) in catalogue.tariffs
        return "TARIFF_NOT_IN_EFFECT" if is_known else "TARIFF_UNKNOWN"
    if published.currency != operator.currency:
        return "TARIFF_CURRENCY"
    return _refusal(published, start.at) or published


def tariff_for(start: Started, given: PartnerTariffs, catalogue: Catalogue) -> PublishedTariff | None:
    """The tariff in effect for a session; `given` are those that its roaming partner was given (none: driver pays).

    OCPI sends a partner the tariffs that are for it (mod_tariffs, Tariffs), and says neither which of them rules a
    session whose charger knows another one, nor what came too late. Decided: first the tariff of this id that the
    partner was given; else the partner's only other one (of several, none, since nothing tells which); else the
    operator's of this id. One that the partner was given after the session started counts, in the same order, only
    where the operator has none in effect: what is published after the fact rules what starts after it. One whose own
    dates leave the session's start out is taken only where there is nothing else: it then says why the session waits.
    """
    general = catalogue.tariff_at(start.operator_id, start.tariff_id, start.at)
    if not given:
        return general
    in_effect = {id_: found for id_, versions in given.items() if (found := versions.at(start.at)) is not None}
    valid = {id_: found for id_, found in in_effect.items() if found.is_valid_at(start.at)}
    valid_general = general if general is not None and general.is_valid_at(start.at) else None
    return _first_choice(start, valid, valid_general) or _first_choice(start, in_effect, general)


def _first_choice(
    start: Started, given: Mapping[str, PublishedTariff], general: PublishedTariff | None
) -> PublishedTariff | None:
    tariff_id = start.tariff_id.casefold()
    in_time = {id_: found for id_, found in given.items() if found.published_at <= start.at}
    return _own_or_only(tariff_id, in_time) or general or _own_or_only(tariff_id, given)


def _own_or_only(tariff_id: str, found: Mapping[str, PublishedTariff]) -> PublishedTariff | None:
    if tariff_id in found or len(found) != 1:
        return found.get(tariff_id)
    return next(iter(found.values()))


def _orders(start: Started, operator: Operator, catalogue: Catalogue) -> tuple[OrderedTariff, ...]:
    """The orders to rate the session by another tariff; one that cannot be followed for it changes nothing.

    That is a tariff in another currency than the operator's, or one that the engine cannot price. When the tariff
    says it is valid (start_date_time, end_date_time) does not matter: it was ordered for these sessions.
    """
    return tuple(
        OrderedTariff(order.at, order.source, order.id, order.published)
        for order in catalogue.orders_for(start.operator_id, start.tariff_id, start.at)
        if order.published.currency == operator.currency and order.published.is_priceable
    )


def _refusal(published: PublishedTariff, started_at: datetime) -> str:
    try:
        _ = published.tariff
    except UnsupportedTariff as refusal:
        return f"TARIFF_UNSUPPORTED: {refusal}"
    return "" if published.is_valid_at(started_at) else "TARIFF_NOT_IN_EFFECT"
