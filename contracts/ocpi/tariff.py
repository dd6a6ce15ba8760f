"""The OCPI Tariff, strict in everything a price depends on (OCPI 2.2.1, mod_tariffs).

Component types and reservation restrictions are taken as text: whether the engine can price them is decided when a
session is rated, so that an unsupported one shows as a session's reason and not as a lost tariff.
"""

from decimal import Decimal
from typing import Any, Literal

from pydantic import model_validator

from contracts.amounts import Currency
from contracts.ocpi.values import Date, DateTime, OcpiId, OcpiText, OcpiWord, Price, UnsignedNumber, Whole
from contracts.values import AtLeastOne, ClockTime, Many, OcpiCountry, PartyId, Wire, bad_value

DayOfWeek = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]


class PriceComponent(Wire):
    """A price per kWh, hour or session, without VAT; `vat` is a percentage, absent where no VAT applies."""

    type: OcpiWord
    price: UnsignedNumber
    vat: UnsignedNumber | None = None
    step_size: Whole


class TariffRestrictions(Wire):
    """When an element applies; all given restrictions must hold together."""

    start_time: ClockTime | None = None
    end_time: ClockTime | None = None
    start_date: Date | None = None
    end_date: Date | None = None
    min_kwh: UnsignedNumber | None = None
    max_kwh: UnsignedNumber | None = None
    min_current: UnsignedNumber | None = None
    max_current: UnsignedNumber | None = None
    min_power: UnsignedNumber | None = None
    max_power: UnsignedNumber | None = None
    min_duration: Whole | None = None
    max_duration: Whole | None = None
    day_of_week: Many[DayOfWeek] | None = None
    reservation: OcpiWord | None = None


class TariffElement(Wire):
    """Price components that share restrictions."""

    price_components: AtLeastOne[PriceComponent]
    restrictions: TariffRestrictions | None = None


class Tariff(Wire):
    """A tariff; the price limits bound the total without and with VAT independently."""

    country_code: OcpiCountry
    party_id: PartyId
    id: OcpiId
    currency: Currency
    type: OcpiText | None = None
    tariff_alt_text: Any = None
    tariff_alt_url: Any = None
    min_price: Price | None = None
    max_price: Price | None = None
    elements: AtLeastOne[TariffElement]
    start_date_time: DateTime | None = None
    end_date_time: DateTime | None = None
    energy_mix: Any = None
    last_updated: DateTime

    @model_validator(mode="after")
    def _limits_do_not_cross(self) -> "Tariff":
        if self.min_price is None or self.max_price is None:
            return self
        _check_limit(self.min_price.excl_vat, self.max_price.excl_vat, "min_price.excl_vat")
        _check_limit(self.min_price.incl_vat, self.max_price.incl_vat, "min_price.incl_vat")
        return self


def _check_limit(least: Decimal | None, most: Decimal | None, at: str) -> None:
    if least is not None and most is not None and least > most:
        raise bad_value("is above max_price; a session cannot cost at least more than it costs at most", at)
