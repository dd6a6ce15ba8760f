"""Where the charging periods of a raw session end: the instants its price can change, with the registers there."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

from domain.charging import US_PER_HOUR, microseconds
from domain.exact import Exact, whole
from domain.rating.session_trace import Reading, SessionTrace, time_of
from domain.tariff.menu import Menu
from domain.wall_clock import wall_clock_instants

# What an OCPI DateTime of 25 characters and a number of kWh with 4 decimals can hold.
GRID_US = 100
_PARTS_PER_WH = 10


def points(trace: SessionTrace, menu: Menu, time_zone: ZoneInfo, state_cuts: list[datetime]) -> list[Reading]:
    """The ends of the periods: times with the register as of then, in order, the first and last readings included."""
    registers = trace.registers
    first, last = registers[0], registers[-1]
    cuts = set(state_cuts)
    tiers: list[Reading] = []
    if menu.restricted:
        cuts |= time_cuts(trace.started_at, trace.ended_at, menu, time_zone)
        cuts |= _band_cuts(trace, menu)
        tiers = [(tier_reached_at(registers, tier), whole(first[1] + tier)) for tier in _tiers_within(trace, menu)]
        cuts -= {at for at, _ in tiers}
    if not cuts and not tiers:
        return [first, last]
    # Tiers count as readings, so that what lies between them stays between them.
    known = sorted([*registers, *tiers]) if tiers else registers
    # Each cut is another instant; only tiers may be reached at one instant, the first or the last among them.
    inner = [(at, register_at(known, at)) for at in cuts if trace.started_at < at < trace.ended_at]
    inner += {tier for tier in tiers if tier not in (first, last)}
    return [first, *sorted(inner), last]


def time_cuts(start: datetime, end: datetime, menu: Menu, time_zone: ZoneInfo) -> set[datetime]:
    edges = menu.edges
    lasting_us = microseconds(end - start)
    cuts = {start + timedelta(microseconds=since) for since in edges.elapsed_us if 0 < since < lasting_us}
    if edges.clock_minutes:
        cuts |= wall_clock_instants(start, end, edges.clock_minutes, time_zone)
    return {at for at in cuts if start < at < end}


def _tiers_within(trace: SessionTrace, menu: Menu) -> Iterable[Fraction]:
    total_wh = trace.registers[-1][1] - trace.registers[0][1]
    # The last tier may be reached long before the end: what follows is time, at the prices behind it.
    return (tier for tier in menu.edges.energy_wh if 0 < tier <= total_wh)


def tier_reached_at(registers: Sequence[Reading], tier_wh: Exact) -> datetime:
    """When the session's energy reaches a tier, interpolated between registers (OCPI mod_cdrs, CDR object).

    The instant is rounded to what a CDR can say, and between its registers; the energy at it is the tier exactly.
    """
    target_wh = registers[0][1] + tier_wh
    later = next(index for index, (_, register_wh) in enumerate(registers) if register_wh >= target_wh)
    (start, low_wh), (end, high_wh) = registers[later - 1], registers[later]
    if target_wh == high_wh:
        return end
    share = Fraction(target_wh - low_wh, high_wh - low_wh)
    at = publishable_instant(start + timedelta(microseconds=round(share * microseconds(end - start))))
    return min(max(at, start), end)


def publishable_instant(at: datetime) -> datetime:
    """The nearest instant that an OCPI DateTime can say (OCPI types, DateTime: 25 characters).

    OCPI does not say how an instant that was calculated becomes such a text. Decided: it is rounded before the
    session is priced, to the fourth decimal of a second, so that the CDR is priced as the session was.
    """
    beyond = at.microsecond % GRID_US
    return at + timedelta(microseconds=GRID_US - beyond if 2 * beyond >= GRID_US else -beyond)


def stated_instant(at: datetime) -> datetime:
    """An instant that was reported, cut to what an OCPI DateTime can say (OCPI types, DateTime: 25 characters).

    OCPI does not say how finer times become such a text. Decided: they are cut, and before the session is priced, so
    that the CDR is priced as the session was.
    """
    beyond = at.microsecond % GRID_US
    return at - timedelta(microseconds=beyond) if beyond else at


def register_at(registers: Sequence[Reading], at: datetime) -> Exact:
    """The register at an instant within the session, linear between readings; a reading itself stays as it is."""
    later = bisect_right(registers, at, key=time_of)
    start, low_wh = registers[later - 1]
    end, high_wh = registers[later] if later < len(registers) else (at, low_wh)
    if at == start or high_wh == low_wh:
        return low_wh
    part_us, whole_us = microseconds(at - start), microseconds(end - start)
    scale = low_wh.denominator * high_wh.denominator
    low, high = low_wh.numerator * high_wh.denominator, high_wh.numerator * low_wh.denominator
    first_wh = registers[0][1]
    between = publishable_energy(low * (whole_us - part_us) + high * part_us, scale * whole_us, first_wh)
    return max(low_wh, between)


def publishable_energy(numerator: int, denominator: int, first_wh: Exact) -> Exact:
    """A register, as a quotient of Wh, cut to what a CDR can say of the energy since `first_wh` (OCPI types, number).

    OCPI has metered energy interpolated and numbers of 4 decimals of a kWh, and leaves open how the one becomes the
    other. Decided: it is cut before the session is priced, so that the CDR is priced as the session was; cutting, not
    rounding, keeps the energy on its side of every tier.
    """
    since = numerator * first_wh.denominator - first_wh.numerator * denominator
    tenths = since * _PARTS_PER_WH // (denominator * first_wh.denominator)
    wh, part = divmod(tenths, _PARTS_PER_WH)
    return first_wh + (Fraction(tenths, _PARTS_PER_WH) if part else wh)


def _band_cuts(trace: SessionTrace, menu: Menu) -> set[datetime]:
    """Where power or current changes, when the tariff looks at them."""
    cuts: set[datetime] = set()
    if menu.edges.power:
        cuts |= {at for at, _ in power_curve(trace)}
    if menu.edges.current:
        cuts |= {at for at, _ in trace.currents}
    return cuts


def power_curve(trace: SessionTrace) -> Sequence[Reading]:
    """Power as steps (OCPI mod_tariffs, min_power and max_power), by the times from which each value holds.

    OCPI wants momentary power and does not say how to get it. Decided: a power reading holds until the next one;
    before the first, and without any, it is the mean power between registers.
    """
    first = trace.powers[0][0] if trace.powers else trace.ended_at
    pairs = pairwise(trace.registers)
    means = [
        (start, Fraction((high_wh - low_wh) * US_PER_HOUR, microseconds(end - start)))
        for (start, low_wh), (end, high_wh) in pairs
        if start < end and start < first
    ]
    return [*means, *trace.powers]
