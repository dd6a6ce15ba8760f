"""Use of EVSEs: what sessions leave in a local day of an EVSE, what a day comes to, and the figures of a span.

Times are whole microseconds since 1970; they are cut to seconds only where they are shown, so that sums are exact.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.exact import Exact, whole
from domain.network.moments import QUARTER_US, US_PER_SECOND, microsecond_of
from domain.network.session_use import POWER_ABOVE_CONNECTOR, SessionUse
from domain.network.spans import Span, day_in, length, local_days, united, within

REGISTER_FALLS, END_BELOW_START = "REGISTER_FALLS", "END_BELOW_START"
# The channel of sessions whose driver pays the platform itself; the others are named after their partner.
DIRECT = ""
# Of sessions that are in no figure of energy, those whose time is known all the same.
_TIME_IS_KNOWN = frozenset({REGISTER_FALLS, END_BELOW_START, POWER_ABOVE_CONNECTOR})
_OUT_OF_SERVICE = frozenset({"PLANNED", "REMOVED"})


class Money(NamedTuple):
    """What a session came to, in minor units: net, and what of it the operator has after commission and its VAT."""

    currency: str
    net: int
    share: int


class Stay(NamedTuple):
    """One session at an EVSE: until when (`until` its end, or its last sign so far), when it charged, and its energy.

    `quarters` are moments in microseconds with the Wh of the 15 minutes from there, which add up to `energy_wh`.
    `ended` says whether it is over.
    """

    channel: str
    began: int
    until: int
    ended: bool
    charging: Sequence[Span]
    energy_wh: Exact
    quarters: Sequence[tuple[int, Exact]]
    money: Money | None = None


class DayPart(NamedTuple):
    """What one session leaves in one local day of its EVSE."""

    channel: str
    occupied: Span
    charging: tuple[Span, ...]
    energy_wh: Exact
    starts: bool
    ends: bool
    money: Money | None


def stay_of(use: SessionUse, money: Money | None = None) -> Stay | None:
    """The stay of a session; None for one that took no time, or of which nobody can tell where or when it was.

    One whose energy is in doubt was there all the same: it has no Wh. One that is billed without an end is over: its
    end was estimated where it was heard last.
    """
    if use.started_at is None or use.until is None or not use.operator_id:
        return None
    if use.left_out is not None and use.left_out not in _TIME_IS_KNOWN:
        return None
    return Stay(
        use.partner or DIRECT,
        microsecond_of(use.started_at),
        microsecond_of(use.until),
        use.ended_at is not None or money is not None,
        use.charging,
        use.energy_wh,
        [(quarter * QUARTER_US, energy_wh) for quarter, energy_wh in use.quarters],
        money,
    )


def day_parts(stay: Stay, time_zone: ZoneInfo) -> dict[date, DayPart]:
    """What a session leaves in each local day that it meets.

    It counts as a session in the day in which it starts; its money in the one in which it ends. Energy is in the day
    in which its quarter hour begins: all time zones of today keep days to whole quarters.
    """
    first_us, last_us = stay.began, max(stay.began, stay.until)
    found: dict[date, DayPart] = {}
    days = list(local_days(first_us, last_us, time_zone))
    closing = days[-1][0] if day_in(days[-1][0], time_zone)[1] > last_us else day_of(last_us, time_zone)
    if stay.ended and closing != days[-1][0]:
        # It ends with the stroke of midnight: in a day in which it takes no time.
        days.append((closing, (last_us, last_us)))
    energy = _energy_by_day(stay, [day for day, _ in days], time_zone)
    for place, (day, (begin, end)) in enumerate(days):
        ends = stay.ended and day == closing
        found[day] = DayPart(
            stay.channel,
            (begin, end),
            tuple(within(stay.charging, begin, end)),
            energy[place],
            starts=place == 0,
            ends=ends,
            money=stay.money if ends else None,
        )
    return found


def _energy_by_day(stay: Stay, days: Sequence[date], time_zone: ZoneInfo) -> list[Exact]:
    """The Wh of each day; the first has what is before it, the last what is left, so that they add up."""
    found: list[Exact] = []
    left, place = stay.energy_wh, 0
    for day in days[:-1]:
        closes, sum_wh = day_in(day, time_zone)[1], Fraction(0)
        while place < len(stay.quarters) and stay.quarters[place][0] < closes:
            sum_wh += stay.quarters[place][1]
            place += 1
        found.append(whole(sum_wh))
        left -= sum_wh
    return [*found, whole(left)]


def day_of(microsecond: int, time_zone: ZoneInfo) -> date:
    """The local date of a moment."""
    return next(local_days(microsecond, microsecond, time_zone))[0]


@dataclass(slots=True)
class ChannelDay:
    """What a channel's sessions come to in one day of an EVSE.

    `occupied_us` and `charging_us` are of their union. Of the union of all sessions of the EVSE, `own_occupied_us`
    and `own_charging_us` are the parts that no channel before it has: they add up to what the EVSE was occupied.
    """

    occupied_us: int = 0
    charging_us: int = 0
    own_occupied_us: int = 0
    own_charging_us: int = 0
    energy_wh: Exact = 0
    sessions: int = 0
    ended: int = 0
    money: dict[str, tuple[int, int, int]] = field(default_factory=dict)


def channels_of(parts: Iterable[DayPart]) -> dict[str, ChannelDay]:
    """One day of an EVSE by channel, from what its sessions leave in it."""
    by_channel: dict[str, list[DayPart]] = {}
    for part in parts:
        by_channel.setdefault(part.channel, []).append(part)
    found: dict[str, ChannelDay] = {}
    occupied: list[Span] = []
    charging: list[Span] = []
    occupied_us = charging_us = 0
    for channel in sorted(by_channel):
        of_channel = by_channel[channel]
        day = found[channel] = _channel_day(of_channel)
        occupied += [part.occupied for part in of_channel]
        charging += [span for part in of_channel for span in part.charging]
        if len(by_channel) == 1:
            day.own_occupied_us, day.own_charging_us = day.occupied_us, day.charging_us
            break
        so_far = length(united(occupied)), length(united(charging))
        day.own_occupied_us, day.own_charging_us = so_far[0] - occupied_us, so_far[1] - charging_us
        occupied_us, charging_us = so_far
    return found


def _channel_day(parts: Sequence[DayPart]) -> ChannelDay:
    day = ChannelDay(
        occupied_us=length(united(part.occupied for part in parts)),
        charging_us=length(united(span for part in parts for span in part.charging)),
        energy_wh=sum((part.energy_wh for part in parts), start=0),
        sessions=sum(part.starts for part in parts),
        ended=sum(part.ends for part in parts),
    )
    for part in parts:
        if part.money is not None:
            count, net, share = day.money.get(part.money.currency, (0, 0, 0))
            day.money[part.money.currency] = (count + 1, net + part.money.net, share + part.money.share)
    return day


def in_service(first: int, statuses: Iterable[tuple[int, str]], until: int) -> list[Span]:
    """When an EVSE was in service: from its first message of any kind up to `until`, without PLANNED and REMOVED.

    `statuses` are in their order; of two at one moment the last rules. Before the first of them the EVSE is in
    service: it was heard, and nobody said that it is not.
    """
    found: list[Span] = []
    since: int | None = first
    for at, status in statuses:
        if status in _OUT_OF_SERVICE:
            if since is not None:
                found.append((since, at))
                since = None
        elif since is None:
            since = at
    if since is not None:
        found.append((since, until))
    return united((begin, min(end, until)) for begin, end in found)


@dataclass(frozen=True, slots=True)
class Use:
    """What some EVSEs were used in some span: the base of its figures, each of which is None where it has no base.

    `rated` is the sum of rated W times microseconds in service, None where the power of one of them is not published.
    `money` is by currency: sessions, net and share in minor units, of the sessions that ended.
    """

    in_service_us: int
    occupied_us: int
    charging_us: int
    energy_wh: Exact
    sessions: int
    ended: int
    rated: Exact | None = None
    money: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)

    @property
    def occupied_s(self) -> int:
        """Whole seconds in which a session was at an EVSE."""
        return self.occupied_us // US_PER_SECOND

    @property
    def charging_s(self) -> int:
        """Whole seconds in which one of them charged."""
        return self.charging_us // US_PER_SECOND

    @property
    def idle_s(self) -> int:
        """Whole seconds occupied and not charging: what is left of those of before."""
        return self.occupied_s - self.charging_s

    @property
    def in_service_s(self) -> int:
        """Whole seconds in service."""
        return self.in_service_us // US_PER_SECOND

    @property
    def time_utilisation(self) -> Fraction | None:
        """Occupied / in service."""
        return _quotient(self.occupied_us, self.in_service_us)

    @property
    def charging_utilisation(self) -> Fraction | None:
        """Charging / in service."""
        return _quotient(self.charging_us, self.in_service_us)

    @property
    def energy_utilisation(self) -> Fraction | None:
        """Wh x 3600 / (rated W x seconds in service); None where no power is published: it is never guessed."""
        return None if self.rated is None else _quotient(self.energy_wh * 3600 * US_PER_SECOND, self.rated)

    @property
    def idle_share(self) -> Fraction | None:
        """Of the time occupied, the part in which nothing charged."""
        return _quotient(self.occupied_us - self.charging_us, self.occupied_us)

    def per_service_hour(self, amount: int) -> Fraction | None:
        """An amount for each hour that an EVSE is in service."""
        return _quotient(amount * 3600 * US_PER_SECOND, self.in_service_us)

    def per_occupied_hour(self, amount: int) -> Fraction | None:
        """An amount for each hour that an EVSE is occupied."""
        return _quotient(amount * 3600 * US_PER_SECOND, self.occupied_us)


def _quotient(numerator: Exact, denominator: Exact) -> Fraction | None:
    return Fraction(numerator) / Fraction(denominator) if denominator > 0 else None
