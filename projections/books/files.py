"""The files of the book: by name what writes each, piece by piece, from the snapshot of a cursor."""

from collections.abc import Callable, Iterator, Mapping

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.books.tables import csv_lines, parquet_lines
from projections.books.text import beancount_lines, hledger_lines

BOOK_FILES: Mapping[str, Callable[[Cursor[TupleRow]], Iterator[bytes]]] = {
    "books/book.hledger": hledger_lines,
    "books/book.beancount": beancount_lines,
    "books/postings.csv": csv_lines,
    "books/postings.parquet": parquet_lines,
}
