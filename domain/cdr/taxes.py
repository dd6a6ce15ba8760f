"""The taxes in a CDR, one by one (OCPI 2.3.0 types, Price and TaxAmount): what is stored of them, and what it says.

A CDR of OCPI 2.2.1 has the sum of all taxes on each cost, as incl_vat less excl_vat. Which taxes they are follows
from its tariff where there is but one rate; only otherwise is anything stored beside it.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Any, NamedTuple, TypeAlias

from domain.cdr.costs import PARTS
from domain.cdr.tariff import rates_of
from domain.cdr.text import SameObject
from domain.charging import ENERGY, FLAT, PARKING_TIME, TIME
from domain.exact import Exact, exact, whole
from domain.money import currency_exponent, largest_remainder, plain, to_minor_half_up
from domain.rating.rating import Line, Rating
from domain.tariff.taxes import VAT, Tax

TOTAL = "total_cost"
PART_NAMES = tuple(name for name, _ in PARTS)
_FIELD_OF = {
    FLAT: "total_fixed_cost",
    ENERGY: "total_energy_cost",
    TIME: "total_time_cost",
    PARKING_TIME: "total_parking_cost",
}
_RESERVATION = "total_reservation_cost"
# The taxes themselves in what is stored; every other name in it is that of a cost.
_OF = "of"


class TaxShare(NamedTuple):
    """What of a cost is one tax, in minor units; the percentage is None where nobody told it."""

    name: str
    percent: Exact | None
    account_number: str | None
    amount_minor: int


# What a cost bears of each tax, exactly and in major units; None where it does not bear it.
_Exact: TypeAlias = Sequence[Fraction | None]


def taxes_to_store(rating: Rating, document: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a CDR of OCPI 2.2.1 leaves open about its taxes, as plain JSON; None where its tariff tells all.

    `{"of": [[name, percent, account number], ...]}` are the taxes. One that is on everything needs no more. Otherwise
    each cost with taxes has a list of [index in `of`, minor units] that adds up to its incl_vat less excl_vat.
    total_cost bears what its parts do together, and has a list only where a bound moved it.
    """
    if _tariff_tells(rating.lines, _rates(SameObject(document["tariffs"][0]))):
        return None
    found = sorted({tax for line in rating.lines for tax in line.taxes}, key=_in_order)
    stored: dict[str, Any] = {_OF: [[tax.name, plain(whole(tax.percent)), tax.account_number] for tax in found]}
    is_on_everything = len(found) == 1 and all(line.taxes for line in rating.lines)
    return stored if not found or is_on_everything else stored | _on_each_cost(rating.lines, found, document)


def _on_each_cost(
    lines: Sequence[Line], taxes: Sequence[Tax], document: Mapping[str, Any]
) -> dict[str, list[list[int]]]:
    """[index of a tax, minor units] of each cost that bears any, and of the total where its parts do not tell it."""
    listed, currency = {}, document["currency"]
    for name in PART_NAMES:
        borne = _borne([line for line in lines if _field_of(line) == name], taxes)
        if name in document and any(amount is not None for amount in borne):
            listed[name] = _in_proportion(tax_minor(document, name), borne, currency)
    total = tax_minor(document, TOTAL)
    if sum([tax_minor(document, name) for name in PART_NAMES]) != total:
        listed[TOTAL] = _last_takes_the_rest(total, _borne(lines, taxes), currency)
    return listed


def taxes_in(document: Mapping[str, Any], stored: Mapping[str, Any] | None) -> dict[str, list[TaxShare]]:
    """The taxes on each cost of a CDR of OCPI 2.2.1, given what was stored beside it; of a credit CDR its own.

    They add up to incl_vat less excl_vat of the cost. What neither its tariff nor `stored` tells is a VAT without a
    percentage.
    """
    names = [name for name in (TOTAL, *PART_NAMES) if name in document]
    taxes = [_of_the_tariff(document)] if stored is None else [_stored_tax(*tax) for tax in stored[_OF]]
    if len(taxes) == 1 and (stored is None or len(stored) == 1):
        return {name: _all_of_one(taxes[0], document, name) for name in names}
    is_credit = bool(document.get("credit"))
    return {name: _complete(taxes, _shares(stored or {}, name, is_credit), document, name) for name in names}


def _stored_tax(name: str, percent: str, account_number: str | None) -> TaxShare:
    return TaxShare(name, exact(percent), account_number, 0)


