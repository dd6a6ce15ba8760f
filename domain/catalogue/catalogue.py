"""The catalogue: versions of operators, tariffs, locations and partners, and orders to rate by another tariff."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import Any, TypeAlias

from domain.calendar import BEGINNING, Calendars, instant, no_calendars
from domain.catalogue.account_changes import (
    ACCOUNT_TYPES,
    COOLING_OFF,
    OperatorHistory,
    account_decided,
)
from domain.catalogue.accounts import account_name
from domain.catalogue.dealing import VatIds, no_vat_ids
from domain.catalogue.orders import OperatorOrders, RatingOrder
from domain.catalogue.parties import Location, Operator, Partner
from domain.catalogue.payee_checks import VERIFIED, PayeeChecks, payee_verified
from domain.catalogue.switches import HOLD_TYPES, STOP_TYPES, Switches, switched
from domain.catalogue.versions import Version, Versions
from domain.tariff.published import PublishedTariff, taxes_of

PartnerTariffs: TypeAlias = dict[str, Versions[PublishedTariff]]


# The most that any connector gives, where nothing else was set; megawatt charging begins above it.
POWER_MAX_KW = 1_000


@dataclass(slots=True)
class Catalogue:
    """Everything published, by business key; ids of tariffs and locations compare without case, as OCPI CiStrings.

    `tariffs` are those for everybody, by operator and id; `partner_tariffs` those that a roaming partner was given,
    by operator and partner, then by id: timelines of their own. `revision` counts the publications: what was derived
    from one revision holds until the next. `calendars` are those of bank holidays, by name; `vat_ids` says which VAT
    ids are valid; `power_max_w` is what a connector gives at most that is not published. `operators` have the account
    in effect, by `histories`; `holds` are those of operators' payouts, `stops` those of all.
    """

    operators: dict[str, Versions[Operator]] = field(default_factory=dict)
    tariffs: dict[tuple[str, str], Versions[PublishedTariff]] = field(default_factory=dict)
    partner_tariffs: dict[tuple[str, str], PartnerTariffs] = field(default_factory=dict)
    locations: dict[tuple[str, str], Versions[Location]] = field(default_factory=dict)
    partners: dict[str, Versions[Partner]] = field(default_factory=dict)
    orders: dict[str, OperatorOrders] = field(default_factory=dict)
    revision: int = 0
    calendars: Calendars = no_calendars
    vat_ids: VatIds = no_vat_ids
    power_max_w: int = POWER_MAX_KW * 1000
    # By account, which operators have it in the end, by all that was published of them.
    paid_to: dict[str, set[str]] = field(default_factory=dict)
    histories: dict[str, OperatorHistory] = field(default_factory=dict)
    holds: dict[str, Switches] = field(default_factory=dict)
    stops: Switches = field(default_factory=Switches)
    # By payee, the operators of which any terms split shares with it.
    payers: dict[str, set[str]] = field(default_factory=dict)
    # What banks answered of the accounts of each operator.
    payees: dict[str, PayeeChecks] = field(default_factory=dict)
    # How long another account that two people have agreed on has still to wait.
    cooling_off: timedelta = COOLING_OFF

    def operator_at(self, operator_id: str, moment: datetime) -> Operator | None:
        """The operator's contract in effect at a moment."""
        versions = self.operators.get(operator_id)
        return versions.at(moment) if versions else None

    def tariff_at(self, operator_id: str, tariff_id: str, moment: datetime) -> PublishedTariff | None:
        """The version in effect at a moment of a tariff for everybody."""
        versions = self.tariffs.get((operator_id, tariff_id.casefold()))
        return versions.at(moment) if versions else None

    def tariffs_given_to(self, operator_id: str, partner: str) -> PartnerTariffs:
        """The tariffs that an operator gave to a roaming partner, by id in lower case."""
        return self.partner_tariffs.get((operator_id, partner), {})

    def location_at(self, operator_id: str, location_id: str, moment: datetime) -> Location | None:
        """The version of a location in effect at a moment."""
        versions = self.locations.get((operator_id, location_id.casefold()))
        return versions.at(moment) if versions else None

    def partner_at(self, key: str, moment: datetime) -> Partner | None:
        """The roaming partner as registered at a moment."""
        versions = self.partners.get(key)
        return versions.at(moment) if versions else None

    def orders_for(self, operator_id: str, tariff_id: str, started_at: datetime) -> list[RatingOrder]:
        """The orders to rate a session by another tariff, in the order in which they take effect."""
        orders = self.orders.get(operator_id)
        return orders.of_session(tariff_id, started_at) if orders else []

    def publish(self, type_: str, source: str, id_: str, time_: datetime, data: Mapping[str, Any]) -> "Publication":
        """Take in a catalogue event; says whose sessions it may concern and from when."""
        self.revision += 1
        return PUBLISHERS[type_](self, source, id_, time_, data)


