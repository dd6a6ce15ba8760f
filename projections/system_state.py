"""What the system's state is at one moment: what waits, how far everything is, who is at work; cheap to ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import orjson
from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from contracts.vat_ids import is_vat_id
from domain.calendar import ONE_DAY, business_date
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.payout.cut_offs import fires_at, last_closed
from ledger.heartbeat import Piece, pieces
from ledger.intake.catalogue import bank_calendar
from ledger.intake.positions import Tally
from ledger.verifications import Verification, last_verification
from projections.freshness import ON_DEMAND

# What waits is counted up to here, so that a relay that is away for long makes no look dear.
WAITING_MAX = 100_000
# Rates are those between now and the oldest look of this span.
RATE_S = 60

_BEGIN = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_NOW = """
SELECT now(), (SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events),
       (SELECT coalesce(sum(entries), 0)::bigint FROM book.entry_count)
"""
_OUTBOX = f"""
SELECT (SELECT count(*) FROM (SELECT FROM intake.outbox LIMIT {WAITING_MAX}) AS waiting),
       (SELECT queued_at FROM intake.outbox ORDER BY outbox_id LIMIT 1)
"""  # noqa: S608 (the limit is a constant)
_DEAD_LETTERS = f"""
SELECT count(*), max(recorded_at) FROM (
    SELECT recorded_at FROM intake.deadletter WHERE replayed_at IS NULL ORDER BY recorded_at DESC LIMIT {WAITING_MAX}
) AS waiting
"""  # noqa: S608 (the limit is a constant)
_COUNTS = """
SELECT name, key, number FROM projection.row_count JOIN projection.generation USING (name, generation)
WHERE live ORDER BY name, key
"""
# Since when the first event that a read model has not seen is stored: it is no older than the last look at which the
# store did not go beyond, and no younger than the first one at which it did.
_PROJECTIONS = """
SELECT kept.name, kept.position,
       coalesce((SELECT at FROM wattledger.sample AS later
                 WHERE later.position > kept.position ORDER BY position, at LIMIT 1),
                (SELECT at FROM wattledger.sample AS earlier
                 WHERE earlier.position <= kept.position ORDER BY position DESC, at DESC LIMIT 1))
FROM projection.generation AS kept
WHERE live AND name <> ALL(%s) ORDER BY name
"""
_PARTITIONS = """
SELECT topic, partition, nullif(next_offset, -1), event_time, coalesce(accepted, 0), coalesce(duplicates, 0),
       coalesce(conflicts, 0), coalesce(dead_lettered, 0), coalesce(extra_fields, 0)
FROM intake.position LEFT JOIN intake.tally USING (topic, partition)
ORDER BY topic, partition
"""
_SAMPLE = """
SELECT extract(epoch FROM now() - at)::float8, taken, entries FROM wattledger.sample
WHERE at >= now() - make_interval(secs => %s) AND at < now() ORDER BY at LIMIT 1
"""
_OPERATORS = """
SELECT seq, type, source, id, event_time, data FROM intake.catalogue
WHERE type IN ('operator.registered', 'operator.changed') AND seq > %s ORDER BY seq
"""
_CLOSED = "SELECT operator_id, closed_through FROM intake.run WHERE closed_through > '0001-01-01'"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows that wait, counted up to WAITING_MAX, and when the first of an outbox or the newest dead letter came."""

    count: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class ProjectionLag:
    """How far a read model has followed: stored events it has not seen, and for how long the first of them is stored.

    Positions may skip numbers, so `events` is at most a little too high; `seconds` is exact to a look of the pieces
    (five seconds), and None where no piece was ever at work.
    """

    name: str
    position: int
    events: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class PartitionState:
    """Where the intake reads a partition (None: never read), its latest envelope time, and how records were taken."""

    topic: str
    partition: int
    next_offset: int | None
    event_time: datetime | None
    tally: Tally


@dataclass(frozen=True, slots=True)
class OperatorRuns:
    """The runs of an operator: the last business date closed and when its run fired, and when the next one fires.

    A next run that lies in the past is due, and not fired yet. Each is None where there is none.
    """

    operator_id: str
    last_date: date | None
    last_at: datetime | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Rates:
    """What was taken in (records, however) and posted (entries) in the last so many seconds, at most RATE_S."""

    seconds: float
    taken: int
    entries: int


@dataclass(frozen=True, slots=True)
class SystemState:
    """One snapshot. Times are UTC by the database's clock, `at` is now.

    `findings` counts those that streams tell, by kind; `open_items` accounts that have not come to zero, by code (an
    invoice that moved at several moments counts for each), `payouts` by status, `sessions` by state: as far as the
    read models are. `events` and `entries` are all that are stored (the first up to skipped numbers).
    """

    at: datetime
    events: int
    entries: int
    outbox: Waiting
    dead_letters: Waiting
    findings: Mapping[str, int]
    open_items: Mapping[str, int]
    payouts: Mapping[str, int]
    sessions: Mapping[str, int]
    projections: tuple[ProjectionLag, ...]
    partitions: tuple[PartitionState, ...]
    runs: tuple[OperatorRuns, ...]
    verified: Verification | None
    pieces: tuple[Piece, ...]
    rates: Rates | None

    @property
    def tally(self) -> Tally:
        """How all records were taken so far."""
        total = Tally()
        for each in self.partitions:
            total.accepted += each.tally.accepted
            total.duplicates += each.tally.duplicates
            total.conflicts += each.tally.conflicts
            total.dead_lettered += each.tally.dead_lettered
            total.extra_fields += each.tally.extra_fields
        return total


