"""Templates of a history: sessions that the engine itself has settled, with all rows it wrote for each of them.

A history is many copies of them under other names. Days, operators and energy differ from template to template, so
that a copy differs from its template in its name alone and in what is derived from that.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from benchmarks.load_parts import catalogue, moved
from benchmarks.stage import MESSAGES_PER_SESSION
from contracts.messages import CATALOGUE_TOPIC
from domain.book.journal import Entry
from domain.book.posting import entry_id
from domain.session.cdr_chain import cdr_id
from domain.session.session import session_stream
from engine.clock import Clock
from engine.intake import Intake
from engine.ports import Record
from ledger.book.journal import journal
from ledger.events.store import StoredEvent, event_id, read_streams
from projections.runner import catch_up
from projections.schema import migrate
from wattledger.demo.load import load
from wattledger.demo.messages import FIRST_DAY, ONE_DAY

# The history ends this long before the first day, so that all of it has matured by then and waits for nothing.
_QUIET_DAYS = 12
HISTORY_DAYS, OPERATORS = 50, 10
# No topic of the contract, where every type counts.
_PARTITION = ("fed", 0)

# No run pays a template: the copies are paid by runs of their own.
_NEVER_PAID = "1000000000.00"
_RECORDS_PER_BATCH = 2_000
# What a session has beside its events and entries, each row with the session's name or its stream in it.
_TABLES = {
    "intake.session_head": "session_id = %(session_id)s",
    "intake.plug_session": "session_id = %(session_id)s",
    "intake.reference": "session_id = %(session_id)s",
    "intake.line": "stream_id = %(stream_id)s",
    "projection.session_row": "session_id = %(session_id)s",
    "projection.cdr_row": "session_id = %(session_id)s",
}
_EVSE = re.compile(rb'"evse_uid":"[^"]*"')
_BALANCES = "SELECT * FROM projection.operator_balance_row"


@dataclass(frozen=True, slots=True)
class NamedEntry:
    """An entry of a template: the name its id is made of, and the version of the event that caused it."""

    entry: Entry
    key: str
    revision: int
    index: int
    mirror: bool
    cause_version: int


@dataclass(frozen=True, slots=True)
class Template:
    """A settled session: its events, its entries, its rows of other tables as lines of COPY, its CDRs' ids.

    `messages` are the (source, id) pairs that its deduplication keys are made of. Its EVSE has the session's name.
    """

    session_id: str
    operator_id: str
    events: tuple[StoredEvent, ...]
    entries: tuple[NamedEntry, ...]
    rows: dict[str, bytes]
    cdr_ids: tuple[str, ...]
    messages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Templates:
    """Sessions day by day, the catalogue they were rated by, and what they move in the balances of operators."""

    days: tuple[tuple[Template, ...], ...]
    catalogue: tuple[bytes, ...]
    columns: dict[str, str]
    balances: tuple[dict[str, Any], ...]

    @property
    def sessions(self) -> int:
        """How many there are."""
        return sum(map(len, self.days))


def first_moment(days: int = HISTORY_DAYS) -> datetime:
    """The first day of a history; everything in it is over before the load's first day."""
    return FIRST_DAY - (days + _QUIET_DAYS) * ONE_DAY


def history_catalogue(
    days: int = HISTORY_DAYS, minimum: str | None = None, operators: int = OPERATORS
) -> list[bytes]:
    """The load's operators and tariffs from before the history; captures release the operators' shares at once.

    Each operator has an account of its own: those of the load are paid to five.
    """
    made = []
    for value in catalogue(operators, first_moment(days) - ONE_DAY):
        event = orjson.loads(value)
        if event["type"] == "operator.registered":
            event["data"]["fund_release"] = "ON_CAPTURE"
            event["data"]["bank_account"] = _own_account(event["data"]["bank_account"], event["data"]["operator_id"])
            if minimum is not None:
                event["data"]["payout"]["minimum"] = minimum
        made.append(orjson.dumps(event))
    return made


def _own_account(account: Mapping[str, str], operator_id: str) -> dict[str, str]:
    """An account of the same bank with the operator's number; an IBAN with its check digits (ISO 7064 MOD 97-10)."""
    number = operator_id.removeprefix("OP-")
    if "iban" not in account:
        return {**account, "account_number": number.zfill(len(account["account_number"]))}
    country, bank = account["iban"][:2], account["iban"][4:8]
    own = f"{bank}{number.zfill(len(account['iban']) - 8)}"
    digits = "".join(str(int(character, 36)) for character in f"{own}{country}00")
    return {**account, "iban": f"{country}{98 - int(digits) % 97:02}{own}"}


def take_in(dsn: str, values: Sequence[bytes]) -> None:
    """Take messages in without a broker, as the next records of one partition."""
    intake = Intake(dsn)
    try:
        claim = intake.claim([_PARTITION])[_PARTITION]
        first = claim.next_offset or 0
        records = [Record(*_PARTITION, first + number, None, value) for number, value in enumerate(values)]
        for start in range(0, len(records), _RECORDS_PER_BATCH):
            intake.process(records[start : start + _RECORDS_PER_BATCH], {_PARTITION: claim.epoch})
    finally:
        intake.close()


