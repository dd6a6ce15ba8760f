"""Orphans: sessions of which nothing was heard for so long that their operator's contract closes them by estimate."""

from datetime import datetime, timedelta

from domain.catalogue.catalogue import Catalogue
from domain.session.facts import Ended, Verdict
from domain.session.meter_facts import MeterFacts, contradiction, latest
from domain.session.registers import falls, in_reading_order

ESTIMATED = "ESTIMATED"
ESTIMATED_END = "estimated-end"

# A report after a longer silence is by a clock that is wrong: no session is kept open, or billed, by what is said to
# have been read in another year. Longer than any `orphan_hours`.
SILENCE_MAX = timedelta(days=366)


def orphan_deadline(facts: MeterFacts, catalogue: Catalogue) -> datetime | None:
    """When a session without an end closes: `orphan_hours` of its contract after the last that was heard of it.

    None for a session that has an end, no start or contradictory ones, or was none, and where its contract (that in
    effect at its start) does not ask for it.
    """
    start = facts.first_start()
    if facts.ends or start is None or facts.verdict() is Verdict.VOID:
        return None
    if contradiction(facts, latest(facts), facts.verdict()):
        return None
    operator = catalogue.operator_at(start.operator_id, start.at)
    if operator is None or operator.orphan_hours is None:
        return None
    return last_heard(facts, start.at) + timedelta(hours=operator.orphan_hours)


def closed_end(facts: MeterFacts, catalogue: Catalogue, closed_at: datetime) -> Ended | None:
    """The estimated end of a session that the clock closed at a moment; None where its deadline is later by now."""
    deadline = orphan_deadline(facts, catalogue)
    return estimated_end(facts) if deadline is not None and deadline <= closed_at else None


def last_heard(facts: MeterFacts, started_at: datetime) -> datetime:
    """The latest report of a session that is open: a car that still sends readings is no orphan, however long.

    What is reported more than SILENCE_MAX after all else is not heard.
    """
    last = started_at
    for at in sorted([*(fact.at for fact in facts.readings), *(fact.at for fact in facts.states)]):
        if at - last > SILENCE_MAX:
            break
        last = max(last, at)
    return last


def estimated_end(facts: MeterFacts) -> Ended | None:
    """The end as of the last good register: the one before the first that falls, at the latest the last one.

    A session without a reading ends as it started, with no energy. None when the session has no start.
    """
    start = facts.first_start()
    if start is None:
        return None
    at, register_wh, heard = start.at, start.register_wh, last_heard(facts, start.at)
    for fact in sorted(facts.readings, key=in_reading_order):
        if not start.at <= fact.at <= heard:
            continue
        if falls(register_wh, fact.register_wh):
            break
        at, register_wh = fact.at, max(register_wh, fact.register_wh)
    return Ended(at=at, source=start.source, id=f"{start.id}#{ESTIMATED_END}", register_wh=register_wh)
