"""Runs: each paid a date that was open and over by then, oldest first, and no date is closed that nobody closed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from ledger.audit.amounts import instant
from ledger.audit.catalogue import Timeline
from ledger.audit.delays import Delays, business_date, read_delays
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# What closes and opens business dates, in the order in which it was stored. A repetition has the date of its first
# attempt and closes none; the entries that a payout pays are not looked at here.
_HISTORY = """
SELECT topic, body #>> '{operator_id}', body ->> 'business_date', body ->> 'fired_at', body ->> 'time_zone',
       body ->> 'closed_through', body -> 'data', (body ->> 'attempt')::int
FROM event_store.stored_events,
     LATERAL (SELECT convert_from(state, 'UTF8')::jsonb - 'entry_ids' AS body) AS parsed
WHERE topic IN ('PayoutCreated', 'DaysClosedAhead', 'payouts.reopened') AND body ->> 'reissue_of' IS NULL
ORDER BY notification_id
"""
# The cut-offs that operators ever had.
_CUTOFFS = """
SELECT state FROM event_store.stored_events WHERE topic IN ('operator.registered', 'operator.changed')
"""
# Which date is closed, and which one no run can have closed by the wall clock: by the local date of the first time
# zone a day ahead, and a day more for what the clocks of two machines differ by.
_CLOSED = """
SELECT operator_id, closed_through, (now() + interval '62 hours')::date, fired_at FROM intake.run ORDER BY operator_id
"""
_ONE_DAY = timedelta(days=1)
# Attempts above it are of payouts that somebody asked for.
_AT_ONCE = 1000


@dataclass(slots=True)
class _Days:
    """An operator's business dates: through which they have to be closed, since a run paid, and may be at most.

    `run_at` is when the last run fired. Only what was told to be closed ahead may be closed beyond the wall clock.
    """

    paid_through: date = date.min
    run_at: str = ""
    ahead_through: date = date.min
    closed: date = date.min
    reopened: set[date] = field(default_factory=set)


@dataclass(slots=True)
class _History:
    """All operators' dates while the history goes by."""

    cutoffs: dict[str, time]
    tally: Tally
    days: dict[str, _Days] = field(default_factory=dict)
    reopened: set[date] = field(default_factory=set)

    def of(self, operator_id: str) -> _Days:
        return self.days.setdefault(operator_id, _Days())

    def pay(self, operator_id: str, day: date, fired_at: str, zone: str | None) -> None:
        """A run paid."""
        self.tally.examined += 1
        days, where = self.of(operator_id), f"operator {operator_id}, {day}"
        if day < days.paid_through or (day == days.paid_through and fired_at != days.run_at):
            sentence = (
                f"{where}: a run paid although {days.paid_through} had been paid before, and nobody reopened it"
            )
            self.tally.note(where, f"later than {days.paid_through}", day, sentence)
        days.paid_through, days.run_at = max(days.paid_through, day), fired_at
        if zone is not None and operator_id in self.cutoffs:
            cutoff = self.cutoffs[operator_id]
            local = instant(fired_at).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            dawned = (local - timedelta(hours=cutoff.hour, minutes=cutoff.minute)).date()
            if dawned <= day:
                sentence = f"{where}: its run fired at {fired_at}, before the date was over"
                self.tally.note(where, f"after the cut-off of {day + _ONE_DAY}", fired_at, sentence)

    def pay_at_once(self, operator_id: str, day: date, fired_at: str, zone: str) -> None:
        """Something was paid at once, on request: of a date that was open and had begun, and was not over."""
        self.tally.examined += 1
        where = f"operator {operator_id}, {day}"
        if day <= self.of(operator_id).paid_through:
            sentence = f"{where}: something was paid at once although the run of {day} had paid before"
            self.tally.note(where, f"later than {self.of(operator_id).paid_through}", day, sentence)
        local = instant(fired_at).astimezone(ZoneInfo(zone)).date()
        if not day <= local <= day + _ONE_DAY:
            sentence = f"{where}: something was paid at once at {fired_at}, which is not of that date"
            self.tally.note(where, day, local, sentence)

    def reopen(self, operator_id: str | None, opened_from: date) -> None:
        """Somebody opened dates again, of all operators where none is named."""
        self.tally.examined += 1
        before = opened_from - _ONE_DAY
        (self.of(operator_id).reopened if operator_id else self.reopened).add(before)
        for days in [self.of(operator_id)] if operator_id else self.days.values():
            days.paid_through, days.ahead_through = min(days.paid_through, before), min(days.ahead_through, before)


