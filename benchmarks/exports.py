"""Measures the journal of a million entries as CSV over HTTP: rows a second, and whether memory stays flat.

Server, database and client share the processors. The first tenth is fetched before the whole: what the server holds
at most after the one and after the other says whether memory grows with what leaves.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from http.client import HTTPConnection
from random import Random
from urllib.parse import urlencode, urlsplit

import psycopg

from benchmarks.balance_lookups import BEGAN, write_book
from benchmarks.figures import Figure, figures
from benchmarks.http_process import Server, serving_process
from benchmarks.stage import Stage
from domain.calendar import utc_text
from projections.schema import migrate

ENTRIES = 1_000_000
LENGTH = timedelta(days=365)
_BLOCK = 1 << 16

# The lines by account, as following the events of this book would leave them.
_ADD_LINES = """
INSERT INTO projection.account_line_row (generation, account, currency, effective_at, entry_id, line, position,
                                         amount, kind, mirror)
SELECT generation, account, entry.currency, entry.effective_at, entry_id, line, 0, amount_minor, entry.kind,
       entry.reverses IS NOT NULL
FROM book.entry JOIN book.posting USING (entry_id), projection.generation
WHERE name = 'account_lines' AND live
"""


def measure(stage: Stage, rounds: int, report: Callable[[str], None], entries: int = ENTRIES) -> list[Figure]:
    """Rows a second of the whole journal, a row a posting, and the server's peak of memory beside that of a tenth."""
    with stage.database() as dsn:
        migrate(dsn)
        report(f"writing {entries:,} entries")
        write_book(dsn, entries, LENGTH, Random(1))
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_ADD_LINES)
            connection.execute("VACUUM (ANALYZE) book.entry, book.posting, projection.account_line_row")
        found = []
        for number in range(1, rounds + 1):
            report(f"round {number} of {rounds}: {entries:,} entries as CSV")
            with serving_process(dsn) as server:
                found.append(_round(server, entries))
    speeds, peaks, ratios = zip(*found, strict=True)
    return [*figures("rows/s", speeds), *figures("MiB", peaks), *figures("", ratios)]


def _round(server: Server, entries: int) -> tuple[list[tuple[str, float]], ...]:
    _fetch(server, {"effective_at.lt": utc_text(BEGAN + LENGTH / 10)})
    peak_of_tenth = server.peak_mib()
    begun = time.perf_counter()
    rows = _fetch(server, {})
    seconds = time.perf_counter() - begun
    if rows < entries:
        raise RuntimeError(f"{rows} rows came of {entries} entries")
    peak = server.peak_mib()
    return (
        [("entries as CSV", rows / seconds)],
        [("peak of the server", peak)],
        [("memory after all to that after a tenth", peak / peak_of_tenth)],
    )


def _fetch(server: Server, filters: dict[str, str]) -> int:
    """Fetches a file of the journal; how many rows it has below its header."""
    address = urlsplit(server.url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=600)
    try:
        connection.request("GET", f"/v1/entries?{urlencode({'format': 'csv', **filters})}")
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {answer.read(1_000).decode()}")
        lines = 0
        while block := answer.read(_BLOCK):
            lines += block.count(b"\n")
    finally:
        connection.close()
    return lines - 1
