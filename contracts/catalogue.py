"""Events of the catalogue: operators with their terms, locations, tariffs, roaming partners."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, WithJsonSchema, model_validator

from contracts.amounts import Currency, Percent, UnsignedText, check_decimals
from contracts.commission import Commission
from contracts.countries import KnownCountry
from contracts.dealing import DealingTerms, PartnerTax
from contracts.envelope import Event
from contracts.holiday_calendars import holiday_calendar
from contracts.ocpi.location import Location
from contracts.ocpi.tariff_2_3_0 import AnyTariff, LenientTariff
from contracts.routing_numbers import US_SCHEMES, is_routing_number
from contracts.run_terms import RunTerms
from contracts.splits import Split, check_splits
from contracts.values import (
    IBAN_PATTERN,
    AtLeastOne,
    ClockTime,
    Country,
    Days,
    Identifier,
    Many,
    Minutes,
    Name,
    Partner,
    PartyId,
    Problem,
    Reason,
    Time,
    TimeZone,
    Wire,
    bad_value,
    refuse_all,
)

# Tags of the two forms; no field has such a name, so that a path can leave them out.
IBAN_FORM = "(IBAN)"
ACCOUNT_FORM = "(national)"


# The form only (ISO 13616), taken with spaces and small letters and kept without (`contracts.mending`): refusing the
# operator would hold up all of its sessions. Where the check digits are wrong nothing is paid to the account.
Iban = Annotated[
    str,
    StringConstraints(pattern=IBAN_PATTERN),
    WithJsonSchema({"type": "string", "pattern": r"^ *([A-Za-z] *){2}([0-9] *){2}([A-Za-z0-9] *){11,30}$"}),
]
Bic = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$")]


# ISO 20022 takes 34 characters of an account (Max34Text) and 35 of a clearing system and its member (Max35Text).
AccountNumber = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,34}$")]
ClearingCode = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,35}$")]
TaxNumber = Annotated[str, StringConstraints(min_length=1, max_length=64)]


def _says_something(name: str) -> str:
    if not name.strip():
        raise bad_value("is blank; name the tax as it has to appear in CDRs, such as GST")
    return name


TaxName = Annotated[Name, AfterValidator(_says_something), Field(json_schema_extra={"pattern": r"\S"})]


def _known_calendar(name: str) -> str:
    if holiday_calendar(name) is None:
        raise bad_value(
            "is no calendar of bank holidays; send TARGET, a country such as NL, a part of one such as DE-BY, or a "
            "name of the holiday file"
        )
    return name


KnownCalendar = Annotated[Identifier, AfterValidator(_known_calendar)]

# Up to a year: a session without an end is closed by then, or its operator never wants that.
OrphanHours = Annotated[int, Field(ge=1, le=8760)]


class ApprovalTier(Wire):
    """How many different people approve a payout `from` an amount on."""

    from_amount: Annotated[UnsignedText, Field(alias="from")]
    approvals: Annotated[int, Field(ge=1, le=9)]


# Those of payouts in the operator's currency, or by currency.
ApprovalTiers = AtLeastOne[ApprovalTier] | dict[Currency, AtLeastOne[ApprovalTier]]
AccountChange = Literal["DIRECT", "CONFIRM"]


class PayoutTerms(RunTerms):
    """When and how much an operator is paid."""

    cutoff_time: ClockTime
    business_days_only: bool
    holiday_calendar: KnownCalendar | None = None
    delay_days: Days
    minimum: UnsignedText
    reserve_percent: Percent
    reserve_days: Days
    requires_approval: bool
    approvals: ApprovalTiers | None = None
    account_change: AccountChange | None = None


class IbanAccount(Wire):
    """A bank account known by its IBAN."""

    holder: Name
    iban: Iban
    bic: Bic | None = None


class NationalAccount(Wire):
    """A bank account known by a national number and routing code, for example ACH or NEFT."""

    holder: Name
    account_number: AccountNumber
    routing_code: ClearingCode
    scheme: ClearingCode

    @model_validator(mode="after")
    def _us_banks_can_be_routed_to(self) -> "NationalAccount":
        if self.scheme.upper() in US_SCHEMES and not is_routing_number(self.routing_code):
            raise bad_value(
                "is not a routing number of a US bank: nine digits whose last one checks the others (ABA); "
                "ask the operator for it again",
                "routing_code",
            )
        return self


def _account_form(value: Any) -> str:
    given = value if isinstance(value, dict) else getattr(value, "model_fields_set", ())
    return ACCOUNT_FORM if "account_number" in given else IBAN_FORM


BankAccount = Annotated[
    Annotated[IbanAccount, Tag(IBAN_FORM)] | Annotated[NationalAccount, Tag(ACCOUNT_FORM)],
    Discriminator(_account_form),
]


class OperatorData(RunTerms, DealingTerms):
    """An operator and its terms, in effect from `effective_from` or later (see the rules of versions)."""

    operator_id: Identifier
    name: Name
    country_code: KnownCountry
    party_id: PartyId
    time_zone: TimeZone
    currency: Currency
    effective_from: Time
    commission: Commission
    psp_fee_bearer: Literal["PLATFORM", "OPERATOR"]
    fund_release: Literal["ON_SESSION", "ON_CAPTURE", "ON_SETTLEMENT"]
    payout: PayoutTerms
    cdr_delay_minutes: Minutes | None = None
    orphan_hours: OrphanHours | None = None
    advance_limit: UnsignedText | None = None
    hold_overlaps: bool | None = None
    approvals: ApprovalTiers | None = None
    account_change: AccountChange | None = None
    splits: Many[Split] | None = None
    # Whether payees bear their part of what is taken back from the operator; left out: they do.
    split_losses: bool | None = None
    # Who publishes it, where that is told: no approval of hers counts for a while.
    by: Reason | None = None
    bank_account: BankAccount

    @model_validator(mode="after")
    def _sums_are_in_its_currency(self) -> "OperatorData":
        self.commission.check_amounts(self.currency)
        check_splits(self.splits or (), self.operator_id, self.currency)
        check_decimals(self.payout.minimum, self.currency, "payout.minimum")
        if self.advance_limit is not None:
            check_decimals(self.advance_limit, self.currency, "advance_limit")
        for tiers in (self.approvals, self.payout.approvals):
            by_currency = tiers if isinstance(tiers, dict) else {self.currency: tiers or ()}
            for currency, each in by_currency.items():
                for tier in each:
                    check_decimals(tier.from_amount, currency, "approvals")
        self.check_amounts(self.currency)
        self.payout.check_amounts(self.currency, "payout.")
        return self


class ConfiguredTax(Wire):
    """A tax on whatever a tariff prices without `vat` of its own, a state's sales tax for example, in percent."""

    name: TaxName
    percent: Percent
    account_number: TaxNumber | None = None


