"""How a price came about, line by line, with every rounding: values as JSON has them, decimals as exact text.

It is stored with every rating and printed by `wattledger price --explain`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from domain.calendar import utc_text
from domain.charging import DIMENSIONS, ENERGY, FLAT, VOLUME_PER_UNIT, ChargingPeriod
from domain.exact import Exact
from domain.money import format_minor, to_minor_half_up
from domain.rating.pricing import DECIMALS, ten_thousandths
from domain.rating.rating import Line, Price, Rating
from domain.tariff.tariff import Tariff
from domain.tariff.taxes import VAT, YES, Tax

OCPI_RULE = "4 decimals, half-even"
LEDGER_RULE = "minor unit of {currency}, half-up"
_UNITS = dict.fromkeys(DIMENSIONS, "h") | {ENERGY: "kWh", FLAT: "fee"}
_STEP_UNITS = dict.fromkeys(DIMENSIONS, "s") | {ENERGY: "Wh"}
# Decimals of a number that does not end, and the most that are looked at to find out.
_ENDLESS, _LONGEST = 10, 60
_SHORT_SCALE, _LONG_SCALE = 10**_ENDLESS, 10**_LONGEST
_LONG_BY_SHORT = _LONG_SCALE // _SHORT_SCALE
_SHORT_DIGITS, _LONG_DIGITS = f"0{_ENDLESS}d", f"0{_LONGEST}d"


def explanation(
    rating: Rating, tariff: Tariff, currency: str | None = None, *, of_cdr: bool = True
) -> dict[str, Any]:
    """The lines of a rating and what was rounded, as documents of texts, whole numbers, lists and objects.

    Each of `lines` has the times `from` and `to` (UTC), `period` and `last_period` (counted from 0 as in the CDR),
    the component, its quantity, unit and price, and the amounts; `rounding` says how totals became what is published
    in CDRs and, when a currency is given, in the ledger. What does not apply is left out; without `of_cdr` so are the
    periods and the published numbers of the CDR.
    """
    numbers = range(len(rating.periods)) if of_cdr else None
    return {
        "lines": _lines(rating, tariff, numbers),
        "rounding": explained_rounding(rating, currency, of_cdr=of_cdr),
    }


def explained_lines(
    rating: Rating, tariff: Tariff, period_numbers: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """The lines; `period_numbers` tells which CDR period each period is of, where a CDR's were taken apart."""
    return _lines(rating, tariff, range(len(rating.periods)) if period_numbers is None else period_numbers)


def _lines(rating: Rating, tariff: Tariff, numbers: Sequence[int] | None) -> list[dict[str, Any]]:
    periods, gross = rating.periods, tariff.tax_included == YES
    return [_line(line, periods, gross, numbers) for line in rating.lines]


def _line(
    line: Line, periods: Sequence[ChargingPeriod], gross: bool, numbers: Sequence[int] | None
) -> dict[str, Any]:
    first, last, dimension = line.first_period, line.last_period, line.dimension
    volume, price, vat = line.volume, line.price, line.vat
    per = volume.denominator * VOLUME_PER_UNIT[dimension]
    net, denominator = volume.numerator * price.numerator, per * price.denominator
    excl_vat = decimal_text(net, denominator)
    found: dict[str, Any] = {"from": utc_text(periods[first].start), "to": utc_text(periods[last].end)}
    if numbers is not None:
        found["period"] = numbers[first]
        found["last_period"] = numbers[last]
    found["component"] = dimension
    found["quantity"] = decimal_text(volume.numerator, per)
    found["unit"] = _UNITS[dimension]
    found["price"] = _term_text(price.numerator, price.denominator)
    if line.reservation:
        found["reservation"] = True
    if dimension != FLAT:
        found["step_size"] = line.step_size
        if line.surplus:
            surplus = line.surplus
            found["rounded_up_by"] = decimal_text(surplus.numerator, surplus.denominator * VOLUME_PER_UNIT[dimension])
    if vat is not None:
        _tell_taxes(found, line, vat, gross)
    found["excl_vat"] = excl_vat
    found["incl_vat"] = (
        decimal_text(net * (100 * vat.denominator + vat.numerator), denominator * 100 * vat.denominator)
        if vat
        else excl_vat
    )
    return found


def _tell_taxes(found: dict[str, Any], line: Line, vat: Exact, gross: bool) -> None:
    found["vat"] = _term_text(vat.numerator, vat.denominator)
    if gross:
        included = line.price * (100 + vat) / 100
        found["price_incl_vat"] = _term_text(included.numerator, included.denominator)
    if any(tax.name != VAT for tax in line.taxes):
        found["taxes"] = [_tax(tax) for tax in line.taxes]