@dataclass(slots=True)
class KnownOperators:
    """The operators' contracts, read once and from then on only what is new; for whoever looks again and again."""

    catalogue: Catalogue = field(default_factory=lambda: Catalogue(calendars=bank_calendar, vat_ids=is_vat_id))
    seq: int = 0

    def read(self, cursor: Cursor[TupleRow]) -> None:
        """Take in what was published since."""
        for seq, type_, source, id_, time, data in cursor.execute(_OPERATORS, (self.seq,)).fetchall():
            self.catalogue.publish(type_, source, id_, time, orjson.loads(data))
            self.seq = seq


def system_state(connection: Connection[TupleRow], known: KnownOperators | None = None) -> SystemState:
    """The state from one snapshot, on a connection of the auditor (or the writer) with no transaction open.

    Nothing in it counts what grows with history. `known` are the operators of an earlier look; read models are taken
    as they stand, and no event is folded.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_BEGIN)
        return state_within(cursor, known)


def state_within(cursor: Cursor[TupleRow], known: KnownOperators | None = None) -> SystemState:
    """The state as the cursor's transaction sees it."""
    known = known or KnownOperators()
    now, events, entries = _row(cursor, _NOW)
    known.read(cursor)
    counts = _counts(cursor)
    partitions = _partitions(cursor)
    return SystemState(
        at=now,
        events=events,
        entries=entries,
        outbox=Waiting(*_row(cursor, _OUTBOX)),
        dead_letters=Waiting(*_row(cursor, _DEAD_LETTERS)),
        findings=counts.get("findings", {}),
        open_items=counts.get("open_items", {}),
        payouts=counts.get("payouts", {}),
        sessions=counts.get("sessions", {}),
        projections=_lags(cursor, now, events),
        partitions=partitions,
        runs=_runs(cursor, known.catalogue, now),
        verified=last_verification(cursor),
        pieces=pieces(cursor),
        rates=_rates(cursor, partitions, entries),
    )


def _row(cursor: Cursor[TupleRow], query: str) -> TupleRow:
    row = cursor.execute(query.encode()).fetchone()
    if row is None:
        raise LookupError("a query of one row gave none")
    return row


def _counts(cursor: Cursor[TupleRow]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for name, key, number in cursor.execute(_COUNTS).fetchall():
        counts.setdefault(name, {})[key] = number
    return counts


def _lags(cursor: Cursor[TupleRow], now: datetime, end: int) -> tuple[ProjectionLag, ...]:
    lags = []
    for name, position, since in cursor.execute(_PROJECTIONS, (list(ON_DEMAND),)).fetchall():
        behind = max(0, end - position)
        seconds = (now - since).total_seconds() if since is not None else None
        lags.append(ProjectionLag(name, position, behind, seconds if behind else 0.0))
    return tuple(lags)


def _partitions(cursor: Cursor[TupleRow]) -> tuple[PartitionState, ...]:
    rows = cursor.execute(_PARTITIONS).fetchall()
    return tuple(
        PartitionState(topic, number, next_, time, Tally(*taken)) for topic, number, next_, time, *taken in rows
    )


def _rates(cursor: Cursor[TupleRow], partitions: tuple[PartitionState, ...], entries: int) -> Rates | None:
    row = cursor.execute(_SAMPLE, (RATE_S,)).fetchone()
    if row is None:
        return None
    seconds, taken_before, entries_before = row
    taken = sum(
        each.tally.accepted + each.tally.duplicates + each.tally.conflicts + each.tally.dead_lettered
        for each in partitions
    )
    return Rates(seconds, taken - taken_before, entries - entries_before)


def _runs(cursor: Cursor[TupleRow], catalogue: Catalogue, now: datetime) -> tuple[OperatorRuns, ...]:
    closed: dict[str, date] = dict(cursor.execute(_CLOSED).fetchall())
    return tuple(
        _runs_of(operator_id, versions, closed.get(operator_id), now)
        for operator_id, versions in sorted(catalogue.operators.items())
    )


def _runs_of(operator_id: str, versions: Versions[Operator], closed: date | None, now: datetime) -> OperatorRuns:
    """When the last run of an operator fired, and when the next one does.

    Of several that are due the last one counts, as the clock has it (`engine.due_runs.due_runs`). Where days are
    closed that are not over yet, the next run is the first one behind them.
    """
    last = fires_at(versions, closed) if closed is not None else None
    last_at = last[0] if last is not None else None
    due = last_closed(versions, now)
    if due is not None and (closed is None or closed < due):
        fired = fires_at(versions, due)
        return OperatorRuns(operator_id, closed, last_at, fired[0] if fired else None)
    day = closed + ONE_DAY if due is not None and closed is not None else _open_day(versions, now)
    return OperatorRuns(operator_id, closed, last_at, _first_moment(versions, day, now) if day else None)


def _open_day(versions: Versions[Operator], now: datetime) -> date | None:
    """The first date whose run may fire after now, or by the first contract to come; None while there is none."""
    if not versions.timeline:
        return None
    start = max(now, versions.timeline[0][0])
    operator = versions.at(start)
    return business_date(start, operator.time_zone, operator.payout.cutoff) - ONE_DAY if operator else None


def _first_moment(versions: Versions[Operator], day: date, now: datetime) -> datetime | None:
    """When the first run fires after now, of business dates from a day on."""
    for _ in range(5):
        fired = fires_at(versions, day)
        if fired is not None and fired[0] > now:
            return fired[0]
        day += ONE_DAY
    return None
