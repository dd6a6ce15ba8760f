"""Attempts to charge: which came to something, and of how many visits the first one did.

The thresholds and what a visit is are declared here and printed beside the figures. Times are whole microseconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from domain.exact import Exact
from domain.network.moments import US_PER_SECOND

# An attempt came to something when so much energy came through, or when it charged for so long.
ENERGY_MIN_WH, CHARGING_MIN_S = 500, 60
# A driver who begins again so soon after an attempt ended is on the same visit.
VISIT_GAP_S = 600

THRESHOLDS = (
    f"An attempt succeeds when it took at least {ENERGY_MIN_WH} Wh, or charged for at least {CHARGING_MIN_S} s and "
    "took any. A visit is the attempts of one driver at one site, without a token at one EVSE, each begun at most "
    f"{VISIT_GAP_S // 60} minutes after the one before ended, up to the first that succeeds."
)


class Attempt(NamedTuple):
    """A session that is over, whoever pays. `peak_w` is its highest mean power of a quarter hour, None without one.

    `driver` tells one driver from another, None without a token. `left_out` says why its energy is in no figure.
    """

    operator_id: str
    location_key: str
    evse_key: str
    began: int
    session_id: str
    location_id: str
    evse_uid: str
    ended: int
    driver: str | None
    charging_us: int
    energy_wh: Exact
    peak_w: Exact | None
    left_out: str | None

    @property
    def succeeded(self) -> bool:
        """Whether it came to something; one whose registers cannot be is judged by how long it charged alone."""
        took_any = self.energy_wh > 0 or self.left_out is not None
        charged = self.charging_us >= CHARGING_MIN_S * US_PER_SECOND
        return self.energy_wh >= ENERGY_MIN_WH or (charged and took_any)


@dataclass(slots=True)
class Success:
    """Attempts and visits, and how many of each came to something; of visits, how many at the first attempt."""

    attempts: int = 0
    succeeded: int = 0
    visits: int = 0
    first_time: int = 0

    @property
    def rate(self) -> Fraction | None:
        """Attempts that succeeded / attempts."""
        return Fraction(self.succeeded, self.attempts) if self.attempts else None

    @property
    def first_time_rate(self) -> Fraction | None:
        """Visits whose first attempt succeeded / visits."""
        return Fraction(self.first_time, self.visits) if self.visits else None


def first_attempts(attempts: Iterable[Attempt]) -> set[str]:
    """The sessions by which visits begin."""
    found: set[str] = set()
    last: dict[tuple[str, ...], Attempt] = {}
    for each in sorted(attempts, key=lambda attempt: (attempt.began, attempt.session_id)):
        place = (each.operator_id, each.location_key)
        who = (*place, each.driver, "") if each.driver is not None else (*place, "", each.evse_key)
        before = last.get(who)
        if before is None or before.succeeded or each.began - before.ended > VISIT_GAP_S * US_PER_SECOND:
            found.add(each.session_id)
        last[who] = each
    return found


def success_of(attempts: Iterable[Attempt], first: set[str]) -> Success:
    """How many of some attempts came to something; `first` as `first_attempts` gives them of all."""
    found = Success()
    for each in attempts:
        found.attempts += 1
        found.succeeded += each.succeeded
        if each.session_id in first:
            found.visits += 1
            found.first_time += each.succeeded
    return found
