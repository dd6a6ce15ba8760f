"""The journal's postings as one table, a row a posting, with the book's own names of accounts: CSV and Parquet."""

import csv
import io
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import utc_text
from domain.money import format_minor
from ledger.book.journal import journal_rows

COLUMNS = ("entry_id", "kind", "effective_at", "account", "currency", "amount")

_ENTRIES_PER_CHUNK = 500
_ROWS_PER_BATCH = 8_192
# What the writer keeps in memory before it writes it.
_ROWS_PER_GROUP = 65_536
_CHUNK_BYTES = 1 << 20


def csv_lines(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """A heading and a row a posting (RFC 4180), in the journal's order; amounts with all decimals of the currency."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for number, row in enumerate(journal_rows(cursor), start=1):
        moment = utc_text(row.effective_at)
        writer.writerows(
            (row.entry_id, row.kind, moment, account, row.currency, format_minor(amount, row.currency))
            for account, amount in zip(row.accounts, row.amounts, strict=True)
        )
        if number % _ENTRIES_PER_CHUNK == 0:
            yield _taken(text)
    yield _taken(text)


def parquet_lines(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """The rows of the CSV as Parquet, in pieces of the file: all columns text but `effective_at`, a moment in UTC.

    By way of a file of the system's, so that memory stays flat: the writer reads the CSV batch by batch.
    """
    # Here: who writes no book need not load them.
    from arro3.io import read_csv, write_parquet

    with TemporaryFile() as rows, TemporaryFile() as written:
        rows.writelines(csv_lines(cursor))
        rows.seek(0)
        batches = read_csv(rows, _schema(), has_header=True, batch_size=_ROWS_PER_BATCH)
        write_parquet(batches, written, compression="snappy", max_row_group_size=_ROWS_PER_GROUP)
        written.seek(0)
        while chunk := written.read(_CHUNK_BYTES):
            yield chunk


def _schema() -> Any:
    from arro3.core import DataType, Field, Schema

    types = dict.fromkeys(COLUMNS, DataType.string()) | {"effective_at": DataType.timestamp("us", tz="UTC")}
    return Schema([Field(name, type_, nullable=False) for name, type_ in types.items()])


def _taken(text: io.StringIO) -> bytes:
    """What was written by now, which then begins anew."""
    taken = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return taken