def advance(dsn: str, until: datetime) -> int:
    """Do everything the clock drives up to a moment; how many payouts were made."""
    clock = Clock(dsn)
    try:
        return clock.advance(until)
    finally:
        clock.close()


def make_templates(
    dsn: str, days: int, sessions_per_day: int, operators: int = OPERATORS, minimum: str | None = None
) -> Templates:
    """Settle sessions on an empty database by the engine and read what it wrote for each.

    Copies may be of more `operators` than the templates are of, a multiple of them, whose catalogue there is.
    """
    migrate(dsn)
    take_in(dsn, history_catalogue(days, _NEVER_PAID))
    take_in(dsn, list(_messages(days, sessions_per_day)))
    advance(dsn, FIRST_DAY)
    catch_up(dsn)
    with psycopg.connect(dsn) as connection:
        names = [[_name(day * sessions_per_day + n) for n in range(sessions_per_day)] for day in range(days)]
        found = _read(connection, [name for day in names for name in day])
        columns = {table: _columns(connection, table) for table in _TABLES}
        balances = _balances(connection)
    day_by_day = tuple(tuple(found[name] for name in day) for day in names)
    return Templates(day_by_day, tuple(history_catalogue(days, minimum, operators)), columns, balances)


def _name(number: int) -> str:
    return f"T-{number:08d}"


def _messages(days: int, sessions_per_day: int) -> Iterator[bytes]:
    for day in range(days):
        by = first_moment(days) + day * ONE_DAY - FIRST_DAY
        yield from _day_of(load(sessions_per_day, MESSAGES_PER_SESSION, day, OPERATORS), by, day * sessions_per_day)


def _day_of(made: Iterable[tuple[str, bytes, bytes]], by: timedelta, first: int) -> Iterator[bytes]:
    for topic, key, value in made:
        if topic != CATALOGUE_TOPIC:
            name = _name(first + int(key[2:])).encode()
            # Each is at a plug of its own, and so are its copies.
            yield _EVSE.sub(b'"evse_uid":"%s"' % name, moved(value, by).replace(key, name))


def _read(connection: Connection[TupleRow], names: Sequence[str]) -> dict[str, Template]:
    with connection.cursor() as cursor:
        streams = read_streams(cursor, [session_stream(name) for name in names])
        entries: dict[str | None, list[Entry]] = defaultdict(list)
        for entry in journal(cursor):
            entries[entry.session_id].append(entry)
    return {name: _template(connection, name, streams[session_stream(name)], entries[name]) for name in names}


def _template(
    connection: Connection[TupleRow], name: str, events: Sequence[StoredEvent], entries: Sequence[Entry]
) -> Template:
    stream_id = session_stream(name)
    parameters = {"session_id": name, "stream_id": stream_id}
    issued = sum(event.topic == "CdrIssued" for event in events)
    facts = [orjson.loads(event.state) for event in events if event.topic[0].islower()]
    return Template(
        name,
        next(fact["data"]["operator_id"] for fact in facts if "operator_id" in fact["data"]),
        tuple(events),
        tuple(_named_entries(stream_id, events, entries)),
        {table: _copied(connection, table, where, parameters) for table, where in _TABLES.items()},
        tuple(cdr_id(name, number) for number in range(1, issued + 1)),
        tuple((fact["source"], fact["id"]) for fact in facts),
    )


def _named_entries(stream_id: UUID, events: Sequence[StoredEvent], entries: Iterable[Entry]) -> Iterator[NamedEntry]:
    """Entries with the names of their ids, found by making all ids that the bookings of the stream can have."""
    names: dict[UUID, tuple[str, int, int, bool]] = {}
    for event in events:
        wrapper = event.topic.partition(".")[0]
        if wrapper in ("Booked", "Retracted"):
            body = orjson.loads(event.state)
            key, revision = body["booking"]["key"], body["revision"]
            for index in range(8):
                mirror = wrapper == "Retracted"
                names[entry_id(stream_id, key, revision, index, mirror)] = (key, revision, index, mirror)
    versions = {event_id(stream_id, event.version): event.version for event in events}
    for entry in entries:
        yield NamedEntry(entry, *names[entry.entry_id], versions[entry.cause])


def _copied(connection: Connection[TupleRow], table: str, where: str, parameters: dict[str, object]) -> bytes:
    statement = f"COPY (SELECT {_columns(connection, table)} FROM {table} WHERE {where}) TO STDOUT".encode()
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        return b"".join(bytes(block) for block in copy)


def _columns(connection: Connection[TupleRow], table: str) -> str:
    found = connection.execute(SQL("SELECT * FROM {} LIMIT 0").format(Identifier(*table.split("."))))
    return ", ".join(column.name for column in found.description or ())


def _balances(connection: Connection[TupleRow]) -> tuple[dict[str, Any], ...]:
    found = connection.execute(_BALANCES.encode())
    names = [column.name for column in found.description or ()]
    return tuple(dict(zip(names, row, strict=True)) for row in found)
