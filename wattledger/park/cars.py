"""Cars: what each draws of what it is offered, until it is full.

Currents are per phase in mA, energy in mW s, times in seconds: integers, so that what a car takes in is exactly what
its meter counts.
"""

from dataclasses import dataclass
from typing import Final

# IEC 61851: a car cannot be told less, and what is offered below it is a pause.
FLOOR_MA: Final = 6_000
# What a battery that is nearly full still takes.
_TRICKLE_MA: Final = 1_500
MWS_A_WH: Final = 3_600_000
_PERMILLE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Car:
    """A car as it was built, and how much it wants.

    It uses the first `phases` of three, accepts `accepts_ma` at most and stays `shy_ma` below what it is offered,
    as cars do. Of `need_wh` the last part, from `tapers_from` permille on, is taken in ever more slowly. After a
    pause it needs `wakes_s` to begin again.
    """

    phases: int
    accepts_ma: int
    need_wh: int
    tapers_from: int = 800
    shy_ma: int = 300
    wakes_s: int = 0

    @property
    def need_mws(self) -> int:
        """What it wants, in the unit of its meter."""
        return self.need_wh * MWS_A_WH

    def wants_ma(self, taken_mws: int) -> int:
        """What it would draw by itself once it has taken in so much; 0 when it is full."""
        left = self.need_mws - taken_mws
        if left <= 0:
            return 0
        tapering = self.need_mws * (_PERMILLE - self.tapers_from)
        if left * _PERMILLE >= tapering:
            return self.accepts_ma
        return max(min(_TRICKLE_MA, self.accepts_ma), self.accepts_ma * left * _PERMILLE // tapering)

    def draws_ma(self, offered_ma: int, taken_mws: int) -> int:
        """What it draws of an offer: never more than is offered, and nothing below the floor."""
        if offered_ma < FLOOR_MA:
            return 0
        return min(self.wants_ma(taken_mws), offered_ma - self.shy_ma)
