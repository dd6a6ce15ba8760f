"""The costs in a CDR, in the currency's minor units: parts that add up to the total."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any

from domain.money import currency_exponent, largest_remainder, to_minor_half_up
from domain.rating import Price, Rating

_PARTS: tuple[tuple[str, Callable[[Rating], Price | None]], ...] = (
    ("total_fixed_cost", lambda rating: rating.fixed),
    ("total_energy_cost", lambda rating: rating.energy),
    ("total_time_cost", lambda rating: rating.time),
    ("total_parking_cost", lambda rating: rating.parking),
    ("total_reservation_cost", lambda rating: rating.reservation),
)


def price_of(net_minor: int, gross_minor: int, currency: str) -> dict[str, Decimal]:
    """An OCPI Price from minor units."""
    exponent = currency_exponent(currency)
    return {
        "excl_vat": Decimal(net_minor).scaleb(-exponent),
        "incl_vat": Decimal(gross_minor).scaleb(-exponent),
    }


def cost_fields(rating: Rating, net_minor: int, gross_minor: int, currency: str) -> dict[str, Any]:
    """The cost of each kind as an OCPI Price, None for a kind that was never active.

    Without a bound they add up to net and gross; with one each is rounded half-up by itself (OCPI mod_tariffs,
    Tariff object: parts are not scaled).
    """
    costs = [(name, cost) for name, of in _PARTS if (cost := of(rating)) is not None]
    adds_up = rating.total == rating.subtotal
    nets = _allocate(net_minor, [cost.excl_vat for _, cost in costs], adds_up, currency)
    grosses = _allocate(gross_minor, [cost.incl_vat for _, cost in costs], adds_up, currency)
    found = {name: price_of(net, gross, currency) for (name, _), net, gross in zip(costs, nets, grosses, strict=True)}
    return {name: found.get(name) for name, _ in _PARTS}


def _allocate(total_minor: int, exact: list[Fraction], adds_up: bool, currency: str) -> list[int]:
    """Shares of the total by largest remainder; each rounded alone where a bound or a feed-in price forbids that."""
    if not adds_up or any(amount < 0 for amount in exact) or not any(exact):
        return [to_minor_half_up(amount, currency) for amount in exact]
    common = lcm(*[amount.denominator for amount in exact])
    weights = [amount.numerator * (common // amount.denominator) for amount in exact]
    return list(largest_remainder(total_minor, weights))
