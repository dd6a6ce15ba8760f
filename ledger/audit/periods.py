"""Periods of the book: each entry is booked where it has to be, and what was issued is what was booked by then.

An entry was sealed before a close or behind it as the events of its transaction were stored before or behind it: both
hold the row that closing changes.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from ledger.audit.amounts import instant, minor
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.streams import event_id

_TURNS = """
SELECT notification_id, originator_id, originator_version, topic, state FROM event_store.stored_events
WHERE topic IN ('PeriodClosed', 'PeriodReopened') ORDER BY notification_id
"""
_KEPT = """
SELECT number, kind, period, version, zone, starts_at, ends_at, at, cause, encode(statement_hash, 'hex'), issued,
       balance_sheet, checklist, tx::text
FROM book.period_turn ORDER BY number
"""
_TRANSACTION = "SELECT tx::text FROM event_store.chain WHERE %s BETWEEN first_position AND last_position"
_CALENDAR = "SELECT zone, first_open, open_from FROM book.calendar"
# Entries that may be late, with the last event of their transaction; those from before the chain are from before all.
_ENTRIES = """
SELECT entry_id, effective_at, coalesce(chain.last_position, 0), late.booked_in
FROM book.entry
LEFT JOIN event_store.chain ON chain.tx = entry.tx AND chain.last_position >= chain.first_position
LEFT JOIN book.late_entry AS late USING (entry_id)
WHERE effective_at < %s OR late.entry_id IS NOT NULL
ORDER BY entry_id
"""
_LATE = "SELECT count(*) FROM book.late_entry LEFT JOIN book.entry USING (entry_id) WHERE entry.entry_id IS NULL"
# What was booked in a period or before it by a position: the figures that its close issued.
_FOLD = """
SELECT posting.currency, account, sum(amount_minor)::text
FROM book.entry JOIN book.posting USING (entry_id)
LEFT JOIN event_store.chain ON chain.tx = entry.tx AND chain.last_position >= chain.first_position
LEFT JOIN book.late_entry AS late USING (entry_id)
WHERE effective_at < %s AND coalesce(late.booked_in <= %s, true) AND coalesce(chain.last_position, 0) < %s
GROUP BY posting.currency, account HAVING sum(amount_minor) <> 0
"""


class Turn(NamedTuple):
    """A close or a reopening as its event says it, and where the book stood after it."""

    position: int
    cause: Any
    kind: str
    body: dict[str, Any]
    first_open: str
    open_from: datetime


def check_periods(snapshot: Snapshot, tally: Tally) -> None:
    """The book stands where its closes left it, entries are booked by that, and what was booked was issued."""
    turns = [_turn(*row) for row in snapshot.rows(_TURNS)]
    _compare_kept(snapshot, turns, tally)
    for zone, first_open, open_from in snapshot.rows(_CALENDAR):
        tally.examined += 1
        wanted = (turns[-1].first_open, turns[-1].open_from) if turns else (None, None)
        tally.compare("book.calendar", wanted, (first_open, open_from), "the first open period, and since when,")
        if turns:
            tally.compare("book.calendar", turns[0].body["zone"], zone, "the zone")
    _compare_entries(snapshot, turns, tally)
    for turn in turns:
        if turn.kind == "CLOSED":
            _compare_issued(snapshot, turn, tally)


def _turn(position: int, stream_id: Any, version: int, topic: str, state: bytes) -> Turn:
    body = orjson.loads(state)
    kind = "CLOSED" if topic == "PeriodClosed" else "REOPENED"
    if kind == "REOPENED":
        return Turn(position, event_id(stream_id, version), kind, body, body["period"], instant(body["starts_at"]))
    year, month = (int(part) for part in body["period"].split("-"))
    after = f"{year + month // 12:04d}-{month % 12 + 1:02d}"
    return Turn(position, event_id(stream_id, version), kind, body, after, instant(body["ends_at"]))


def _compare_kept(snapshot: Snapshot, turns: list[Turn], tally: Tally) -> None:
    """Every turn has its row, with what was issued as it was."""
    wanted = [tuple(_row(number, turn)) for number, turn in enumerate(turns, start=1)]
    kept = [tuple(row) for row in snapshot.rows(_KEPT)]
    found = [row[:-1] for row in kept]
    tally.examined += len(wanted)
    for number in range(max(len(wanted), len(found))):
        should, is_ = (rows[number] if number < len(rows) else None for rows in (wanted, found))
        if should != is_:
            sentence = f"book.period_turn {number + 1} is not what was decided"
            tally.note(f"book.period_turn {number + 1}", should, is_, sentence)
    for turn, row in zip(turns, kept, strict=False):
        of_event = [tx for (tx,) in snapshot.rows(_TRANSACTION, (turn.position,))]
        if of_event and of_event[0] is not None:
            tally.compare(f"book.period_turn {row[0]}", of_event[0], row[-1], "its transaction")


def _row(number: int, turn: Turn) -> Iterator[Any]:
    body = turn.body
    yield from (number, turn.kind, body["period"], body["version"], body["zone"])
    yield from (instant(body[name]) for name in ("starts_at", "ends_at", "at"))
    yield turn.cause
    yield from (body.get(name) for name in ("statement_hash", "issued", "balance_sheet", "checklist"))


def _compare_entries(snapshot: Snapshot, turns: list[Turn], tally: Tally) -> None:
    """Late entries are those that were sealed behind the close of their period, booked in the first open one."""
    around = max((turn.open_from for turn in turns), default=None)
    for (without,) in snapshot.rows(_LATE):
        if without:
            tally.note("book.late_entry", 0, without, f"{without} rows of book.late_entry are of no entry")
    for entry_id, effective_at, position, booked_in in snapshot.rows(_ENTRIES, (around,)):
        tally.examined += 1
        before = [turn for turn in turns if turn.position <= position]
        wanted = None
        if before and effective_at < before[-1].open_from:
            wanted = before[-1].first_open
        if wanted != booked_in:
            where = f"entry {entry_id}"
            said = "its own period" if wanted is None else wanted
            sentence = f"{where} should be booked in {said}, and is in {booked_in or 'its own'}: book.late_entry"
            tally.note(where, said, booked_in, sentence)


def _compare_issued(snapshot: Snapshot, turn: Turn, tally: Tally) -> None:
    """The figures that were issued are the fold of what was booked in the period or before it, by then."""
    tally.examined += 1
    body = turn.body
    where = f"period {body['period']} version {body['version']}"
    asked = (instant(body["ends_at"]), body["period"], turn.position)
    wanted = {(currency, account): int(amount) for currency, account, amount in snapshot.rows(_FOLD, asked)}
    found = {
        (each["currency"], each["account"]): minor(each["balance"], each["currency"])
        for each in orjson.loads(body["issued"])["accounts"]
    }
    found = {key: amount for key, amount in found.items() if amount}
    for key in sorted(wanted.keys() | found.keys()):
        if wanted.get(key, 0) != found.get(key, 0):
            currency, account = key
            issued, booked = found.get(key, 0), wanted.get(key, 0)
            sentence = f"{where}: {account} was issued as {issued} {currency} minor, and {booked} was booked"
            tally.note(where, booked, issued, sentence)
