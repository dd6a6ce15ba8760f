"""Files of real sizes: a statement of 40,000 entries is read in flat memory."""

import subprocess
import sys
from pathlib import Path

from tests.bank.files import camt, entry

_READ = """
import resource, sys
from pathlib import Path
from contracts.bank.reading import read
from tests.bank.files import NoOrders
read(Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
file = read(Path(sys.argv[2]))
count = sum(1 for _ in file.events(NoOrders()))
print(file.entries, count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
_MEGABYTES = 12


def statement(path: Path, entries: int) -> Path:
    """A statement of so many entries with some hundred bytes each."""
    head, tail = camt("<HERE/>").split("<HERE/>")
    with path.open("w") as file:
        file.write(head)
        for number in range(entries):
            words = f"invoice {number} " * 20
            file.write(entry("1.00", ref=f"R-{number}", rest=f"<AddtlNtryInf>{words}</AddtlNtryInf>"))
        file.write(tail)
    return path


def test_a_statement_of_40_000_entries_is_read_in_flat_memory(tmp_path: Path) -> None:
    """It takes no more than it does to count what is alike, some 100 bytes an entry: the file is of 19 megabytes."""
    small, large = statement(tmp_path / "small", 100), statement(tmp_path / "large", 40_000)
    run = subprocess.run(
        [sys.executable, "-c", _READ, str(small), str(large)], capture_output=True, text=True, check=True
    )
    entries, events, kilobytes = map(int, run.stdout.split())
    assert large.stat().st_size > 18_000_000
    assert (entries, events) == (40_000, 40_001)
    assert kilobytes * 1024 < _MEGABYTES * 1_000_000, f"{kilobytes} KB"
