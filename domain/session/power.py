"""Whether a session's energy can have been: by the power of its connector, and by the power that its readings say."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from domain.charging import US_PER_HOUR, microseconds
from domain.errors import ImplausibleSession
from domain.exact import Exact
from domain.rating.session_trace import Reading
from domain.session.facts import Metered

# A connector may give a tenth more than was published, and meters are read some seconds off.
_TENTHS = 11
_ALLOWANCE_WH = 1_000
# Registers told in kWh are a thousandth of what they should be; nothing else comes near a hundredth.
_TIMES_TOO_SMALL = 100


def check_power(registers: Sequence[Reading], limit_w: Exact) -> None:
    """Judge the energy between every two registers, which rise, by what `limit_w` allows in that time.

    Raises ImplausibleSession where it is more, by over a tenth and 1 kWh.
    """
    if is_above([(microseconds(at - registers[0][0]), register_wh) for at, register_wh in registers], limit_w):
        raise ImplausibleSession("POWER_ABOVE_CONNECTOR", "the energy needs more power than the connector can give")


def is_above(registers: Sequence[tuple[int, Exact]], limit_w: Exact, scale: int = 1) -> bool:
    """Whether registers, which rise, need more between two of them than `limit_w` allows, by over a tenth and 1 kWh.

    Each is a moment in microseconds, from whenever on, with parts of a Wh of which `scale` make one.
    """
    first_at, first = registers[0]
    if registers[-1][1] - first <= _ALLOWANCE_WH * scale:
        return False
    # The energy less the most that could be given since the start, in tenths of Wh x microseconds an hour. It may
    # rise by no more than the allowance, so each is compared with the least before it.
    least: Exact = 0
    most = _ALLOWANCE_WH * 10 * US_PER_HOUR * scale
    allowed = limit_w * _TENTHS * scale
    for at, register in registers:
        beyond = (register - first) * 10 * US_PER_HOUR - allowed * (at - first_at)
        if beyond - least > most:
            return True
        least = min(least, beyond)
    return False


def check_units(start: Reading, readings: Sequence[Metered], stop: Reading) -> None:
    """Judge the registers by the power that was read between them: kWh told as Wh are a thousandth of it.

    Between two registers the lesser of the powers read at them counts, so that a car which stood idle in between is
    not taken for one that charged. Raises ImplausibleSession where power says more than 100 times the energy, and
    more than 1 kWh.
    """
    powers = [fact.power_w for fact in readings if fact.power_w is not None]
    if not powers:
        return
    # In Wh x microseconds an hour.
    most = max((stop[1] - start[1]) * _TIMES_TOO_SMALL, _ALLOWANCE_WH) * US_PER_HOUR
    if max(powers) * microseconds(stop[0] - start[0]) <= most:
        return
    read: list[tuple[datetime, Exact | None]] = [
        (start[0], None),
        *((fact.at, fact.power_w) for fact in readings),
        (stop[0], None),
    ]
    said: Exact = 0
    for (since, before_w), (at, after_w) in pairwise(read):
        known = [power_w for power_w in (before_w, after_w) if power_w is not None]
        if known:
            said += min(known) * microseconds(at - since)
    if said > most:
        raise ImplausibleSession("UNIT_MISMATCH", "power says a hundred times the energy of the registers, or more")
