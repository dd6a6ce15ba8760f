"""Starts and ends of sessions as the audit sees them: as reported, as a reservation that expired, or as estimated."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from ledger.audit.amounts import exact, instant
from ledger.audit.catalogue import Catalogue
from ledger.audit.streams import Body, Fact, Stream

STARTED, ENDED = "charging.session.started", "charging.session.ended"
METERED, STATE_CHANGED = "charging.session.metered", "charging.session.state_changed"
CORRECTED = "charging.session.meter_corrected"
_CORRECTED = ("started_at", "meter_start_wh", "ended_at", "meter_stop_wh")
REVIEWED = "charging.session.reviewed"
EXPIRED = "charging.reservation.expired"
_LONGEST_SILENCE = timedelta(days=366)


def starts_of(stream: Stream) -> list[Fact]:
    """Every reported start; a no-show starts when its reservation does, at register zero."""
    return [*stream.facts.get(STARTED, ()), *map(_start_of_no_show, stream.facts.get(EXPIRED, ()))]


def ends_of(stream: Stream) -> list[Fact]:
    """Every reported end; a no-show ends when its reservation expires, at register zero."""
    return [*stream.facts.get(ENDED, ()), *map(_end_of_no_show, stream.facts.get(EXPIRED, ()))]


def _start_of_no_show(fact: Fact) -> Fact:
    reserved_from = instant(fact.data["reserved_from"])
    return Fact(reserved_from, fact.source, fact.id, {**fact.data, "meter_start_wh": 0})


def _end_of_no_show(fact: Fact) -> Fact:
    return Fact(fact.at, fact.source, fact.id, {**fact.data, "meter_stop_wh": 0})


def is_no_show(stream: Stream) -> bool:
    """Whether the session is a reservation that nobody used."""
    return bool(stream.facts.get(EXPIRED)) and not stream.facts.get(STARTED)


def estimated_end(stream: Stream, start: Fact, operator_id: str, catalogue: Catalogue) -> Fact | None:
    """The end of an orphan that the clock has closed, at its last register before the first that falls.

    None when it was not closed, or its contract does not ask for that, or something was heard of it since.
    """
    closings: list[Body] = stream.decided("OrphanClosed")
    terms = catalogue.terms_at(operator_id, start.at) if operator_id else None
    if not closings or terms is None or terms.orphan_hours is None:
        return None
    readings, states = stream.facts.get(METERED, []), stream.facts.get(STATE_CHANGED, [])
    silent_since = start.at
    for moment in sorted(fact.at for fact in (*readings, *states)):
        # What is said a year later and more is by another clock.
        if moment > silent_since + _LONGEST_SILENCE:
            break
        silent_since = max(silent_since, moment)
    if instant(closings[-1]["closed_at"]) < silent_since + timedelta(hours=terms.orphan_hours):
        return None
    at, highest = start.at, start.data["meter_start_wh"]
    for fact in sorted(readings, key=_rising):
        register = fact.data["register_wh"]
        if start.at <= fact.at <= silent_since:
            if exact(highest) - exact(register) >= 1:
                break
            at, highest = fact.at, max(highest, register, key=exact)
    return Fact(at, start.source, start.id, {"meter_stop_wh": highest, "is_estimated": True})


def _rising(reading: Fact) -> tuple[datetime, Fraction]:
    """Readings of one moment rise, whatever their ids say."""
    return reading.at, exact(reading.data["register_wh"])


def counted(start_wh: Fraction, stop_wh: Fraction) -> Fraction:
    """The energy between two registers, none where the meter only told the second with fewer digits."""
    return Fraction(0) if start_wh - 1 < stop_wh < start_wh else stop_wh - start_wh


def corrections_of(stream: Stream) -> dict[str, Any]:
    """What the corrections of a session say, by the name of each field: of several, the latest."""
    found: dict[str, Any] = {}
    for fact in sorted(stream.facts.get(CORRECTED, ()), key=lambda each: each.sort_key):
        found |= {name: fact.data[name] for name in _CORRECTED if fact.data.get(name) is not None}
    return found


def verdict_of(stream: Stream) -> str:
    """What the last person said who looked at the session: BILL, VOID, "" where nobody did."""
    reviews = stream.facts.get(REVIEWED, ())
    return str(max(reviews, key=lambda fact: fact.sort_key).data["verdict"]) if reviews else ""


def as_corrected(reported: Fact, says: Mapping[str, Any], moment: str) -> Fact:
    """A start or an end, whose time is the field `moment`, with what corrections say instead."""
    at = instant(says[moment]) if moment in says else reported.at
    return replace(reported, at=at, data={**reported.data, **says})


def implausible(start: Fact, end: Fact, readings: Iterable[Fact], says: Mapping[str, Any], power_w: Fraction) -> str:
    """Why no meter can have shown these registers, start and end among them; "" where one can.

    A fall of less than 1 Wh is none, a reading that does not fit what corrections say shows nothing, and between two
    registers there is at most what `power_w` gives, a tenth more, and 1 kWh.
    """
    start_wh, stop_wh = exact(start.data["meter_start_wh"]), exact(end.data["meter_stop_wh"])
    if start_wh - stop_wh >= 1:
        return "END_BELOW_START"
    inside = sorted((fact for fact in readings if start.at <= fact.at <= end.at), key=_rising)
    shown = [(start.at, start_wh)]
    for fact in inside:
        register, highest = exact(fact.data["register_wh"]), shown[-1][1]
        if _is_set_aside(register, start_wh, stop_wh, highest, says):
            continue
        if highest - register >= 1 or register - stop_wh >= 1:
            return "REGISTER_FALLS"
        shown.append((fact.at, min(max(highest, register), max(start_wh, stop_wh))))
    if not end.data.get("is_estimated"):
        # When an orphan took what a correction adds to its last reading nobody knows.
        shown.append((end.at, max(start_wh, stop_wh)))
    if _is_too_strong(shown, power_w):
        return "POWER_ABOVE_CONNECTOR"
    return "UNIT_MISMATCH" if _is_told_in_kwh(start, end, inside, stop_wh - start_wh) else ""


def _is_set_aside(
    register: Fraction, start_wh: Fraction, stop_wh: Fraction, highest: Fraction, says: Mapping[str, Any]
) -> bool:
    from_start, from_stop = "meter_start_wh" in says, "meter_stop_wh" in says
    if (from_start and start_wh - register >= 1) or (from_stop and register - stop_wh >= 1):
        return True
    return from_start and from_stop and highest - register >= 1


def _is_too_strong(shown: Sequence[tuple[datetime, Fraction]], power_w: Fraction) -> bool:
    """Each register against every one before it: the least of what they leave, so that it is one pass."""
    spare: Fraction | None = None
    for at, register in shown:
        hours = Fraction((at - shown[0][0]) // timedelta(microseconds=1), 3_600_000_000)
        left = power_w * Fraction(11, 10) * hours - register
        spare = left if spare is None else max(spare, left)
        if spare - left > 1000:
            return True
    return False


def _is_told_in_kwh(start: Fact, end: Fact, inside: Sequence[Fact], energy_wh: Fraction) -> bool:
    """Whether the powers read say more than 100 times the energy, and more than 1 kWh.

    Between two moments of reading it is the lesser of the two powers, or the only one.
    """
    read = [(start.at, None), *((fact.at, fact.data.get("power_w")) for fact in inside), (end.at, None)]
    said = Fraction(0)
    for (since, before), (until, after) in pairwise(read):
        known = [exact(power) for power in (before, after) if power is not None]
        if known:
            said += min(known) * Fraction((until - since) // timedelta(microseconds=1), 3_600_000_000)
    return said > 1000 and said > 100 * max(energy_wh, Fraction(0))
