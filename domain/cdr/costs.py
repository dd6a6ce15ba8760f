"""The costs in a CDR, in the currency's minor units: parts that add up to the total."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import combinations
from math import lcm
from typing import Any, NamedTuple

from domain.money import currency_exponent, to_minor_half_up
from domain.rating.rating import Price, Rating

PARTS: tuple[tuple[str, Callable[[Rating], Price | None]], ...] = (
    ("total_fixed_cost", lambda rating: rating.fixed),
    ("total_energy_cost", lambda rating: rating.energy),
    ("total_time_cost", lambda rating: rating.time),
    ("total_parking_cost", lambda rating: rating.parking),
    ("total_reservation_cost", lambda rating: rating.reservation),
)


def price_of(net_minor: int, gross_minor: int, currency: str) -> dict[str, Decimal]:
    """An OCPI Price from minor units."""
    exponent = currency_exponent(currency)
    return {"excl_vat": major(net_minor, exponent), "incl_vat": major(gross_minor, exponent)}


@lru_cache(maxsize=16_384)
def major(amount_minor: int, exponent: int) -> Decimal:
    """Minor units as a number in major units."""
    return Decimal(amount_minor).scaleb(-exponent)


def cost_fields(rating: Rating, net_minor: int, gross_minor: int, currency: str) -> dict[str, Any]:
    """The cost of each kind as an OCPI Price, None for a kind that was never active.

    Without a bound they add up to net and gross, and each side and each part's VAT is the exact amount rounded up or
    down to a minor unit: what has no VAT shows none. With a bound each is rounded half-up by itself (OCPI
    mod_tariffs, Tariff object: parts are not scaled), as with a feed-in price.
    """
    names = [name for name, of in PARTS if of(rating) is not None]
    costs = [cost for _, of in PARTS if (cost := of(rating)) is not None]
    adds_up = rating.total is rating.subtotal or rating.total == rating.subtotal
    if adds_up and len(costs) == 1:
        amounts = [(net_minor, gross_minor)]
    else:
        shared = _shared(net_minor, gross_minor, costs, currency) if adds_up else None
        amounts = shared or [_alone(cost, currency) for cost in costs]
    found = {name: price_of(*pair, currency) for name, pair in zip(names, amounts, strict=True)}
    return {name: found.get(name) for name, _ in PARTS}


def _alone(cost: Price, currency: str) -> tuple[int, int]:
    return to_minor_half_up(cost.excl_vat, currency), to_minor_half_up(cost.incl_vat, currency)


class _Row(NamedTuple):
    """A part's amount without VAT, its VAT and their sum, each as whole minor units and what is above them."""

    net: tuple[int, int]
    vat: tuple[int, int]
    gross: tuple[int, int]


def _shared(net_minor: int, gross_minor: int, costs: Sequence[Price], currency: str) -> list[tuple[int, int]] | None:
    """Net and gross of each part, with VAT as their difference, so that all three add up; None where they cannot.

    Rounding a table so that its rows and columns still add up is always possible for amounts that are not negative;
    of all ways the one is taken that gives the most to the largest remainders of net, then of VAT.
    """
    rows = _rows(costs, currency)
    to_raise = net_minor - sum([row.net[0] for row in rows])
    if to_raise < 0 or any(row.net[0] < 0 or row.vat[0] < 0 for row in rows):
        return None
    raisable = [index for index, row in enumerate(rows) if row.net[1]]
    raisable.sort(key=lambda i: (-rows[i].net[1], i))
    for raised in combinations(raisable, to_raise):
        nets = [row.net[0] + (index in raised) for index, row in enumerate(rows)]
        vats = _vats(gross_minor - net_minor, nets, rows)
        if vats is not None:
            return [(net, net + vat) for net, vat in zip(nets, vats, strict=True)]
    return None


def _rows(costs: Sequence[Price], currency: str) -> list[_Row]:
    scale = 10 ** currency_exponent(currency)
    # Over one common denominator all that follows is arithmetic of whole numbers.
    common = lcm(*[side.denominator for cost in costs for side in (cost.excl_vat, cost.incl_vat)])
    rows = []
    for cost in costs:
        net, gross = cost.excl_vat, cost.incl_vat
        net_parts = net.numerator * scale * (common // net.denominator)
        gross_parts = gross.numerator * scale * (common // gross.denominator)
        amounts = (net_parts, gross_parts - net_parts, gross_parts)
        rows.append(_Row(*[divmod(amount, common) for amount in amounts]))
    return rows


def _vats(vat_minor: int, nets: Sequence[int], rows: Sequence[_Row]) -> list[int] | None:
    """VAT of each part beside its rounded net: both it and the gross stay within a minor unit of the exact amount."""
    least = [max(row.vat[0], row.gross[0] - net) for net, row in zip(nets, rows, strict=True)]
    to_raise = vat_minor - sum(least)
    if not to_raise:
        return least
    open_ = [
        index
        for index, (net, row) in enumerate(zip(nets, rows, strict=True))
        if least[index] < min(_ceiling(row.vat), _ceiling(row.gross) - net)
    ]
    if not 0 <= to_raise <= len(open_):
        return None
    open_.sort(key=lambda i: (-rows[i].vat[1], i))
    raised = open_[:to_raise]
    return [amount + (index in raised) for index, amount in enumerate(least)]


def _ceiling(amount: tuple[int, int]) -> int:
    return amount[0] + 1 if amount[1] else amount[0]
