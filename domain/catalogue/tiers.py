"""How many people have to approve a payout: tiers by its amount, of an operator's terms or of the platform (P12)."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from domain.money import parse_minor

# By currency, in ascending order: from which amount on, in minor units, so many people.
Tiers: TypeAlias = Mapping[str, tuple[tuple[int, int], ...]]


def tiers_of(told: Any, currency: str = "") -> Tiers:
    """Tiers as they are told: by currency, or a list of those in one currency; None is none.

    Each tier is {`from`: a decimal text, `approvals`: an integer of at least 1}. Raises LookupError, TypeError or
    ValueError for what is none of it.
    """
    if told is None:
        return {}
    by_currency = told if isinstance(told, Mapping) else {currency: told}
    return {
        code: tuple(sorted((parse_minor(str(tier["from"]), code), int(tier["approvals"])) for tier in tiers))
        for code, tiers in by_currency.items()
    }


def approvals_needed(tiers: Tiers, platform: Tiers, currency: str, amount: int) -> int:
    """By how many different people a payout has to be approved; one, where nothing says otherwise."""
    ruling = tiers.get(currency) or platform.get(currency) or ()
    return max([1, *(approvals for start, approvals in ruling if start <= amount)])
