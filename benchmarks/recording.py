"""Everything the engine wrote in a round, row by row as PostgreSQL's binary COPY has it, to be written again bare."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import TypeAlias

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier

from ledger.copy_rows import COPY_HEADER, COPY_TRAILER

SCHEMAS = ("intake", "event_store", "book", "projection")

# Tables with their columns in order.
_TABLES = """
SELECT ns.nspname, class.relname, array_agg(attribute.attname ORDER BY attribute.attnum)
FROM pg_class AS class
JOIN pg_namespace AS ns ON ns.oid = class.relnamespace
JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid AND attnum > 0 AND NOT attisdropped
WHERE ns.nspname = ANY(%s) AND class.relkind IN ('r', 'p') AND NOT class.relispartition
GROUP BY ns.nspname, class.relname
ORDER BY ns.nspname, class.relname
"""

Row: TypeAlias = tuple[bytes | None, ...]

# A row is the count of its fields, then each field's length (-1 for NULL) and bytes.
_COUNT, _LENGTH = Struct(">h"), Struct(">i")


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of a table: one piece a commit, each a whole binary COPY; a piece without rows is empty."""

    schema: str
    name: str
    columns: tuple[str, ...]
    rows: int
    pieces: tuple[bytes, ...]

    def rows_of(self, piece: int) -> list[Row]:
        """The rows of a piece, each as its fields in binary form, which psycopg writes as `bytea` unchanged."""
        return list(_fields(self.pieces[piece]))

    def copy_in(self, schema: str | None = None) -> Composed:
        """The statement that takes a piece, into the table of that name in another schema if one is named."""
        columns = SQL(", ").join(map(Identifier, self.columns))
        return SQL("COPY {}.{} ({}) FROM STDIN (FORMAT BINARY)").format(
            Identifier(schema or self.schema), Identifier(self.name), columns
        )


def record(dsn: str, pieces: int, only: Collection[str] = ()) -> list[TableRows]:
    """The rows of all tables of the engine (or of those named `schema.table`), each split into so many pieces."""
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(_TABLES, (list(SCHEMAS),)).fetchall()
        return [
            _rows(connection, schema, name, tuple(columns), pieces)
            for schema, name, columns in tables
            if not only or f"{schema}.{name}" in only
        ]


def _rows(
    connection: Connection[TupleRow], schema: str, name: str, columns: tuple[str, ...], pieces: int
) -> TableRows:
    # Of a query, since a table's own COPY leaves out the columns that PostgreSQL makes by itself.
    statement = SQL("COPY (SELECT {} FROM {}.{}) TO STDOUT (FORMAT BINARY)").format(
        SQL(", ").join(map(Identifier, columns)), Identifier(schema), Identifier(name)
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        rows = list(_unframed(bytes(block) for block in copy))
    return TableRows(schema, name, columns, len(rows), tuple(_split(rows, pieces)))


def _unframed(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The rows alone: the server sends one a message, the first behind the header, the trailer by itself."""
    for number, block in enumerate(blocks):
        row = block.removeprefix(COPY_HEADER) if number == 0 else block
        if row and row != COPY_TRAILER:
            yield row


def _fields(piece: bytes) -> Iterator[Row]:
    at = len(COPY_HEADER)
    while at < len(piece) - len(COPY_TRAILER):
        (count,) = _COUNT.unpack_from(piece, at)
        at += _COUNT.size
        row: list[bytes | None] = []
        for _ in range(count):
            (length,) = _LENGTH.unpack_from(piece, at)
            at += _LENGTH.size
            row.append(piece[at : at + length] if length >= 0 else None)
            at += max(0, length)
        yield tuple(row)


def _split(rows: Sequence[bytes], pieces: int) -> Iterator[bytes]:
    for number in range(pieces):
        some = rows[len(rows) * number // pieces : len(rows) * (number + 1) // pieces]
        yield b"".join((COPY_HEADER, *some, COPY_TRAILER)) if some else b""
