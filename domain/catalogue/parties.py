"""The parties of a session as published: an operator with its contract, a location, a roaming partner."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from domain.calendar import MONDAY_TO_FRIDAY, BankCalendar, Calendars, no_calendars, zone
from domain.catalogue.commission import Schedule
from domain.catalogue.dealing import AS_AGENT, Dealing, VatIdentity, VatIds, no_vat_ids
from domain.catalogue.hubs import Hub
from domain.catalogue.run_terms import RunTerms
from domain.catalogue.splits import SplitTerms
from domain.catalogue.tiers import Tiers, tiers_of
from domain.exact import Exact, exact
from domain.money import parse_minor


def partner_key(country_code: str, party_id: str) -> str:
    """A partner as it is written everywhere: `DE-ABC` (OCPI party ids compare without case)."""
    return f"{country_code}-{party_id}".upper()


class FeeBearer(StrEnum):
    """Who bears what a payment provider charges."""

    PLATFORM = "PLATFORM"
    OPERATOR = "OPERATOR"


class FundRelease(StrEnum):
    """What has to have happened before an operator's share of a session is released (rule P2)."""

    ON_SESSION = "ON_SESSION"
    ON_CAPTURE = "ON_CAPTURE"
    ON_SETTLEMENT = "ON_SETTLEMENT"


class Funding(StrEnum):
    """What releases the share of a roaming session: the paid invoice of its CDR, or already its acceptance (P23)."""

    PAY_WHEN_PAID = "PAY_WHEN_PAID"
    ADVANCE = "ADVANCE"


@dataclass(frozen=True, slots=True)
class PayoutTerms:
    """When and how much an operator is paid (rules P1, P3, P6, P8); `minimum_minor` in the operator's currency."""

    cutoff: time
    business_days_only: bool
    calendar: BankCalendar
    delay_days: int
    minimum_minor: int
    reserve_percent: Fraction
    reserve_days: int
    requires_approval: bool


@dataclass(frozen=True)
class Operator:
    """One version of an operator's contract with the platform."""

    operator_id: str
    name: str
    country_code: str
    party_id: str
    time_zone: ZoneInfo
    currency: str
    commission_percent: Fraction
    commission_per_session_minor: int
    commission_vat_percent: Fraction
    psp_fee_bearer: FeeBearer
    fund_release: FundRelease
    payout: PayoutTerms
    cdr_delay_minutes: int
    # Without what is not told; an IBAN in the form that contracts keep it in.
    bank_account: Mapping[str, str]
    # After so many hours without an end a session is closed by estimate; None: never.
    orphan_hours: int | None = None
    # How much may be paid ahead of what drivers have paid, in minor units of `currency`; None: without a limit.
    advance_limit_minor: int | None = None
    # Whether a session that overlaps an earlier one at its plug waits until somebody has looked at it.
    hold_overlaps: bool = False
    # How many people have to approve a payout that waits for it, by currency; without: by the platform's own rule.
    approvals: Tiers = field(default_factory=dict)
    # Whether another bank account takes effect only once a second person has confirmed it.
    confirms_account: bool = False
    calendars: Calendars = no_calendars
    # What is left out of most contracts: what runs keep back, and what they have somebody look at.
    runs: RunTerms = field(default_factory=RunTerms)
    # In whose name its sessions are sold, and with which taxes.
    dealing: Dealing = AS_AGENT
    # Commissions by channel and place, in place of the percent and sum above; None: those count for all.
    schedule: Schedule | None = None
    # Who else has a part of each share; None: nobody.
    splits: SplitTerms | None = None
    # Terms of before that asked for more (`domain.catalogue.controls`): for a time what they ask for counts as well.
    guards: tuple["Operator", ...] = ()

    @property
    def asks_for_approval(self) -> bool:
        """Whether each payout waits until people have let it go."""
        return any(each.payout.requires_approval for each in (self, *self.guards))

    @classmethod
    def from_data(
        cls, data: Mapping[str, Any], calendars: Calendars = no_calendars, vat_ids: VatIds = no_vat_ids
    ) -> "Operator":
        """An operator version from the data of `operator.registered` or `operator.changed`."""
        currency, commission, payout = data["currency"], data["commission"], data["payout"]
        hours, minutes = payout["cutoff_time"].split(":")
        limit = data.get("advance_limit")
        return cls(
            operator_id=data["operator_id"],
            name=data["name"],
            country_code=data["country_code"],
            party_id=data["party_id"],
            time_zone=zone(data["time_zone"]),
            currency=currency,
            commission_percent=Fraction(str(commission.get("percent") or 0)),
            commission_per_session_minor=parse_minor(str(commission.get("per_session") or 0), currency),
            commission_vat_percent=Fraction(str(commission["vat_percent"])),
            psp_fee_bearer=FeeBearer(data["psp_fee_bearer"]),
            fund_release=FundRelease(data["fund_release"]),
            payout=PayoutTerms(
                cutoff=time(int(hours), int(minutes)),
                business_days_only=payout["business_days_only"],
                calendar=calendars(payout.get("holiday_calendar") or "") or MONDAY_TO_FRIDAY,
                delay_days=payout["delay_days"],
                minimum_minor=parse_minor(str(payout["minimum"]), currency),
                reserve_percent=Fraction(str(payout["reserve_percent"])),
                reserve_days=payout["reserve_days"],
                requires_approval=payout["requires_approval"],
            ),
            cdr_delay_minutes=15 if data.get("cdr_delay_minutes") is None else data["cdr_delay_minutes"],
            bank_account={name: told for name, told in data["bank_account"].items() if told is not None},
            orphan_hours=data.get("orphan_hours"),
            advance_limit_minor=None if limit is None else parse_minor(str(limit), currency),
            hold_overlaps=data.get("hold_overlaps") or False,
            approvals=tiers_of(_term(data, "approvals"), currency),
            confirms_account=_term(data, "account_change") == "CONFIRM",
            calendars=calendars,
            runs=RunTerms.from_data(data),
            dealing=Dealing.from_data(data, vat_ids),
            schedule=Schedule.from_data(commission.get("schedule"), currency),
            splits=SplitTerms.from_data(data),
        )

    def bank_calendars(self, currency: str) -> tuple[BankCalendar, ...]:
        """The calendars that rule when a bank carries out a transfer: its own, if it names one, and the currency's.

        Euro are cleared on the days of TARGET, others on the bank days of the country in their code (ISO 4217).
        """
        of_currency = self.calendars("TARGET" if currency == "EUR" else currency[:2])
        named = self.payout.calendar if self.payout.calendar is not MONDAY_TO_FRIDAY else None
        found = {each.name: each for each in (named, of_currency) if each is not None}
        return tuple(found[name] for name in sorted(found)) or (MONDAY_TO_FRIDAY,)


