"""What parts of the `eventsourcing` library cost beside what stands in their place here; decision 36 goes by it.

`python -m benchmarks.event_sourcing_library` prints events a second. Both sides of a comparison take turns in one
run, and the last column is the ratio of their medians.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, partial
from itertools import chain
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import DatetimeAsISO, JSONTranscoder, Mapper, StoredEvent, Tracking
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg import Cursor
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from domain.payout.events import PayoutCreated, PayoutKey, PayoutStatus, PayoutStatusChanged
from domain.payout.payout import Payout
from domain.session.assessment import SessionState
from domain.session.decisions import SessionAssessed
from ledger.database import Role, connect
from ledger.events.codec import decode, encode
from ledger.events.library import EventRecorder, WattLedger
from ledger.events.store import SCHEMA, append
from ledger.events.store import StoredEvent as OurEvent
from projections.runner import catch_up
from projections.schema import migrate
from wattledger.embedded import EmbeddedPostgres

ROUNDS = 15
PAYOUTS = 1_000
# A set as the main job appends it, and what one `save` of an application inserts.
SET, SAVED = 2_000, (1, 200)

Work: TypeAlias = Callable[[], object]
_ELSEWHERE, _TIMEOUT_S = "elsewhere", 600.0
_MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
_HEADING = "| events a second | library | ours | ratio |\n| --- | ---: | ---: | ---: |"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Events a second of the library's way and of ours, medians of rounds in turn."""

    name: str
    library: float
    ours: float

    def __str__(self) -> str:
        return f"| {self.name} | {self.library:,.0f} | {self.ours:,.0f} | {self.ours / self.library:.2f} |"


def in_turn(
    name: str, events: int, library: Work, ours: Work, rounds: int = ROUNDS, before: Work = lambda: None
) -> Comparison:
    """Do both in turn, once before it counts, each so many events a call; `before` is done before each round."""
    sides: list[tuple[Work, list[float]]] = [(library, []), (ours, [])]
    for number in range(rounds + 1):
        before()
        for work, taken in sides if number % 2 else reversed(sides):
            began = time.perf_counter()
            work()
            taken.append(time.perf_counter() - began)
    return Comparison(name, *(events / median(taken[1:]) for _, taken in sides))


class LibraryPayout(Aggregate):
    """Our payout in the library's declarative style, as far as making and answering it goes."""

    @event("Created")
    def __init__(self, created: PayoutCreated) -> None:
        self.created, self.status, self.status_at = created, created.status, created.fired_at

    @event("StatusChanged")
    def change(self, status: PayoutStatus, at: datetime, reason: str | None) -> None:
        """The bank answered."""
        self.status, self.status_at = status, at


def _created(number: int) -> PayoutCreated:
    key = PayoutKey(f"OP-{number}", "EUR", date(2026, 3, 2), 1)
    name = (key.payout_id, key.batch_id, key.operator_id, key.currency, key.business_date, key.attempt)
    return PayoutCreated(*name, 108_100, 0, PayoutStatus.IN_TRANSIT, _MOMENT, {"holder": "Süd"}, "Süd", "NL", ())


def _librarys(created: PayoutCreated) -> LibraryPayout:
    payout = LibraryPayout(created)
    payout.change(PayoutStatus.PAID, _MOMENT, None)
    payout.change(PayoutStatus.RETURNED, _MOMENT, "AC04")
    return payout


def _made(created: PayoutCreated) -> list[PayoutCreated | PayoutStatusChanged]:
    answers: list[tuple[PayoutStatus, str | None]] = [(PayoutStatus.PAID, None), (PayoutStatus.RETURNED, "AC04")]
    name = (created.payout_id, created.operator_id)
    return [created, *(PayoutStatusChanged(*name, status, _MOMENT, reason) for status, reason in answers)]


def _evolved(decisions: Sequence[PayoutCreated | PayoutStatusChanged]) -> Payout:
    payout = Payout("")
    for decision in decisions:
        payout.evolve(decision)
    return payout


def _mutated(events: Sequence[Any]) -> LibraryPayout | None:
    payout: LibraryPayout | None = None
    for each in events:
        payout = each.mutate(payout)
    return payout


def aggregates() -> Iterator[Comparison]:
    """A payout that is made, paid and returned; and the answers to it as bytes and back."""
    created = [_created(number) for number in range(PAYOUTS)]
    theirs, ours = [_librarys(each).collect_events() for each in created], [_made(each) for each in created]
    yield in_turn(
        "aggregate: events made and applied",
        3 * PAYOUTS,
        lambda: list(map(_librarys, created)),
        lambda: [_evolved(_made(each)) for each in created],
    )
    yield in_turn(
        "aggregate: rebuilt from its events",
        3 * PAYOUTS,
        lambda: list(map(_mutated, theirs)),
        lambda: list(map(_evolved, ours)),
    )
    transcoder = JSONTranscoder()
    transcoder.register(DatetimeAsISO())
    mapper = Mapper[Any](transcoder)
    their_events, our_events = [stream[2] for stream in theirs], [stream[2] for stream in ours]
    their_bytes, our_bytes = list(map(mapper.to_stored_event, their_events)), list(map(encode, our_events))
    yield in_turn(
        "mapper: event to bytes",
        PAYOUTS,
        lambda: list(map(mapper.to_stored_event, their_events)),
        lambda: list(map(encode, our_events)),
    )
    yield in_turn(
        "mapper: bytes to event",
        PAYOUTS,
        lambda: list(map(mapper.to_domain_event, their_bytes)),
        lambda: [decode(*each) for each in our_bytes],
    )


