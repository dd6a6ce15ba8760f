"""Measures balance look-ups, as of now and of any moment, in a book of a million entries.

Every entry touches one platform account; the others are accounts of operators and of single sessions. The entries lie
in one year, or all in three hours, and each look-up is a round trip by itself, on one connection.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from benchmarks.figures import Figure, figures
from benchmarks.stage import Stage
from domain.book.journal import Entry, Posting
from ledger.book.balances import balance, balance_at
from ledger.book.journal import write_entries
from ledger.database import Role, connect
from projections.schema import migrate

ENTRIES = 1_000_000
ENTRIES_PER_COMMIT = 1_000
CALLS = 2_000
OPERATORS = 50
# One entry in so many is of an effective time long before those it comes with.
ONE_LATE_IN = 100
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
SPREADS = {"a year": timedelta(days=365), "three hours": timedelta(hours=3)}
PLATFORM, CURRENCY = "4010", "EUR"


def measure(stage: Stage, rounds: int, report: Callable[[str], None], entries: int = ENTRIES) -> list[Figure]:
    """Milliseconds a look-up takes, 50th and 99th percentile, for the platform's account and for ordinary ones.

    A book is written once, since looking up changes nothing in it.
    """
    found: list[list[tuple[str, float]]] = [[] for _ in range(rounds)]
    for spread, length in SPREADS.items():
        with stage.database() as dsn:
            migrate(dsn)
            report(f"writing {entries:,} entries in {spread}")
            write_book(dsn, entries, length, Random(1))
            for number, pairs in enumerate(found, 1):
                report(f"round {number} of {rounds}: look-ups, {entries:,} entries in {spread}")
                pairs += [(f"{name}, {spread}", ms) for name, ms in _look_up(dsn, entries, length, Random(number))]
    return figures("ms", found)


def write_book(dsn: str, entries: int, length: timedelta, random: Random) -> None:
    """Write so many entries over a length of time, in sets of ENTRIES_PER_COMMIT."""
    made = _entries(entries, length, random)
    with connect(dsn, Role.WRITER) as connection, connection.cursor() as cursor:
        for _ in range(0, entries, ENTRIES_PER_COMMIT):
            write_entries(cursor, [entry for entry, _ in zip(made, range(ENTRIES_PER_COMMIT), strict=False)], shard=0)
            connection.commit()


def _entries(count: int, length: timedelta, random: Random) -> Iterator[Entry]:
    for number in range(count):
        part = random.random() if random.randrange(ONE_LATE_IN) == 0 else 1.0
        session, operator = f"S-{number:08d}", f"2011/OP-{number % OPERATORS:03d}"
        gross = random.randrange(200, 5_000)
        postings = (Posting(f"1105/{session}", gross), Posting(operator, 100 - gross), Posting(PLATFORM, -100))
        at = BEGAN + part * number / count * length
        yield Entry(
            UUID(int=random.getrandbits(128)), "J02", at, CURRENCY, postings, UUID(int=number), session_id=session
        )


def _look_up(dsn: str, entries: int, length: timedelta, random: Random) -> Iterator[tuple[str, float]]:
    def operator() -> str:
        return f"2011/OP-{random.randrange(OPERATORS):03d}"

    def session() -> str:
        return f"1105/S-{random.randrange(entries):08d}"

    accounts: dict[str, Callable[[], str]] = {
        "hot account": lambda: PLATFORM,
        "operator": operator,
        "session": session,
    }
    with connect(dsn, Role.READER, autocommit=True) as connection, connection.cursor() as cursor:
        for name, account in accounts.items():
            asked = [(account(), BEGAN + random.random() * length) for _ in range(CALLS)]
            yield from _percentiles(f"balance, {name}", _timed(cursor, _now, asked))
            yield from _percentiles(f"balance as of a moment, {name}", _timed(cursor, _then, asked))


def _now(cursor: Cursor[TupleRow], account: str, _at: datetime) -> None:
    balance(cursor, account, CURRENCY)


def _then(cursor: Cursor[TupleRow], account: str, at: datetime) -> None:
    balance_at(cursor, account, CURRENCY, at)


def _timed(
    cursor: Cursor[TupleRow],
    look_up: Callable[[Cursor[TupleRow], str, datetime], None],
    asked: list[tuple[str, datetime]],
) -> list[float]:
    """Milliseconds of each call, sorted; the first calls, until the statement is prepared, are not timed."""
    for account, at in asked[:10]:
        look_up(cursor, account, at)
    taken: list[float] = []
    for account, at in asked:
        began = time.perf_counter()
        look_up(cursor, account, at)
        taken.append((time.perf_counter() - began) * 1_000)
    return sorted(taken)


def _percentiles(name: str, taken_ms: list[float]) -> list[tuple[str, float]]:
    return [(f"{name}, p{part}", taken_ms[len(taken_ms) * part // 100]) for part in (50, 99)]