class Scope(Enum):
    """Which sessions a publication may concern; of its operator unless it names a partner only."""

    ON_BOOK = "those with anything at or after `changed_from`"
    STARTED = "those that started at or after `changed_from`"
    STARTED_BETWEEN = "those that started at or after `changed_from` and before `changed_before`"
    WAITING = "those that wait for something"
    AT_LOCATION = "those that were judged without knowing the location"
    OF_PARTNER = "those of the partner, at any operator, with anything at or after `changed_from`"
    GIVEN_TO_PARTNER = "those of the partner that wait, or started at or after `changed_from`"
    NONE = "none: it is about payouts"
    WAITING_OR_ROAMING = "those that wait, and those of any partner that started at or after `changed_from`"


@dataclass(frozen=True, slots=True)
class Publication:
    """What a catalogue event may have changed: the outcomes of the sessions in its scope.

    `payouts_of` are the operators of whose payouts something else may be decided now; None means all.
    """

    scope: Scope
    changed_from: datetime
    operator_id: str | None = None
    partner: str | None = None
    location_id: str | None = None
    changed_before: datetime | None = None
    # Operators of whose account something else may be found now.
    accounts_of: frozenset[str] = frozenset()
    payouts_of: frozenset[str] | None = frozenset()
    # Operators of whose splits it is a payee, over however many: their sessions with anything from `payers_from` on.
    payers: frozenset[str] = frozenset()
    payers_from: datetime = BEGINNING


def _publish_operator(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    value = Operator.from_data(data, catalogue.calendars, catalogue.vat_ids)
    history = _history(catalogue, value.operator_id)
    before, is_first = _last_account(history.versions), not history.published
    changed = history.publish(Version(time_, source, id_, instant(data["effective_from"]), value), data.get("by"))
    scope = Scope.WAITING if is_first else Scope.ON_BOOK
    publication = _with_account(catalogue, scope, changed, value.operator_id, before)
    for payee_id in value.splits.payees if value.splits is not None else ():
        catalogue.payers.setdefault(payee_id, set()).add(value.operator_id)
    return _with_payers(catalogue, publication, is_first=is_first) if catalogue.payers else publication


def _with_payers(catalogue: Catalogue, publication: Publication, *, is_first: bool) -> Publication:
    """The same with all of whose sessions the operator may have a part: what it is paid goes by its terms."""
    operator_id = publication.operator_id or ""
    found, ahead = set[str](), [operator_id]
    while ahead:
        more = catalogue.payers.get(ahead.pop(), set()) - found
        found |= more
        ahead += sorted(more)
    currencies = {version.value.currency for _, version in catalogue.operators[operator_id].timeline}
    since = BEGINNING if is_first or len(currencies) > 1 else publication.changed_from
    return replace(publication, payers=frozenset(found), payers_from=since)


def _decide_account(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any], type_: str
) -> Publication:
    fact = account_decided(type_, source, id_, data)
    history = _history(catalogue, fact.operator_id)
    before = _last_account(history.versions)
    history.decide(fact)
    return _with_account(catalogue, Scope.NONE, fact.at, fact.operator_id, before)


def _history(catalogue: Catalogue, operator_id: str) -> OperatorHistory:
    if operator_id not in catalogue.histories:
        catalogue.histories[operator_id] = OperatorHistory(catalogue.cooling_off)
    return catalogue.histories[operator_id]


def _with_account(
    catalogue: Catalogue, scope: Scope, changed: datetime, operator_id: str, before: str | None
) -> Publication:
    """Have the account in effect by what is known now; `before` is the one that the operator had in the end."""
    versions, payouts_of = catalogue.histories[operator_id].versions, frozenset((operator_id,))
    if not versions:
        return Publication(scope, changed, operator_id, payouts_of=payouts_of)
    catalogue.operators[operator_id] = versions
    moved = _move_account(catalogue, operator_id, before, _last_account(versions))
    return Publication(scope, changed, operator_id, accounts_of=moved, payouts_of=payouts_of)


def _hold(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any], type_: str
) -> Publication:
    fact = switched(type_, source, id_, data)
    catalogue.holds.setdefault(fact.subject, Switches()).add(fact)
    return Publication(Scope.NONE, fact.at, fact.subject, payouts_of=frozenset((fact.subject,)))


def _stop(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any], type_: str
) -> Publication:
    fact = switched(type_, source, id_, data)
    catalogue.stops.add(fact)
    return Publication(Scope.NONE, fact.at, payouts_of=None)