def _tax(tax: Tax) -> dict[str, str]:
    return {"name": tax.name, "percentage": decimal_text(tax.percent.numerator, tax.percent.denominator)}


def explained_rounding(
    rating: Rating, currency: str | None = None, last_part: Rating | None = None, *, of_cdr: bool = True
) -> dict[str, Any]:
    """What was rounded: totals up to steps, the sum to its bounds, and the total to what is published and posted.

    Of a session of several tariffs `last_part` is the rating of the last, the only one that rounds up to steps.
    """
    stepped = rating if last_part is None else last_part
    total, subtotal = rating.total, rating.subtotal
    found: dict[str, Any] = {}
    steps = [_step(stepped, line) for line in stepped.lines if line.surplus]
    if steps:
        found["steps"] = steps
    found["sum"] = _exact_sides(subtotal)
    bounded = rating.before_discount or total
    if bounded != subtotal:
        found["bounds"] = [
            _bound(side, before, after)
            for side, before, after in (
                ("excl_vat", subtotal.excl_vat, bounded.excl_vat),
                ("incl_vat", subtotal.incl_vat, bounded.incl_vat),
            )
            if before != after
        ]
    if rating.before_discount is not None:
        found["discount"] = {"before": _exact_sides(bounded), "after": _exact_sides(total)}
    if of_cdr:
        found["ocpi"] = {
            "rule": OCPI_RULE,
            "excl_vat": _ocpi_text(total.excl_vat),
            "incl_vat": _ocpi_text(total.incl_vat),
        }
    if currency is not None:
        found["ledger"] = {
            "rule": LEDGER_RULE.format(currency=currency),
            "excl_vat": format_minor(to_minor_half_up(total.excl_vat, currency), currency),
            "incl_vat": format_minor(to_minor_half_up(total.incl_vat, currency), currency),
        }
    return found


def _step(rating: Rating, raised: Line) -> dict[str, Any]:
    """Which total was raised to a whole number of which step; both totals are in kWh or hours."""
    dimension = raised.dimension
    after = sum(
        [
            each.volume
            for each in rating.lines
            if (each.dimension, each.reservation) == (dimension, raised.reservation)
        ]
    )
    before, per = after - raised.surplus, VOLUME_PER_UNIT[dimension]
    found: dict[str, Any] = {
        "component": dimension,
        "step_size": raised.step_size,
        "step_unit": _STEP_UNITS[dimension],
        "before": decimal_text(before.numerator, before.denominator * per),
        "after": decimal_text(after.numerator, after.denominator * per),
        "unit": _UNITS[dimension],
    }
    return found | {"reservation": True} if raised.reservation else found


def _bound(side: str, before: Exact, after: Exact) -> dict[str, str]:
    """What moved a side of the sum; a session that would cost less than nothing is at `zero`."""
    raised_to = "zero" if before < 0 and not after else "min_price"
    return {
        "bound": raised_to if after > before else "max_price",
        "side": side,
        "before": decimal_text(before.numerator, before.denominator),
        "after": decimal_text(after.numerator, after.denominator),
    }


def _exact_sides(cost: Price) -> dict[str, str]:
    excl_vat, incl_vat = cost.excl_vat, cost.incl_vat
    return {
        "excl_vat": decimal_text(excl_vat.numerator, excl_vat.denominator),
        "incl_vat": decimal_text(incl_vat.numerator, incl_vat.denominator),
    }


def _ocpi_text(amount: Exact) -> str:
    return decimal_text(ten_thousandths(amount), 10**DECIMALS)


def decimal_text(numerator: int, denominator: int) -> str:
    """A quotient as decimal text without an exponent: exact where it ends, 10 decimals half-even where it does not.

    The denominator is above zero. `(3, 8)` is `0.375` and `(2, 3)` is `0.6666666667`.
    """
    if denominator == 1:
        return str(numerator)
    scaled, rest = divmod(abs(numerator) * _SHORT_SCALE, denominator)
    if rest and not rest * _LONG_BY_SHORT % denominator:
        whole, part = divmod(abs(numerator) * _LONG_SCALE // denominator, _LONG_SCALE)
        decimals = format(part, _LONG_DIGITS)
    else:
        scaled += 2 * rest > denominator or (2 * rest == denominator and scaled % 2)
        whole, part = divmod(scaled, _SHORT_SCALE)
        decimals = format(part, _SHORT_DIGITS)
    text = f"{whole}.{decimals.rstrip('0')}" if part else str(whole)
    return f"-{text}" if numerator < 0 and (whole or part) else text


# Prices and rates are the same in session after session.
_term_text = lru_cache(maxsize=4096)(decimal_text)