@contextmanager
def _datastore(dsn: str, schema: str) -> Iterator[PostgresDatastore]:
    at = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    login = (at["dbname"], at["host"], at["port"], at["user"], at["password"])
    with PostgresDatastore(*login, schema=schema) as opened:
        yield opened


@cache
def _stored() -> list[tuple[str, bytes]]:
    """Outcomes of as many sessions as a set has events."""
    amounts: dict[str, Any] = {"energy_wh": "14320.5", "currency": "EUR", "net": 1000, "vat": 200, "gross": 1200}
    return [encode(SessionAssessed(f"S-{each}", "OP-1", SessionState.RATED, "", **amounts)) for each in range(SET)]


def _rows(count: int) -> list[OurEvent]:
    stream_id = uuid4()
    return [OurEvent(stream_id, version, *stored) for version, stored in enumerate(_stored()[:count], start=1)]


class _InTheTransaction(EventRecorder):
    """The library's INSERT where the main job appends: in a transaction that others have begun."""

    def insert(self, cursor: Cursor[Any], rows: Sequence[OurEvent]) -> None:
        """Lock, notify, insert."""
        self._insert_stored_events(cursor, [StoredEvent(*row) for row in rows])


def inserts(dsn: str) -> Iterator[Comparison]:
    """A set of the main job, and the recorders' own calls, which give the positions back."""

    def insert() -> None:
        with datastore.transaction(commit=True) as cursor:
            recorder.insert(cursor, _rows(SET))

    def copy() -> None:
        with writer.transaction(), writer.cursor() as cursor:
            append(cursor, _rows(SET))

    def save(into: PostgresApplicationRecorder, count: int) -> None:
        into.insert_events([StoredEvent(*row) for row in _rows(count)])

    with _datastore(dsn, SCHEMA) as datastore, _datastore(dsn, _ELSEWHERE) as elsewhere:
        recorder, librarys = _InTheTransaction(datastore), PostgresApplicationRecorder(elsewhere)
        librarys.create_table()
        # First, while both tables are of one size.
        for count in SAVED:
            theirs, ours = partial(save, librarys, count), partial(save, recorder, count)
            yield in_turn(f"insert_events of {count}", count, theirs, ours, rounds=60 * ROUNDS)
        with connect(dsn, Role.WRITER, autocommit=True) as writer:
            yield in_turn(f"append of {SET:,} in the caller's transaction", SET, insert, copy)


class _Assessed(PostgresTrackingRecorder):
    """A read model with nothing but its position, which is the least that one can do."""


class _Sessions(Projection[_Assessed]):
    topics = (SessionAssessed.__name__,)
    # The position that is waited for. The library's own waiting looks every 0.8 s only.
    end, reached = 0, Event()

    def process_event(self, domain_event: object, tracking: Tracking) -> None:
        """Note that it was seen."""
        self.view.insert_tracking(tracking)
        if tracking.notification_id == _Sessions.end:
            _Sessions.reached.set()


def read_models(dsn: str) -> Iterator[Comparison]:
    """Both runners follow the same events: the library's notes positions, ours keeps the sessions."""
    at = conninfo_to_dict(dsn)
    variables = {f"POSTGRES_{name.upper()}": str(at[name]) for name in ("dbname", "host", "port", "user", "password")}
    env = variables | {"PERSISTENCE_MODULE": "eventsourcing.postgres", "POSTGRES_SCHEMA": _ELSEWHERE}

    def more() -> None:
        _Sessions.reached.clear()
        with connect(dsn, Role.WRITER, autocommit=True) as writer, writer.transaction(), writer.cursor() as cursor:
            append(cursor, _rows(SET))
        with psycopg.connect(dsn) as connection:
            row = connection.execute("SELECT max(notification_id) FROM event_store.stored_events").fetchone()
            _Sessions.end = int(row[0]) if row else 0

    def library() -> None:
        with ProjectionRunner(
            application_class=WattLedger, projection_class=_Sessions, view_class=_Assessed, env=env
        ):
            _Sessions.reached.wait(_TIMEOUT_S)

    def ours() -> None:
        catch_up(dsn, ["sessions"])

    yield in_turn("read model caught up", SET, library, ours, rounds=ROUNDS // 3, before=more)


def _database(server_dsn: str, name: str) -> str:
    """The DSN of a new, migrated database with another schema beside ours."""
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    dsn = make_conninfo(server_dsn, dbname=name)
    migrate(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute(f"CREATE SCHEMA {_ELSEWHERE}".encode())
    return dsn


def main() -> None:
    """Measures on a PostgreSQL of its own and prints a table."""
    with TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as server:
        written, read = _database(server.dsn, "written"), _database(server.dsn, "read")
        sys.stdout.write(f"{_HEADING}\n")
        for comparison in chain(aggregates(), inserts(written), read_models(read)):
            sys.stdout.write(f"{comparison}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