def _verify_payee(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    fact = payee_verified(source, id_, data)
    catalogue.payees.setdefault(fact.operator_id, PayeeChecks()).add(fact)
    return Publication(Scope.NONE, fact.at, fact.operator_id, payouts_of=frozenset((fact.operator_id,)))


def _last_account(versions: Versions[Operator]) -> str | None:
    """The account that an operator has in the end, None before the first version."""
    return account_name(versions.timeline[-1][1].value.bank_account) if versions else None


def _move_account(catalogue: Catalogue, operator_id: str, before: str | None, after: str | None) -> frozenset[str]:
    """Keep who is paid to which account; the operators of whose account something else may be found by that.

    All who share one are told of the first of them by id, so others are concerned where this is, or was, the first.
    """
    concerned = {operator_id}
    if before is not None:
        sharing = catalogue.paid_to[before]
        concerned |= sharing if operator_id == min(sharing) else set()
        sharing.discard(operator_id)
    if after is not None:
        sharing = catalogue.paid_to.setdefault(after, set())
        sharing.add(operator_id)
        concerned |= sharing if operator_id == min(sharing) else set()
    return frozenset(concerned)


def _publish_tariff(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    operator_id, tariff_id = data["operator_id"], str(data["tariff"]["id"]).casefold()
    partner = data["partner"].upper() if data.get("partner") else None
    value = PublishedTariff(operator_id, data["tariff"], time_, partner, taxes_of(data.get("taxes")))
    version = Version(time_, source, id_, instant(data["effective_from"]), value)
    if partner is not None:
        given = catalogue.partner_tariffs.setdefault((operator_id, partner), {})
        changed = given.setdefault(tariff_id, Versions()).add(version)
        return Publication(Scope.GIVEN_TO_PARTNER, changed, operator_id, partner)
    versions = catalogue.tariffs.setdefault((operator_id, tariff_id), Versions())
    changed = versions.add(version)
    if len(versions) > 1:
        return Publication(Scope.STARTED, changed, operator_id)
    # Where it is the first of its name, sessions may have been priced with a partner's tariff for want of it.
    gave = any(operator == operator_id for operator, _ in catalogue.partner_tariffs)
    return Publication(Scope.WAITING_OR_ROAMING if gave else Scope.WAITING, changed, operator_id)


def _publish_location(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    operator_id, location_id = data["operator_id"], str(data["location"]["id"]).casefold()
    versions = catalogue.locations.setdefault((operator_id, location_id), Versions())
    # A location has no effective_from: its first version describes the place as it always was.
    changed = versions.add(Version(time_, source, id_, BEGINNING, Location(data["location"])))
    scope = Scope.AT_LOCATION if len(versions) == 1 else Scope.STARTED
    return Publication(scope, changed, operator_id, location_id=location_id)


def _publish_partner(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    value = Partner.from_data(data, catalogue.vat_ids)
    versions = catalogue.partners.setdefault(value.partner, Versions())
    changed = versions.add(Version(time_, source, id_, time_, value))
    return Publication(Scope.OF_PARTNER, changed, partner=value.partner)


def _publish_order(
    catalogue: Catalogue, source: str, id_: str, time_: datetime, data: Mapping[str, Any]
) -> Publication:
    operator_id = data["operator_id"]
    order = RatingOrder(
        at=instant(data["ordered_at"]),
        source=source,
        id=id_,
        order_id=data["order_id"],
        started_from=instant(data["started_from"]),
        started_before=instant(data["started_before"]),
        sessions_of_tariff=data["sessions_of_tariff"].casefold() if data.get("sessions_of_tariff") else None,
        published=PublishedTariff(operator_id, data["tariff"], time_, taxes=taxes_of(data.get("taxes"))),
        reason=data["reason"],
    )
    changed_from, changed_before = catalogue.orders.setdefault(operator_id, OperatorOrders()).add(order)
    return Publication(Scope.STARTED_BETWEEN, changed_from, operator_id, changed_before=changed_before)


PUBLISHERS: dict[str, Callable[[Catalogue, str, str, datetime, Mapping[str, Any]], Publication]] = {
    "operator.registered": _publish_operator,
    "operator.changed": _publish_operator,
    "tariff.published": _publish_tariff,
    "tariff.rerating_ordered": _publish_order,
    "location.published": _publish_location,
    "partner.registered": _publish_partner,
    VERIFIED: _verify_payee,
    **{type_: partial(_decide_account, type_=type_) for type_ in ACCOUNT_TYPES},
    **{type_: partial(_hold, type_=type_) for type_ in HOLD_TYPES},
    **{type_: partial(_stop, type_=type_) for type_ in STOP_TYPES},
}
