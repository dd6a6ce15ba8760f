"""Starts and ends of sessions as the audit sees them: as reported, as a reservation that expired, or as estimated."""

from datetime import timedelta

from ledger.audit.amounts import exact, instant
from ledger.audit.catalogue import Catalogue
from ledger.audit.streams import Body, Fact, Stream

STARTED, ENDED = "charging.session.started", "charging.session.ended"
METERED, STATE_CHANGED = "charging.session.metered", "charging.session.state_changed"
EXPIRED = "charging.reservation.expired"


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
    silent_since = max([start.at, *(fact.at for fact in (*readings, *states))])
    if instant(closings[-1]["closed_at"]) < silent_since + timedelta(hours=terms.orphan_hours):
        return None
    at, register = start.at, start.data["meter_start_wh"]
    for fact in sorted(readings, key=lambda reading: reading.sort_key):
        if fact.at >= start.at:
            if exact(fact.data["register_wh"]) < exact(register):
                break
            at, register = fact.at, fact.data["register_wh"]
    return Fact(at, start.source, start.id, {"meter_stop_wh": register})