class LocationData(Wire):
    """A location of an operator."""

    operator_id: Identifier
    location: Location


def _untaxed(tariff: AnyTariff, taxes: tuple[ConfiguredTax, ...] | None) -> Iterator[Problem]:
    """Prices with taxes inside whose taxes nobody told: what they are without taxes cannot be known, but for 0."""
    if taxes or not isinstance(tariff, LenientTariff) or tariff.tax_included != "YES":
        return
    for number, element in enumerate(tariff.elements):
        for place, component in enumerate(element.price_components):
            if component.vat is None and component.price:
                yield Problem(
                    ("tariff", "elements", number, "price_components", place, "vat"),
                    None,
                    "is missing while prices include taxes (tax_included YES) and the event names no taxes: "
                    "send vat, or taxes beside the tariff",
                )


class TariffData(Wire):
    """A tariff of an operator, in effect from `effective_from` or later (see the rules of versions).

    With `partner`, the tariff that this roaming partner was given; `taxes` are those of components without `vat`.
    Prices that include taxes nobody names are taken, as OCPI 2.3.0 allows them; their sessions wait in suspense.
    """

    operator_id: Identifier
    effective_from: Time
    partner: Partner | None = None
    taxes: Many[ConfiguredTax] | None = None
    tariff: AnyTariff


class ReratingOrderData(Wire):
    """An order to rate sessions by another tariff: those that started in [`started_from`, `started_before`).

    With `sessions_of_tariff`, only those that name this tariff.
    """

    order_id: Identifier
    operator_id: Identifier
    ordered_at: Time
    started_from: Time
    started_before: Time
    sessions_of_tariff: Identifier | None = None
    tariff: AnyTariff
    taxes: Many[ConfiguredTax] | None = None
    reason: Reason

    @model_validator(mode="after")
    def _can_be_carried_out(self) -> "ReratingOrderData":
        if self.started_before <= self.started_from:
            raise bad_value("is not after started_from; no session can start in between", "started_before")
        refuse_all(_untaxed(self.tariff, self.taxes))
        return self


class PartnerFee(Wire):
    """What a roaming partner charges, kept for information."""

    percent: Percent
    per_session: UnsignedText


class HubTerms(Wire):
    """The hub that brings a partner's CDRs, and its fee of each: `percent` of the net and a sum, with VAT.

    `vat_percent` and `jurisdiction` (a country) say which input VAT that is.
    """

    hub_id: Identifier
    percent: Percent
    per_session: UnsignedText
    vat_percent: Percent
    jurisdiction: KnownCountry


class PartnerData(Wire):
    """A roaming partner whose drivers charge with our operators."""

    country_code: Country
    party_id: PartyId
    name: Name
    currency: Currency
    fee: PartnerFee
    payment_terms_days: Days
    funding: Literal["PAY_WHEN_PAID", "ADVANCE"]
    tax: PartnerTax | None = None
    hub: HubTerms | None = None

    @model_validator(mode="after")
    def _fee_is_in_its_currency(self) -> "PartnerData":
        check_decimals(self.fee.per_session, self.currency, "fee.per_session")
        if self.hub is not None:
            check_decimals(self.hub.per_session, self.currency, "hub.per_session")
        return self


class OperatorPublished(Event):
    """`operator.registered` and `operator.changed`."""

    type: Literal["operator.registered", "operator.changed"]
    data: OperatorData


class LocationPublished(Event):
    """`location.published`."""

    type: Literal["location.published"]
    data: LocationData


class TariffPublished(Event):
    """`tariff.published`."""

    type: Literal["tariff.published"]
    data: TariffData


class ReratingOrdered(Event):
    """`tariff.rerating_ordered`."""

    type: Literal["tariff.rerating_ordered"]
    data: ReratingOrderData


class PartnerRegistered(Event):
    """`partner.registered`."""

    type: Literal["partner.registered"]
    data: PartnerData
