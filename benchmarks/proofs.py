"""Proofs of a large book: a proof among a million entries, 100,000 new ones anchored, and who writes meanwhile.

The signature of an anchor is left out, which takes less than a tenth of a millisecond.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Event, Thread
from uuid import UUID

from benchmarks.balance_lookups import write_book
from benchmarks.figures import Figure, figures
from benchmarks.stage import Stage
from domain.book.journal import Entry, Posting
from ledger.book.anchor_keys import AnchorKey, keep_key, known_keys
from ledger.book.anchors import AnyCursor, Reason, anchor
from ledger.book.journal import write_entries
from ledger.book.proofs import inclusion
from ledger.database import Role, connect
from ledger.gateway import Gateway
from projections.schema import migrate

ENTRIES, NEW, PROOFS = 1_000_000, 100_000, 2_000
YEAR = timedelta(days=365)
_KEY = AnchorKey(bytes(32), datetime(2026, 1, 1, tzinfo=UTC), None, bytes(64))


class _Signer:
    """Signs with nothing."""

    key_id = _KEY.key_id

    def sign(self, text: bytes) -> bytes:
        """64 zeros."""
        return bytes(64)


def measure(stage: Stage, rounds: int, report: Callable[[str], None], entries: int = ENTRIES) -> list[Figure]:
    """Seconds in which so many new entries are anchored, milliseconds of a proof and of who writes meanwhile."""
    random, new = Random(1), entries * NEW // ENTRIES
    seconds: list[list[tuple[str, float]]] = []
    milliseconds: list[list[tuple[str, float]]] = []
    hashes: list[list[tuple[str, float]]] = []
    with stage.database() as dsn:
        migrate(dsn)
        report(f"writing {entries:,} entries")
        write_book(dsn, entries, YEAR, random)
        gateway = Gateway(dsn)
        report("anchoring them")
        anchor(gateway, Reason.BATCH, _signer_of, "UTC")
        for number in range(1, rounds + 1):
            report(f"round {number} of {rounds}: proofs")
            taken, longest = _proofs(dsn, random)
            hashes.append([("longest path", longest)])
            made = ("one proof, p50", taken[len(taken) // 2]), ("one proof, p99", taken[len(taken) * 99 // 100])
            milliseconds.append([*made])
        for number in range(1, rounds + 1):
            report(f"round {number} of {rounds}: {new:,} entries more")
            write_book(dsn, new, YEAR, random)
            alone, _ = _writing(dsn, random, lambda: time.sleep(2))
            beside, anchored_s = _writing(dsn, random, lambda: anchor(gateway, Reason.BATCH, _signer_of, "UTC"))
            seconds.append([(f"{new:,} new entries anchored", anchored_s)])
            milliseconds[number - 1] += [
                ("a writer's commit, p99", alone),
                ("a writer's commit while entries are anchored, p99", beside),
            ]
        gateway.close()
    return [*figures("s", seconds), *figures("ms", milliseconds), *figures("hashes", hashes)]


def _signer_of(cursor: AnyCursor) -> _Signer:
    if not known_keys(cursor):
        keep_key(cursor, _KEY)
    return _Signer()


def _proofs(dsn: str, random: Random) -> tuple[list[float], int]:
    """Milliseconds of proofs of entries at random, sorted, and how long the longest path was."""
    taken, longest = [], 0
    with connect(dsn, Role.AUDITOR, autocommit=True) as connection, connection.cursor() as cursor:
        size = cursor.execute("SELECT max(size) FROM book.tree").fetchone()
        places = [random.randrange(size[0] if size else 1) for _ in range(PROOFS)]
        chosen = "SELECT entry_id FROM book.leaf WHERE index = ANY(%s)"
        ids = [row[0] for row in cursor.execute(chosen, (places,)).fetchall()]
        random.shuffle(ids)
        for number, entry_id in enumerate(ids):
            began = time.perf_counter()
            found = inclusion(cursor, entry_id)
            # Statements are prepared by the first ones.
            if number >= 10:
                taken.append((time.perf_counter() - began) * 1_000)
            longest = max(longest, len(found["path"]))
    return sorted(taken), longest


def _writing(dsn: str, random: Random, act: Callable[[], object]) -> tuple[float, float]:
    """The 99th percentile, in ms, of commits of ten entries while something is done, and the seconds that took."""
    over, taken = Event(), list[float]()

    def write() -> None:
        with connect(dsn, Role.WRITER) as connection, connection.cursor() as cursor:
            while not over.is_set():
                made = [_entry(random) for _ in range(10)]
                began = time.perf_counter()
                write_entries(cursor, made, shard=1)
                connection.commit()
                taken.append((time.perf_counter() - began) * 1_000)

    thread = Thread(target=write)
    thread.start()
    began = time.perf_counter()
    try:
        act()
    finally:
        seconds = time.perf_counter() - began
        over.set()
        thread.join()
    return sorted(taken)[len(taken) * 99 // 100], seconds


def _entry(random: Random) -> Entry:
    postings = (Posting("1110/P", 1190), Posting("1105/S-1", -1190))
    return Entry(UUID(int=random.getrandbits(128)), "J01c", _KEY.introduced_at, "EUR", postings, UUID(int=1), "S-1")
