"""The ladder: a month's charge shared among quarter hours as players of the airport game, and among their loads.

Quarters are sorted by load, l1 <= ... <= ln. Quarter k bears the sum over j <= k of (lj - l(j-1)) / (n - j + 1):
its Shapley value of the game in which a set of quarters costs as much as its highest (Littlechild and Owen, 1973).
Together they bear ln, and the charge in that proportion. Within a quarter it is borne by energy.

A share is a whole number of cents, so what is asked of the exact one is its whole part, and how its rest compares
with those of others. Both are told from numbers of `_PLACES` binary places; the exact rationals, which have thousands
of digits, are worked out only where those are too near to each other to tell.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cache, cached_property
from math import lcm
from typing import TypeAlias

from domain.exact import Exact

Player: TypeAlias = str | None
"""Who bears a share: a session by its id, or None for the load of a site that is no session's."""
OTHER_LOAD: Player = None

Loads: TypeAlias = Sequence[tuple[int, Exact]]
"""The Wh of one player by quarter: each quarter's number once, and more than nothing."""

# Each of the steps that lead to a share is off by less than one in the last place. They are fewer than 2**60, and
# make it no worse than `_TOO_NEAR` / 4 where the charge is below 2**60 cents and the highest load above 2**-8 Wh.
_PLACES = 256
_PLACES_OF_SHARES = 128
_ONE = 1 << _PLACES_OF_SHARES
_TOO_NEAR = 1 << 64
_LEAST_HIGHEST = 1 << (_PLACES - 8)


def in_order(player: Player) -> tuple[bool, str]:
    """Players by id; other load, which has none, comes last."""
    return player is None, player or ""


def by_ladder(total: int, loads: Mapping[Player, Loads]) -> dict[Player, int]:
    """The cents that each player bears of a `total` of no less than zero.

    They add up to the total where there is any load, by largest remainder, ties in order.
    """
    load, borne, highest = _nearly_borne(loads)
    exactly = cache(_Exactly(total, loads).share)
    whole: dict[Player, int] = {}
    rest: dict[Player, int] = {}
    for player, of_player in loads.items():
        bears = sum(
            borne[quarter] * _fixed(energy) // load[quarter] for quarter, energy in of_player if load[quarter]
        )
        near = (total * bears << _PLACES_OF_SHARES) // highest if bears else 0
        whole[player], rest[player] = divmod(near, _ONE)
        if of_player and (highest < _LEAST_HIGHEST or not _TOO_NEAR < rest[player] < _ONE - _TOO_NEAR):
            share = exactly(player)
            whole[player] = share.numerator // share.denominator
            rest[player] = int((share - whole[player]) * _ONE)
    left = total - sum(whole.values()) if any(loads.values()) else 0
    if left:
        for player in _with_largest(left, rest, exactly):
            whole[player] += 1
    return whole


def _with_largest(count: int, rest: Mapping[Player, int], exactly: Callable[[Player], Fraction]) -> list[Player]:
    """The players with the largest rests; those too near to the last of them are compared exactly."""
    limit = sorted(rest.values(), reverse=True)[count - 1]
    chosen = [player for player, value in rest.items() if value > limit + _TOO_NEAR]
    doubtful = sorted((player for player, value in rest.items() if abs(value - limit) <= _TOO_NEAR), key=in_order)
    if len(doubtful) > count - len(chosen):
        doubtful.sort(key=lambda player: exactly(player) % 1, reverse=True)
    return chosen + doubtful[: count - len(chosen)]


def nearly_highest(loads: Iterable[Loads]) -> list[int]:
    """The quarters whose load is the highest, or too near to it to tell; in order."""
    load = _nearly_loads(loads)
    limit = max(load.values(), default=0) - _TOO_NEAR
    return sorted(quarter for quarter, value in load.items() if value >= limit)


def _nearly_loads(loads: Iterable[Loads]) -> dict[int, int]:
    load: dict[int, int] = {}
    for of_player in loads:
        for quarter, energy in of_player:
            load[quarter] = load.get(quarter, 0) + _fixed(energy)
    return load


def _fixed(energy: Exact) -> int:
    """A number in the last of `_PLACES`, cut off."""
    return (energy.numerator << _PLACES) // energy.denominator


def _nearly_borne(loads: Mapping[Player, Loads]) -> tuple[dict[int, int], dict[int, int], int]:
    """By quarter its load and what it bears, and the highest load, in the last of `_PLACES`."""
    load = _nearly_loads(loads.values())
    borne, so_far, before, left = {}, 0, 0, len(load)
    for quarter in sorted(load, key=load.__getitem__):
        so_far += (load[quarter] - before) // left
        borne[quarter], before, left = so_far, load[quarter], left - 1
    return load, borne, before


class _Exactly:
    """The same in exact rationals, all energies being whole numbers over one denominator."""

    def __init__(self, total: int, loads: Mapping[Player, Loads]) -> None:
        self._total, self._loads = total, loads

    def share(self, player: Player) -> Fraction:
        """What a player bears of the total, in cents."""
        load, borne, parts, highest = self._all_borne
        bears = Fraction(0)
        for quarter, energy in self._loads[player]:
            bears += Fraction(borne[quarter] * _over(energy, self._denominator), parts * load[quarter])
        return self._total * bears / highest

    @cached_property
    def _denominator(self) -> int:
        return lcm(*(energy.denominator for each in self._loads.values() for _, energy in each))

    @cached_property
    def _all_borne(self) -> tuple[dict[int, int], dict[int, int], int, int]:
        """By quarter its load, and what it bears in how many parts of that unit; and the highest load."""
        load: dict[int, int] = {}
        for of_player in self._loads.values():
            for quarter, energy in of_player:
                load[quarter] = load.get(quarter, 0) + _over(energy, self._denominator)
        parts = lcm(*range(1, len(load) + 1))
        borne, so_far, before, left = {}, 0, 0, len(load)
        for quarter in sorted(load, key=load.__getitem__):
            so_far += (load[quarter] - before) * (parts // left)
            borne[quarter], before, left = so_far, load[quarter], left - 1
        return load, borne, parts, before


def _over(energy: Exact, denominator: int) -> int:
    return energy.numerator * (denominator // energy.denominator)