def check_runs(snapshot: Snapshot, tally: Tally) -> None:
    """Runs paid open dates after they were over; what is closed was closed by runs or, far ahead, said to be."""
    history = _History(dict(_cutoffs(snapshot, tally)), tally)
    _read_history(snapshot, history)
    terms = read_delays(snapshot)
    for operator_id, closed, beyond, fired_at in snapshot.rows(_CLOSED):
        tally.examined += 1
        if operator_id not in terms:
            where = f"intake.run {operator_id}"
            history.tally.note(where, "no runs", closed, f"{where} is closed through {closed}, and is no operator")
        days = history.of(operator_id)
        days.closed = closed
        if closed > max(beyond, days.ahead_through):
            where = f"operator {operator_id}"
            sentence = f"{where} has its payout days closed through {closed}, and no run is told to have closed them"
            tally.note(where, f"at most {max(beyond, days.ahead_through)}", closed, sentence)
        elif fired_at is not None and operator_id in terms and closed >= days.paid_through:
            _check_closed(history, terms[operator_id], operator_id, closed, fired_at)
    for operator_id, days in sorted(history.days.items()):
        if days.closed < days.paid_through:
            where, kept = f"operator {operator_id}", "none" if days.closed == date.min else days.closed
            sentence = f"{where} was paid for {days.paid_through}, and its payout days are closed through {kept}"
            tally.note(where, f"{days.paid_through} or later", kept, sentence)


def _read_history(snapshot: Snapshot, history: _History) -> None:
    for topic, operator_id, day, fired_at, zone, closed_through, told, attempt in snapshot.rows(_HISTORY):
        if topic == "PayoutCreated" and attempt > _AT_ONCE:
            history.pay_at_once(operator_id, date.fromisoformat(day), fired_at, zone)
        elif topic == "PayoutCreated":
            history.pay(operator_id, date.fromisoformat(day), fired_at, zone)
        elif topic == "DaysClosedAhead":
            history.tally.examined += 1
            history.of(operator_id).ahead_through = date.fromisoformat(closed_through)
        else:
            history.reopen(told.get("operator_id"), date.fromisoformat(told["from"]))


def _check_closed(
    history: _History, terms: Timeline[Delays], operator_id: str, closed: date, fired_at: datetime
) -> None:
    """What is closed is the date that was over when the last run fired, by any terms of the operator, or reopened."""
    where = f"intake.run {operator_id}"
    over = {business_date(each[-1], fired_at) - _ONE_DAY for each in terms.versions}
    if closed not in over | history.of(operator_id).reopened | history.reopened:
        sentence = f"{where} is closed through {closed}, and its last run fired at {fired_at}"
        history.tally.note(where, ", ".join(map(str, sorted(over))), closed, sentence)


def _cutoffs(snapshot: Snapshot, tally: Tally) -> Iterator[tuple[str, time]]:
    """By operator, its earliest cut-off by all of its terms: no run fires before it."""
    earliest: dict[str, time] = {}
    for (state,) in snapshot.rows(_CUTOFFS):
        try:
            data: dict[str, Any] = orjson.loads(state)["data"]
            cutoff = time.fromisoformat(data["payout"]["cutoff_time"])
        except (ValueError, LookupError, TypeError) as fault:
            tally.note("an operator", "terms that can be read", fault, f"stored terms cannot be read: {fault}")
            continue
        operator_id = data["operator_id"]
        earliest[operator_id] = min(cutoff, earliest.get(operator_id, cutoff))
    yield from earliest.items()
