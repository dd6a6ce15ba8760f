"""Splits: which part of an operator's share of a session each payee has (J07, largest remainder).

Sums, and percents of gross or net, come first, in the order in which they are listed and each at most what is left;
of the rest the percents of SHARE are taken by largest remainder over the operator's own part and theirs, ties to the
earlier. So the parts are the share, to the cent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import lcm
from typing import Any

from domain.catalogue.commission import Rate, lowered
from domain.exact import Exact
from domain.money import largest_remainder, round_half_up
from domain.values import value


class SplitBase(StrEnum):
    """What a percent of a split is of: the operator's share, or what is paid for the session with or without VAT."""

    SHARE = "SHARE"
    GROSS = "GROSS"
    NET = "NET"


@value
class Basis:
    """What a session was billed, in minor units and Wh: what parts are reckoned by."""

    net: int
    gross: int
    energy_wh: Exact
    share: int


@dataclass(frozen=True, slots=True)
class Split:
    """What one payee has of each session at some locations (lower case; None: everywhere)."""

    payee: str
    rate: Rate
    base: SplitBase
    locations: frozenset[str] | None

    @property
    def is_of_share(self) -> bool:
        """Whether it is a percent of what the parts before it leave of the share."""
        return self.base is SplitBase.SHARE and not (self.rate.per_kwh or self.rate.per_session)

    def first(self, basis: Basis) -> int:
        """Of one that comes before percents of SHARE: what it comes to, rounded half-up."""
        of = basis.gross if self.base is SplitBase.GROSS else basis.net
        return round_half_up(self.rate.exactly(of, basis.energy_wh, 1))


@dataclass(frozen=True, slots=True)
class SplitTerms:
    """The splits of an operator's terms; with `losses` payees bear their part of what is taken back."""

    splits: tuple[Split, ...]
    losses: bool = True

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "SplitTerms | None":
        """From an operator's data; None where nothing is split."""
        found = tuple(
            Split(
                each["operator_id"],
                Rate.from_data(each, data["currency"]),
                SplitBase(each.get("base") or "SHARE"),
                lowered(each.get("locations")),
            )
            for each in data.get("splits") or ()
        )
        return cls(found, data.get("split_losses") is not False) if found else None

    @property
    def payees(self) -> frozenset[str]:
        """All whom anything is split with."""
        return frozenset(each.payee for each in self.splits)

    def at(self, location_id: str) -> tuple[Split, ...]:
        """The splits that count at a location, as listed."""
        place = location_id.casefold()
        return tuple(each for each in self.splits if each.locations is None or place in each.locations)


class Weights:
    """By which parts an amount is split: those of a session as it was billed."""

    def __init__(self, splits: Iterable[Split], basis: Basis) -> None:
        found = list(splits)
        self._payees = [each.payee for each in found]
        left = max(0, basis.share)
        parts = [Fraction(0)] * len(found)
        for place, split in enumerate(found):
            if not split.is_of_share:
                parts[place] = Fraction(min(left, split.first(basis)))
                left -= int(parts[place])
        # Of a share of nothing, or less, only percents of it say who bears what comes of it.
        whole = left if basis.share > 0 else 1
        for place, split in enumerate(found):
            if split.is_of_share:
                parts[place] = whole * split.rate.percent / 100
        total = Fraction(basis.share if basis.share > 0 else 1)
        parts.insert(0, total - sum(parts))
        scale = lcm(*(part.denominator for part in parts))
        self._weights = [int(part * scale) for part in parts]

    def parts(self, amount: int) -> dict[str, int]:
        """What each payee has of an amount, in minor units, in the order of the list; all of its sign."""
        found = dict.fromkeys(self._payees, 0)
        for payee, part in zip(self._payees, largest_remainder(amount, self._weights)[1:], strict=True):
            found[payee] += part
        return found
