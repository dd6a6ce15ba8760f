"""Compares every read model with what the stored events make of it: the same code once more, in tables of its own.

A check of `wattledger verify` that cannot stand in `ledger.audit`, which shares nothing with what it checks. What is
found here says that rows were changed, and never that the read models are right: the other checks say that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from psycopg import Connection, Cursor, DataError, IntegrityError, IsolationLevel, ProgrammingError
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier, Literal

from ledger.audit.report import Check, Severity, Tally
from ledger.database import Role, connect
from ledger.events.store import last_position
from projections.registry import PROJECTIONS, tables_of
from projections.roaming.compare import compare_cdr_objects
from projections.scratch import Scratch

CHECK = "read_models"
SENTENCE = "Every read model is what the events make of it; `wattledger rebuild` makes one anew that is not."

_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AssertionError)
_OF_DATABASE = (DataError, IntegrityError, ProgrammingError)
_ROWS_PER_FETCH = 500
# So much of a value is told; what may be long, or names somebody's account, is not.
_SHOWN = 60
_NOT_SHOWN = ("json", "jsonb", "bytea")

_LIVE = "SELECT name, generation, position FROM projection.generation WHERE live"
# The columns of a table with their types, and whether they are in its key.
_COLUMNS = """
SELECT attname, format_type(atttypid, NULL), coalesce(attnum = ANY ((indkey::int2[])[0:indnkeyatts - 1]), false)
FROM pg_attribute
LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'generation'
ORDER BY attnum
"""
_DIFFERENT = SQL("""
SELECT {keys}, made.{first} IS NULL, kept.{first} IS NULL, {shown}
FROM pg_temp.{table} AS made
FULL JOIN (SELECT * FROM projection.{table} WHERE generation = {generation}) AS kept USING ({key_names})
WHERE made.{first} IS NULL OR kept.{first} IS NULL OR {differ}
ORDER BY {key_names}
""")
# How many rows a read model says that it has by a key (projections.system_state), and how many there are to be.
_COUNTED = SQL("""
SELECT key, coalesce(made.number, 0), coalesce(kept.number, 0)
FROM (SELECT {key} AS key, count(*) AS number FROM pg_temp.{table} GROUP BY {key}) AS made
FULL JOIN (
    SELECT key, number FROM projection.row_count WHERE name = {name} AND generation = {generation}
) AS kept USING (key)
WHERE made.number IS DISTINCT FROM kept.number
ORDER BY key
""")
_KEYS_OF_COUNTS: Mapping[str, LiteralString] = {
    "findings": "kind",
    "open_items": "left(account, 4)",
    "payouts": "status",
    "sessions": "state",
}
_COUNT = SQL("SELECT count(*) FROM pg_temp.{table}")
_ANALYZE = SQL("ANALYZE pg_temp.{table}")


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    type: str
    is_key: bool

    def of(self, side: str) -> Composable:
        """The column as it can be compared: JSON is its text."""
        column = SQL("{}.{}").format(SQL(side), Identifier(self.name))
        return column + SQL("::text") if self.type == "json" else column

    def differs(self) -> Composable:
        return self.of("made") + SQL(" IS DISTINCT FROM ") + self.of("kept")

    def shown(self, side: str) -> Composable:
        if self.type in _NOT_SHOWN:
            return SQL("NULL")
        return SQL("left({}::text, {})").format(self.of(side), Literal(_SHOWN))


def compare_read_models(dsn: str, on_progress: Callable[[str, int], None] = lambda stage, count: None) -> Check:
    """Make every read model anew beside the live one and compare them, row by row; changes nothing that is kept.

    Each is compared at the position that it has reached. Acts as the auditor; memory stays flat, and the copies take
    as much room on the disk as the read models until it ends. `on_progress` is told the stage `read_models` once for
    each. A server that only reads makes no tables: there the check is a notice that nothing was compared.
    Raises MachineryFault when the database cannot be reached.
    """
    tally = Tally()
    with connect(dsn, Role.AUDITOR, autocommit=True) as connection:
        try:
            scratch = Scratch(connection, sorted(PROJECTIONS))
        except (ReadOnlySqlTransaction, InsufficientPrivilege) as refused:
            why = str(refused).partition("\n")[0]
            sentence = f"read models were not compared, which takes a server that makes temporary tables: {why}"
            tally.note("this server", "temporary tables", why, sentence)
            return _finished(tally, Severity.NOTICE)
        _Comparison(connection, scratch, tally).run(on_progress)
    return _finished(tally, Severity.FAILURE)


def _finished(tally: Tally, severity: Severity) -> Check:
    return Check(CHECK, SENTENCE, tally.examined, tuple(tally.findings), tally.found, severity)


@dataclass(slots=True)
class _Comparison:
    """Fills the copies while others work, then compares in one snapshot, to whose positions it brings them."""

    connection: Connection[TupleRow]
    scratch: Scratch
    tally: Tally

    def run(self, on_progress: Callable[[str, int], None]) -> None:
        with self.connection.transaction(), self.connection.cursor() as cursor:
            ends = {name: position for name, (_, position) in self._live(cursor).items()}
        broken = self._fill(ends)
        self.connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with self.connection.transaction(), self.connection.cursor() as cursor:
            live = self._live(cursor, tell=True)
            broken |= self._fill({name: at for name, (_, at) in live.items() if name not in broken})
            for name in sorted(live.keys() - broken):
                generation, position = live[name]
                if self.scratch.positions[name] == position:
                    for table in tables_of(name):
                        self._compare(cursor, name, table, generation)
                    self._compare_counts(cursor, name, generation)
                else:
                    was = self.scratch.positions[name]
                    sentence = f"{name} went back from position {was} to {position}: {_mend(name)}"
                    self.tally.note(name, was, position, sentence)
                on_progress(CHECK, 1)
            self._compare_cdr_objects(cursor)

    def _compare_cdr_objects(self, cursor: Cursor[TupleRow]) -> None:
        try:
            with self.connection.transaction():
                compare_cdr_objects(cursor, last_position(cursor), self.tally)
        except (*_UNREADABLE, *_OF_DATABASE) as fault:
            said = f"{type(fault).__name__}: {str(fault).partition(chr(10))[0]}"
            sentence = f"objects of CDRs for partners cannot be made of the events: {said}"
            self.tally.note("roaming.object", "events that can be read", said, sentence)

    def _live(self, cursor: Cursor[TupleRow], *, tell: bool = False) -> dict[str, tuple[int, int]]:
        """The live generation of each read model and the position it has reached, none behind the last event."""
        end = last_position(cursor)
        found: dict[str, tuple[int, int]] = {}
        for name, generation, position in cursor.execute(_LIVE).fetchall():
            if name in PROJECTIONS:
                found[name] = (generation, min(position, end))
            if tell and name not in PROJECTIONS:
                self.tally.note(name, "a read model", "none", f"projection.generation names {name}, which is none")
            elif tell and position > end:
                sentence = f"{name} says that it has read up to {position}, and there are {end} events: {_mend(name)}"
                self.tally.note(name, end, position, sentence)
        for name in sorted(PROJECTIONS.keys() - found.keys()) if tell else ():
            self.tally.note(name, "a live generation", "none", f"{name} has no live generation: {_mend(name)}")
        return found

    def _fill(self, targets: Mapping[str, int]) -> set[str]:
        """Bring the copies so far, and say which cannot be: of those what was met is noted."""
        try:
            self.scratch.fill(targets)
        except (*_UNREADABLE, *_OF_DATABASE):
            return {name for name, target in targets.items() if not self._fill_one(name, target)}
        return set()

    def _fill_one(self, name: str, target: int) -> bool:
        try:
            self.scratch.fill({name: target})
        except (*_UNREADABLE, *_OF_DATABASE) as fault:
            said = f"{type(fault).__name__}: {str(fault).partition(chr(10))[0]}"
            after = self.scratch.positions[name]
            sentence = f"{name} cannot be made of the events behind position {after}: {said}"
            self.tally.note(name, "events that can be read", said, sentence)
            return False
        return True

    def _compare(self, cursor: Cursor[TupleRow], name: str, table: str, generation: int) -> None:
        columns = [_Column(*row) for row in cursor.execute(_COLUMNS, (f"projection.{table}",)).fetchall()]
        cursor.execute(_ANALYZE.format(table=Identifier(table)))
        counted = cursor.execute(_COUNT.format(table=Identifier(table))).fetchone()
        self.tally.examined += counted[0] if counted else 0
        keys, others = [each for each in columns if each.is_key], [each for each in columns if not each.is_key]
        for row in self._different(table, generation, keys, others):
            where = (
                f"projection.{table} {', '.join(f'{key.name} {said}' for key, said in zip(keys, row, strict=False))}"
            )
            not_made, not_kept, *shown = row[len(keys) :]
            if not_made or not_kept:
                should, does = ("no row", "a row") if not_made else ("a row", "no row")
                sentence = f"{where}: there should be {should} and is {does}; {_mend(name)}"
                self.tally.note(where, should, does, sentence)
                continue
            self._tell(name, where, others, shown)

    def _compare_counts(self, cursor: Cursor[TupleRow], name: str, generation: int) -> None:
        if name not in _KEYS_OF_COUNTS:
            return
        query = _COUNTED.format(
            key=SQL(_KEYS_OF_COUNTS[name]),
            table=Identifier(PROJECTIONS[name].table),
            name=Literal(name),
            generation=Literal(generation),
        )
        for key, made, kept in cursor.execute(query).fetchall():
            where = f"projection.row_count name {name}, key {key}"
            sentence = f"{where}: number should be {made} and is {kept}; {_mend(name)}"
            self.tally.note(where, f"number {made}", f"number {kept}", sentence)

    def _tell(self, name: str, where: str, others: Sequence[_Column], shown: Sequence[object]) -> None:
        parts = [shown[number : number + 3] for number in range(0, len(shown), 3)]
        told, made, kept = [], [], []
        for column, (differs, should, does) in zip(others, parts, strict=True):
            if differs:
                plain = column.type not in _NOT_SHOWN
                made.append(f"{column.name} {should}" if plain else column.name)
                kept.append(f"{column.name} {does}" if plain else column.name)
                values = f" should be {should} and is {does}" if plain else " is another"
                told.append(f"{column.name}{values}")
        self.tally.note(where, ", ".join(made), ", ".join(kept), f"{where}: {', '.join(told)}; {_mend(name)}")

    def _different(
        self, table: str, generation: int, keys: Sequence[_Column], others: Sequence[_Column]
    ) -> Iterator[TupleRow]:
        comma = SQL(", ")
        shown = [part for each in others for part in (each.differs(), each.shown("made"), each.shown("kept"))]
        query = _DIFFERENT.format(
            keys=comma.join(SQL("{}::text").format(Identifier(key.name)) for key in keys),
            key_names=comma.join(Identifier(key.name) for key in keys),
            first=Identifier("generation"),
            table=Identifier(table),
            generation=Literal(generation),
            shown=comma.join(shown) if shown else SQL("NULL"),
            differ=SQL(" OR ").join([each.differs() for each in others]) if others else SQL("false"),
        )
        with self.connection.cursor("read_models") as rows:
            rows.itersize = _ROWS_PER_FETCH
            yield from rows.execute(query)


def _mend(name: str) -> str:
    return f"`wattledger rebuild {name}` makes it anew"