def _term(data: Mapping[str, Any], name: str) -> Any:
    """An optional term of payouts, told of the operator or among its payout terms; None where it is told nowhere."""
    told = data.get(name)
    return data["payout"].get(name) if told is None else told


@dataclass(frozen=True)
class Location:
    """One version of an OCPI Location."""

    document: Mapping[str, Any]

    @cached_property
    def time_zone(self) -> ZoneInfo | None:
        """The zone that rules local times of tariffs there; None when the location names none."""
        name = self.document.get("time_zone")
        return zone(name) if name else None

    @cached_property
    def connector_power_w(self) -> Mapping[tuple[str, str], Exact]:
        """The most a connector can give, in W, by EVSE uid and connector id in lower case, where it was published.

        Without `max_electric_power` it is that of voltage and amperage (OCPI mod_locations, Connector object).
        """
        found: dict[tuple[str, str], Exact] = {}
        for evse in self.document.get("evses") or ():
            for connector in evse.get("connectors") or ():
                key = (str(evse.get("uid", "")).casefold(), str(connector.get("id", "")).casefold())
                power_w = _power_w(connector)
                if power_w:
                    found.setdefault(key, power_w)
        return found


# The voltage of a connector with three phases is that of each of them.
_PHASES = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3, "DC": 1}


def _power_w(connector: Mapping[str, Any]) -> Exact:
    """Zero where it was not published."""
    if connector.get("max_electric_power"):
        return exact(connector["max_electric_power"])
    phases = _PHASES.get(str(connector.get("power_type")), 0)
    return phases * exact(connector.get("max_voltage") or 0) * exact(connector.get("max_amperage") or 0)


@dataclass(frozen=True)
class Partner:
    """One version of a roaming partner (an eMSP that pays for its drivers)."""

    partner: str
    name: str
    currency: str
    funding: Funding
    # Where it is established for VAT, None where that was not told.
    tax: VatIdentity | None = None
    hub: Hub | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, Any], vat_ids: VatIds = no_vat_ids) -> "Partner":
        """A partner from the data of `partner.registered`."""
        return cls(
            partner=partner_key(data["country_code"], data["party_id"]),
            name=data["name"],
            currency=data["currency"],
            funding=Funding(data["funding"]),
            tax=VatIdentity.from_data(data["tax"], vat_ids) if data.get("tax") else None,
            hub=Hub.from_data(data["hub"], data["currency"]) if data.get("hub") else None,
        )
