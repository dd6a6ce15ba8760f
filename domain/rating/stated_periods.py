"""The charging periods that an OCPI CDR states, as its sender split them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from domain.calendar import utc_text
from domain.charging import US_PER_HOUR, WH_PER_KWH, ChargingPeriod, Phase, microseconds
from domain.document import exact_number, utc_instant
from domain.errors import AmountError, DomainError
from domain.exact import Exact, whole

_ZERO = Fraction(0)
_YEARS = range(1970, 2200)
_MOST_HOURS = 24 * 366 * 10
# What clocks that are read twice, and hours of two decimals, can be off by.
_A_LITTLE_HOURS = Fraction(1, 100)


@dataclass(frozen=True, slots=True)
class StatedPeriod:
    """A charging period, its place among those of the CDR, and the tariff it names; None where none is relevant."""

    period: ChargingPeriod
    number: int
    tariff_id: str | None


def from_cdr(cdr: Mapping[str, Any]) -> tuple[ChargingPeriod, ...]:
    """The charging periods of a parsed OCPI CDR, of 2.2.1 or 2.3.0.

    Raises DomainError (AmountError for a number or time) when they cannot be read.
    """
    return tuple(stated.period for stated in stated_periods(cdr))


def stated_periods(cdr: Mapping[str, Any]) -> list[StatedPeriod]:
    """The periods in time order; one of which a CDR says that it charged and parked becomes two.

    What lies before the CDR's start is no part of its time; the energy stated for it is.

    Raises DomainError (AmountError for a number or time) naming the place when they cannot be read.
    """
    listed = cdr.get("charging_periods")
    if not isinstance(listed, list | tuple) or not listed:
        raise DomainError("the CDR has no charging_periods, or they are no list")
    periods = [_object(period, f"charging_periods[{index}]") for index, period in enumerate(listed)]
    starts = [_instant(each, "start_date_time", f"charging_periods[{index}]") for index, each in enumerate(periods)]
    order = sorted(range(len(periods)), key=starts.__getitem__)
    starts = [_not_before_the_cdr(cdr, each, start) for each, start in zip(periods, starts, strict=True)]
    ends = [*[starts[index] for index in order[1:]], _instant(cdr, "end_date_time", "the CDR")]
    found: list[StatedPeriod] = []
    for number, end in zip(order, ends, strict=True):
        place = f"charging_periods[{number}]"
        tariff_id = _tariff_id(periods[number], place)
        made = _read_period(_volumes(periods[number], place), starts[number], end, place)
        found += [StatedPeriod(period, number, tariff_id) for period in made]
    return found


def _not_before_the_cdr(cdr: Mapping[str, Any], period: Mapping[str, Any], start: datetime) -> datetime:
    """When a period counts from (OCPI mod_cdrs, CDR start_date_time and charging_periods).

    OCPI has a CDR span its periods, and some senders begin the first at a full hour. Decided: time before the CDR's
    start is not counted, but for a reservation, which some have start before the CDR.
    """
    begins = _begins(cdr)
    if begins is None or start >= begins or _is_reservation(period):
        return start
    return begins


def _begins(cdr: Mapping[str, Any]) -> datetime | None:
    return None if cdr.get("start_date_time") is None else _instant(cdr, "start_date_time", "the CDR")


def _is_reservation(period: Mapping[str, Any]) -> bool:
    listed = period.get("dimensions")
    dimensions = listed if isinstance(listed, list | tuple) else ()
    return any(isinstance(each, Mapping) and each.get("type") == "RESERVATION_TIME" for each in dimensions)


def doubts(cdr: Mapping[str, Any]) -> Iterator[str]:
    """What is read otherwise than a CDR of which `stated_periods` can be read states it, a sentence each."""
    begins = _begins(cdr)
    for index, period in enumerate(cdr["charging_periods"]):
        place = f"charging_periods[{index}]"
        start = _instant(period, "start_date_time", place)
        if begins is not None and start < begins:
            early = f"{place} starts at {utc_text(start)}, before the CDR's start_date_time ({utc_text(begins)})"
            yield early if _is_reservation(period) else f"{early}: the time before it is not counted"
        for kind, volume in _volumes(period, place).items():
            if kind in _HOURS and volume < 0:
                stated = f"{kind} of {place} is {float(volume)} hours, a little below zero"
                yield f"{stated}: it is taken as 0, and where no other time is stated the period's length counts"


def _object(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DomainError(f"{place} is not an object")
    return value


def _instant(fields: Mapping[str, Any], name: str, place: str) -> datetime:
    try:
        at = utc_instant(fields.get(name))
    except AmountError as error:
        raise AmountError(f"{name} of {place}: {error}") from None
    if at.year not in _YEARS:
        raise AmountError(f"{name} of {place} is in the year {at.year}, when nobody charged")
    return at


def _tariff_id(period: Mapping[str, Any], place: str) -> str | None:
    tariff_id = period.get("tariff_id")
    if tariff_id is not None and not isinstance(tariff_id, str):
        raise DomainError(f"tariff_id of {place} is {tariff_id!r}, not a text")
    return tariff_id or None


def _volumes(period: Mapping[str, Any], place: str) -> dict[str, Exact]:
    listed = period.get("dimensions")
    if listed is not None and not isinstance(listed, list | tuple):
        raise DomainError(f"dimensions of {place} is not a list")
    volumes: dict[str, Exact] = {}
    for index, value in enumerate(listed or ()):
        at = f"{place}.dimensions[{index}]"
        dimension = _object(value, at)
        kind = str(dimension.get("type"))
        try:
            volumes[kind] = volumes.get(kind, 0) + exact_number(dimension.get("volume"))
        except AmountError as error:
            raise AmountError(f"volume of {at}: {error}") from None
    return volumes


def _read_period(volumes: Mapping[str, Exact], start: datetime, end: datetime, place: str) -> list[ChargingPeriod]:
    if end < start:
        raise AmountError(f"{place} starts at {start} and ends at {end}, before it starts")
    energy_wh = whole(volumes.get("ENERGY", _ZERO) * WH_PER_KWH)
    stretches = stretches_of(volumes, start, end)
    metered = next((i for i, (phase, _, _) in enumerate(stretches) if phase is not Phase.RESERVED), 0)
    return [
        ChargingPeriod(
            since,
            until,
            phase,
            energy_wh if index == metered else 0,
            _times(volumes.get("MIN_POWER"), WH_PER_KWH),
            _times(volumes.get("MAX_POWER"), WH_PER_KWH),
            _times(volumes.get("MIN_CURRENT"), 1),
            _times(volumes.get("MAX_CURRENT"), 1),
            metered="ENERGY" in volumes and index == metered,
        )
        for index, (phase, since, until) in enumerate(stretches)
    ]


def _times(value: Exact | None, factor: int) -> Exact | None:
    return None if value is None else whole(value * factor)


_ROUNDING_OF_HOURS_US = 720_000


def stretches_of(
    volumes: Mapping[str, Exact], start: datetime, end: datetime
) -> list[tuple[Phase, datetime, datetime]]:
    """What a CDR period's time was spent on, in order (OCPI mod_cdrs, CdrDimensionType).

    Four decimals of an hour are too coarse for seconds. Decided: the period's own length counts, unless the stated
    volume differs by more than two units of the last decimal (0.72 s), when the volume does; a period that states no
    time is charging, and one whose only time is a little below zero, which says nothing, has its own length.
    """
    stated = [(phase, microseconds_of(volumes[kind])) for kind, phase in _PHASE_OF_DIMENSION if kind in volumes] or [
        (Phase.CHARGING, microseconds(end - start))
    ]
    if len(stated) > 1:
        # Where all are zero the connector was in use rather than reserved or idle.
        stated = [entry for entry in stated if entry[1]] or [(Phase.CHARGING, 0)]
    stretches = []
    length_us = microseconds(end - start)
    if len(stated) == 1 and any(volumes.get(kind, 0) < 0 for kind in _HOURS):
        stated = [(stated[0][0], length_us)]
    if abs(sum(volume_us for _, volume_us in stated) - length_us) <= _ROUNDING_OF_HOURS_US * len(stated):
        earlier_us = sum(volume_us for _, volume_us in stated[:-1])
        stated[-1] = (stated[-1][0], max(length_us - earlier_us, 0))
    since = start
    for phase, volume_us in stated:
        until = since + timedelta(microseconds=volume_us)
        stretches.append((phase, since, until))
        since = until
    return stretches


# In the order in which they happen.
_PHASE_OF_DIMENSION = (
    ("RESERVATION_TIME", Phase.RESERVED),
    ("TIME", Phase.CHARGING),
    ("PARKING_TIME", Phase.IDLE),
)


_HOURS = frozenset(kind for kind, _ in _PHASE_OF_DIMENSION)


def microseconds_of(hours: Exact) -> int:
    """Stated hours in whole microseconds (OCPI mod_cdrs, CdrDimensionType TIME).

    OCPI does not say what a time below zero is. Decided: one of at most 0.01 hours is a clock that was read twice and
    counts as 0, with a warning; anything lower raises AmountError.
    """
    if -_A_LITTLE_HOURS <= hours < 0:
        return 0
    if hours < 0:
        raise AmountError(f"a time volume of {hours} hours is below zero")
    if hours > _MOST_HOURS:
        raise AmountError(f"a time volume of {hours} hours is more than ten years")
    return round(hours * US_PER_HOUR)
