"""The OCPI 2.2.1 Tariff, and what it shares with that of 2.3.0; checked as a linter would (OCPI, mod_tariffs).

What no session could ever be priced by is an error and refuses the tariff: restrictions that contradict each other
in every element, dimensions or currencies that do not exist, limits that cross. What is only odd is a warning
(`domain.tariff.lint`), and so is an element that never holds beside one that can.
An unknown restriction is neither: it is counted like any unknown field, and the engine says so session by session.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Literal, get_args

from pydantic import ConfigDict, model_validator

from contracts.amounts import Currency
from contracts.ocpi.values import Date, DateTime, OcpiId, OcpiText, SignedNumber, UnsignedNumber, Whole, json_number
from contracts.values import AtLeastOne, ClockTime, Coherent, Many, OcpiCountry, PartyId, Problem, Wire, bad_value

DayOfWeek = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
TariffDimensionType = Literal["ENERGY", "FLAT", "PARKING_TIME", "TIME"]
ReservationRestriction = Literal["RESERVATION", "RESERVATION_EXPIRES"]

_WEEKDAYS: tuple[str, ...] = get_args(DayOfWeek)
_BANDS = ("kwh", "current", "power", "duration")


class PriceComponent(Wire):
    """A price per kWh, hour or session, of either sign; `vat` is a percentage, absent where no VAT applies."""

    type: TariffDimensionType
    price: SignedNumber
    vat: UnsignedNumber | None = None
    step_size: Whole


def _weekdays_between(start: date, end: date) -> set[str]:
    days = min((end - start).days, len(_WEEKDAYS))
    return {_WEEKDAYS[(start + timedelta(days=number)).weekday()] for number in range(days)}


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
    reservation: ReservationRestriction | None = None


class TariffElement(Wire):
    """Price components that share restrictions."""

    price_components: AtLeastOne[PriceComponent]
    restrictions: TariffRestrictions | None = None

    def contradictions(self) -> Iterator[Problem]:
        """Each pair of bounds that nothing lies between; a maximum is exclusive (OCPI TariffRestrictions)."""
        if self.restrictions is not None:
            for problem in (*_no_day(self.restrictions), *_no_value(self.restrictions)):
                yield problem._replace(location=("restrictions", *problem.location))


def _no_day(restrictions: TariffRestrictions) -> Iterator[Problem]:
    start, end, days = restrictions.start_date, restrictions.end_date, restrictions.day_of_week
    if start is None or end is None:
        return
    if start >= end:
        sentence = f"is not before end_date ({end}), the first day on which the element no longer holds"
        yield Problem(("start_date",), start, sentence)
    elif days and not _weekdays_between(date.fromisoformat(start), date.fromisoformat(end)) & set(days):
        sentence = f"names no day from start_date ({start}) up to end_date ({end}): the element never holds"
        yield Problem(("day_of_week",), list(days), sentence)


def _no_value(restrictions: TariffRestrictions) -> Iterator[Problem]:
    for band in _BANDS:
        least, most = getattr(restrictions, f"min_{band}"), getattr(restrictions, f"max_{band}")
        if most == 0:
            yield Problem((f"max_{band}",), 0, "is a maximum of 0, which is exclusive: the element never holds")
        elif least is not None and most is not None and least >= most:
            sentence = f"is not below max_{band} ({most}): the element never holds"
            yield Problem((f"min_{band}",), json_number(least), sentence)


class TariffTerms(Coherent):
    """The fields that tariffs of OCPI 2.2.1 and 2.3.0 share."""

    country_code: OcpiCountry
    party_id: PartyId
    id: OcpiId
    currency: Currency
    type: OcpiText | None = None
    tariff_alt_text: Any = None
    tariff_alt_url: Any = None
    elements: AtLeastOne[TariffElement]
    start_date_time: DateTime | None = None
    end_date_time: DateTime | None = None
    energy_mix: Any = None
    last_updated: DateTime


def nothing_applies(fields: Any) -> Iterator[Problem]:
    """Why no element can ever apply; nothing while one can, since those that cannot are left out then."""
    elements: tuple[TariffElement, ...] = fields.elements or ()
    found = [list(element.contradictions()) for element in elements]
    if all(found):
        for number, problems in enumerate(found):
            yield from (each._replace(location=("elements", number, *each.location)) for each in problems)


def never_valid(fields: Any) -> Iterator[Problem]:
    """A tariff that ends before it starts."""
    start, end = fields.start_date_time, fields.end_date_time
    if start is not None and end is not None and start >= end:
        yield Problem(("start_date_time",), start, "is not before end_date_time: the tariff is never valid")


def limits_cross(fields: Any, sides: tuple[str, ...]) -> Iterator[Problem]:
    """A minimum above its maximum, on either side of the taxes."""
    for side in sides:
        least, most = getattr(fields.min_price, side, None), getattr(fields.max_price, side, None)
        if least is not None and most is not None and least > most:
            sentence = f"is above max_price ({most}); a session cannot cost at least more than it costs at most"
            yield Problem(("min_price", side), json_number(least), sentence)


def must_not_have(names: tuple[str, ...], why: str) -> ConfigDict:
    """The schema of a form that the named fields of the other form do not belong in; null is as good as absent."""

    def forbid(schema: dict[str, Any]) -> None:
        schema["properties"] |= {name: {"type": "null", "description": why} for name in names}

    return ConfigDict(json_schema_extra=forbid)


def refuse_fields(value: Any, names: tuple[str, ...], why: str) -> Any:
    """The value, when it has none of the fields that belong in the other form."""
    given = [name for name in names if isinstance(value, dict) and value.get(name) is not None]
    if given:
        raise bad_value(why, given[0])
    return value


_NEWER = "belongs to OCPI 2.3.0 and cannot stand in a tariff of OCPI 2.2.1"
_NEWER_NAMES = ("before_taxes", "after_taxes")


class Price(Wire):
    """A price limit without and, where given, with VAT, in major units (OCPI 2.2.1, types, Price)."""

    model_config = must_not_have(_NEWER_NAMES, _NEWER)

    excl_vat: UnsignedNumber
    incl_vat: UnsignedNumber | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_of_its_version(cls, value: Any) -> Any:
        return refuse_fields(value, _NEWER_NAMES, _NEWER)


class Tariff(TariffTerms):
    """A tariff of OCPI 2.2.1: prices without VAT; the price limits bound the total without and with VAT apart."""

    model_config = must_not_have(("tax_included",), _NEWER)

    min_price: Price | None = None
    max_price: Price | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_of_its_version(cls, value: Any) -> Any:
        return refuse_fields(value, ("tax_included",), _NEWER)

    @staticmethod
    def contradictions(fields: Any) -> Iterator[Problem]:
        """What makes the tariff one that can never be used."""
        yield from nothing_applies(fields)
        yield from never_valid(fields)
        yield from limits_cross(fields, ("excl_vat", "incl_vat"))
