"""Measures the book as text: `python -m benchmarks.books [ENTRIES]` writes the four files of a store that it fills.

Two sizes, a tenth first, each in a process of its own: peaks of memory beside each other say whether memory grows.
"""

import multiprocessing
import resource
import sys
import time
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks.balance_lookups import write_book
from ledger.database import Role, connect
from projections.books.files import BOOK_FILES
from projections.schema import migrate
from wattledger.embedded import EmbeddedPostgres

ENTRIES = 100_000
_LENGTH = timedelta(days=365)


def main() -> None:
    """Fill a store twice and print, for each file, seconds and MiB, and the peak of the process that wrote them."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    with TemporaryDirectory(prefix="wattledger-bench-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder)) as server:
            migrate(server.dsn)
            written = 0
            for wanted in (entries // 10, entries):
                write_book(server.dsn, wanted - written, _LENGTH, Random(wanted))
                written = wanted
                print(f"{written:,} entries")
                writer = multiprocessing.get_context("spawn").Process(target=_write, args=(server.dsn, folder))
                writer.start()
                writer.join()


def _write(dsn: str, folder: str) -> None:
    began = time.perf_counter()
    with connect(dsn, Role.PROJECTOR) as connection, connection.cursor() as cursor:
        for name, lines in BOOK_FILES.items():
            path, before = Path(folder) / Path(name).name, time.perf_counter()
            with path.open("wb") as file:
                file.writelines(lines(cursor))
            print(f"  {path.name:17} {time.perf_counter() - before:6.1f} s {path.stat().st_size / 2**20:7.1f} MiB")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  together          {time.perf_counter() - began:6.1f} s; peak of memory {peak:.0f} MiB")


if __name__ == "__main__":
    main()