def _all_of_one(tax: TaxShare, document: Mapping[str, Any], name: str) -> list[TaxShare]:
    share = tax._replace(amount_minor=tax_minor(document, name))
    says_nothing = share.percent is None and not share.amount_minor
    return [] if says_nothing else [share]


def tax_minor(document: Mapping[str, Any], name: str) -> int:
    """What of a cost is tax, in minor units; nothing for one that the CDR does not have."""
    cost = document.get(name)
    if cost is None:
        return 0
    tax = Decimal(str(cost["incl_vat"])) - Decimal(str(cost["excl_vat"]))
    return int(tax.scaleb(currency_exponent(document["currency"])))


def _tariff_tells(lines: Iterable[Line], rates: frozenset[Exact | None]) -> bool:
    """Whether one VAT is on all that the tariff prices, or none on any of it."""
    if len(rates) != 1:
        return False
    (rate,) = rates
    taxes = () if rate is None else (Tax(VAT, Fraction(rate)),)
    return all(line.taxes == taxes for line in lines)


@lru_cache(maxsize=1024)
def _rates(tariff: SameObject) -> frozenset[Exact | None]:
    return rates_of(tariff.thing)


def _of_the_tariff(document: Mapping[str, Any]) -> TaxShare:
    """The one VAT of the CDR's tariff, or a VAT of which nothing is known."""
    tariffs = document.get("tariffs")
    rates = rates_of(tariffs[0]) if tariffs else frozenset()
    return TaxShare(VAT, next(iter(rates)) if len(rates) == 1 else None, None, 0)


def _field_of(line: Line) -> str:
    return _RESERVATION if line.reservation else _FIELD_OF[line.dimension]


def _in_order(tax: Tax) -> tuple[Fraction, str, str]:
    return (tax.percent, tax.name, tax.account_number or "")


def _borne(lines: Iterable[Line], taxes: Sequence[Tax]) -> list[Fraction | None]:
    borne: dict[Tax, Fraction] = {}
    for line in lines:
        for tax in line.taxes:
            borne[tax] = borne.get(tax, Fraction(0)) + line.quantity * line.price * tax.percent / 100
    return [borne.get(tax) for tax in taxes]


def _in_proportion(tax_minor: int, borne: _Exact, currency: str) -> list[list[int]]:
    """The tax on a part by largest remainder, where that can be."""
    present = [(index, amount) for index, amount in enumerate(borne) if amount is not None]
    common = lcm(*[amount.denominator for _, amount in present])
    weights = [amount.numerator * (common // amount.denominator) for _, amount in present]
    # With a feed-in price weights may be negative, with a price of nothing they are all zero: no proportion then.
    if any(weight < 0 for weight in weights) or not any(weights):
        return _last_takes_the_rest(tax_minor, borne, currency)
    shares = largest_remainder(tax_minor, weights)
    return [[index, share] for (index, _), share in zip(present, shares, strict=True)]


def _last_takes_the_rest(tax_minor: int, borne: _Exact, currency: str) -> list[list[int]]:
    """The tax on a total that a bound moved: each tax as it is, at most what is left, and the rest for the last."""
    present = [(index, amount) for index, amount in enumerate(borne) if amount is not None]
    left = tax_minor
    shares = []
    for index, amount in present[:-1]:
        # A bound may leave less than the taxes come to: what is left is the most that one can be.
        share = min(to_minor_half_up(amount, currency), left)
        shares.append([index, share])
        left -= share
    return [*shares, [present[-1][0], left]]


def _shares(stored: Mapping[str, Any], name: str, is_credit: bool) -> list[tuple[int, int]]:
    """(index of a tax, minor units) of a cost; a credit CDR negates those of its total alone."""
    if name != TOTAL:
        return [(index, amount) for index, amount in stored.get(name, ())]
    listed = [stored[TOTAL]] if TOTAL in stored else [stored.get(part, ()) for part in PART_NAMES]
    sums: dict[int, int] = {}
    for index, amount in (share for part in listed for share in part):
        sums[index] = sums.get(index, 0) + amount
    return [(index, -amount if is_credit else amount) for index, amount in sorted(sums.items())]


def _complete(
    taxes: Sequence[TaxShare], listed: Iterable[tuple[int, int]], document: Mapping[str, Any], name: str
) -> list[TaxShare]:
    """The taxes that are listed of a cost, and what of it they leave as a VAT of which nothing is known."""
    shares = [taxes[index]._replace(amount_minor=amount) for index, amount in listed]
    rest = tax_minor(document, name) - sum([share.amount_minor for share in shares])
    return [*shares, TaxShare(VAT, None, None, rest)] if rest else shares
