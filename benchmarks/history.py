"""Loads a history: any number of sessions that are over and paid, through the stores of the engine and its guards.

Copies of templates are written by two processes in sets of one commit each, day by day; then the engine's own clock
fires the payout runs, and the projections stand where a projector would have brought them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice, product
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
from psycopg import Connection, Cursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier, Literal

from benchmarks.history_templates import (
    HISTORY_DAYS,
    OPERATORS,
    Template,
    Templates,
    advance,
    make_templates,
    take_in,
)
from benchmarks.side_by_side import side_by_side
from benchmarks.stage import MESSAGES_PER_SESSION, Stage
from domain.book.journal import Entry, Posting
from domain.book.posting import entry_id
from domain.session.cdr_chain import cdr_id
from domain.session.plug import plug_id
from domain.session.session import session_stream
from ledger.book.journal import write_entries
from ledger.events.store import StoredEvent, append, event_id
from ledger.gateway import Gateway
from ledger.intake import messages, positions
from ledger.intake.positions import Tally
from projections.rebuild import rebuild
from projections.runner import catch_up
from projections.schema import migrate
from wattledger.demo.messages import FIRST_DAY

WRITERS = 2
SESSIONS_PER_SET = 500
SESSIONS_PER_DAY, SESSIONS_PER_DAY_OF_A_SMALL_ONE, _SMALL = 20, 2, 100_000

_READ_MODELS = "projection."
_PLACE_PROJECTIONS = """
UPDATE projection.generation SET position = (SELECT max(notification_id) FROM event_store.stored_events) WHERE live
"""


@dataclass(frozen=True, slots=True)
class _Order:
    """What one writer loads: every `writers`-th set of `copies` copies of each template."""

    dsn: str
    templates: Templates
    copies: int
    operators: int
    writer: int
    writers: int


# The messages of copies as if they had been read from a topic of their own, a partition for each writer.
_COPIES = "copies"
_PLACE_COPIES = """
INSERT INTO intake.position (topic, partition, next_offset, epoch)
SELECT topic, partition, accepted, 1 FROM intake.tally WHERE topic = %s
"""


def load_history(
    stage: Stage,
    dsn: str,
    events: int,
    *,
    paid: bool = True,
    days: int = HISTORY_DAYS,
    operators: int = OPERATORS,
    sessions_per_day: int = 0,
    minimum: str | None = None,
) -> int:
    """Load about so many events of sessions over so many days into an empty database; how many it became.

    Unless they are to be `paid` no run is fired, and all lines of the operators still wait for one. More operators
    than the templates' share the copies evenly: they are a multiple of those. `sessions_per_day` is how many
    templates there are of a day; 0 goes by `events`. `minimum` is what a payout has to reach, where not the load's.
    """
    variants = operators // OPERATORS
    a_day = sessions_per_day or (SESSIONS_PER_DAY if events >= _SMALL else SESSIONS_PER_DAY_OF_A_SMALL_ONE)
    with stage.database() as scratch:
        templates = make_templates(scratch, days, a_day, operators, minimum)
    copies = variants * max(1, round(events / MESSAGES_PER_SESSION / templates.sessions / variants))
    migrate(dsn)
    take_in(dsn, templates.catalogue)
    side_by_side(_load, [_Order(dsn, templates, copies, operators, number, WRITERS) for number in range(WRITERS)])
    _place_projections(dsn, templates, copies, variants)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_PLACE_COPIES, (_COPIES,))
    if paid:
        advance(dsn, FIRST_DAY)
        catch_up(dsn)
    # What is open is made of the events: rows of copies would name what they were copied from.
    rebuild(dsn, ["findings", "open_items", "account_lines"])
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
    return copies * templates.sessions * MESSAGES_PER_SESSION


def _load(order: _Order, ready: Callable[[], None]) -> int:
    # Rows of read models are copied by who owns the server: row-level security lets nobody else do that.
    writer, owner = Gateway(order.dsn), psycopg.connect(order.dsn)
    ready()
    sessions = _copies(order.templates, order.copies, order.operators)
    number = 0
    try:
        while some := list(islice(sessions, SESSIONS_PER_SET)):
            if number % order.writers == order.writer:
                rows = _write(writer, some, order.templates.columns)
                _write_projections(owner, rows, order.templates.columns)
            number += 1
    finally:
        writer.close()
        owner.close()
    return number


def _copies(templates: Templates, copies: int, operators: int) -> Iterator["_Copied"]:
    """Templates with the names of their copies and of the operators of these, day by day."""
    number = 0
    for day in templates.days:
        for copy in range(copies):
            for template in day:
                operator = int(template.operator_id[3:]) + copy * OPERATORS % operators
                yield template, f"H{number:09d}", f"OP-{operator:03d}"
                number += 1


_Copied: TypeAlias = tuple[Template, str, str]


def _write(writer: Gateway, sessions: Sequence["_Copied"], columns: dict[str, str]) -> dict[str, list[bytes]]:
    """One transaction: the keys, all rows, the entries with their balances, and the events last."""
    events: list[StoredEvent] = []
    entries: list[Entry] = []
    rows: dict[str, list[bytes]] = {table: [] for table in columns}
    keys: dict[bytes, bytes] = {}
    for copied in sessions:
        copy = _Copy(*copied)
        events += copy.events()
        entries += copy.entries()
        keys |= copy.keys()
        copy.add_rows(rows)
    with writer.transaction() as cursor:
        messages.remember(cursor, keys)
        for table in sorted(rows):
            if not table.startswith(_READ_MODELS):
                _copy_in(cursor, table, columns[table], rows[table])
        write_entries(cursor, entries, writer.shard)
        # Each writer counts in a row of its own, so that neither waits for the other before the events.
        positions.count(cursor, {(_COPIES, writer.shard): Tally(accepted=len(keys))})
        append(cursor, events)
    return rows


def _write_projections(owner: Connection[TupleRow], rows: dict[str, list[bytes]], columns: dict[str, str]) -> None:
    with owner.transaction(), owner.cursor() as cursor:
        for table in sorted(rows):
            if table.startswith(_READ_MODELS):
                _copy_in(cursor, table, columns[table], rows[table])


def _copy_in(cursor: Cursor[TupleRow], table: str, columns: str, rows: Sequence[bytes]) -> None:
    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as copy:
        copy.write(b"".join(rows))


class _Copy:
    """A template under another name, of an operator of the same kind."""

    def __init__(self, template: Template, name: str, operator_id: str) -> None:
        self._template, self._name, self._operator_id = template, name, operator_id
        self._old_operator, self._new_operator = template.operator_id.encode(), operator_id.encode()
        self._stream_id = session_stream(name)
        self._old, self._new = template.session_id.encode(), name.encode()
        numbered = enumerate(template.cdr_ids, 1)
        self._cdr_ids = [(old.encode(), cdr_id(name, number).encode()) for number, old in numbered]
        self._entry_ids: list[tuple[bytes, bytes]] = []

    def events(self) -> Iterator[StoredEvent]:
        """The stream."""
        for event in self._template.events:
            yield StoredEvent(self._stream_id, event.version, event.topic, self._renamed(event.state))

    def entries(self) -> Iterator[Entry]:
        """The entries, with ids and causes of their own."""
        old, new = self._template.session_id, self._name
        causes: dict[int, UUID] = {}
        for named in self._template.entries:
            entry, version = named.entry, named.cause_version
            if version not in causes:
                causes[version] = event_id(self._stream_id, version)
            new_id = entry_id(self._stream_id, named.key.replace(old, new), named.revision, named.index, named.mirror)
            self._entry_ids.append((str(entry.entry_id).encode(), str(new_id).encode()))
            postings = tuple([Posting(self._account(each.account), each.amount_minor) for each in entry.postings])
            yield Entry(new_id, entry.kind, entry.effective_at, entry.currency, postings, causes[version], new)

    def _account(self, account: str) -> str:
        name = account.replace(self._template.session_id, self._name)
        return name.replace(self._template.operator_id, self._operator_id)

    def keys(self) -> dict[bytes, bytes]:
        """The deduplication keys of the messages; what stands for the digests are hashes as well."""
        old, new = self._template.session_id, self._name
        made = [messages.message_key(source, id_.replace(old, new)) for source, id_ in self._template.messages]
        return {key: blake2b(key, digest_size=16).digest() for key in made}

    def add_rows(self, rows: dict[str, list[bytes]]) -> None:
        """Add its rows of the other tables; its entries were made before."""
        for table, found in self._template.rows.items():
            text = self._renamed(found)
            if table == "intake.line":
                text = text.replace(
                    str(session_stream(self._template.session_id)).encode(), str(self._stream_id).encode()
                )
                for old_id, new_id in self._entry_ids:
                    text = text.replace(old_id, new_id)
            elif table == "intake.plug_session":
                text = text.replace(
                    _plug(self._template.operator_id, self._template.session_id), _plug(self._operator_id, self._name)
                )
            rows[table].append(text)

    def _renamed(self, text: bytes) -> bytes:
        text = text.replace(self._old, self._new).replace(self._old_operator, self._new_operator)
        for old_id, new_id in self._cdr_ids:
            text = text.replace(old_id, new_id)
        return text


def _plug(operator_id: str, evse_uid: str) -> bytes:
    return str(plug_id(operator_id, evse_uid, "1")).encode()


def _place_projections(dsn: str, templates: Templates, copies: int, variants: int) -> None:
    """Say that all projections have followed to the end; their rows are there, but for the sums of operators."""
    with psycopg.connect(dsn) as connection:
        for row, variant in product(templates.balances, range(variants)):
            made: dict[str, Any] = {
                name: value * copies // variants if isinstance(value, int) and name != "generation" else value
                for name, value in row.items()
            }
            made["operator_id"] = f"OP-{int(row['operator_id'][3:]) + variant * OPERATORS:03d}"
            names = SQL(", ").join(map(Identifier, made))
            values = SQL(", ").join(map(Literal, made.values()))
            connection.execute(
                SQL("INSERT INTO projection.operator_balance_row ({}) VALUES ({})").format(names, values)
            )
        connection.execute(_PLACE_PROJECTIONS)
