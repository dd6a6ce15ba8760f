"""Files of the US ACH by their records of 94 characters, and what batches and files of them add up to.

Source: NACHA Operating Rules, appendix three, record formats. Files come with line ends of any kind or without, with
records whose blanks at the end somebody cut off or added to, and with letters that are not ASCII in names.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from contracts.bank.values import BankFileRefused

RECORD = 94
_HASH = 10**10
_AT_ONCE = RECORD * 500
# The byte order mark of UTF-8, as letters of Latin-1.
_MARK = "\xef\xbb\xbf"


@dataclass(slots=True)
class AchSums:
    """What a batch or a file adds up to: entries with addenda, the hash of banks, debits and credits in cents."""

    count: int = 0
    hash: int = 0
    debits: int = 0
    credits: int = 0

    def add(self, other: "AchSums") -> None:
        """Count another one in."""
        self.count += other.count
        self.hash = (self.hash + other.hash) % _HASH
        self.debits += other.debits
        self.credits += other.credits

    def told(self) -> tuple[int, int, int, int]:
        """Count, hash, debits and credits, in the order of control records."""
        return self.count, self.hash, self.debits, self.credits

    def text(self) -> str:
        """Hash, debits and credits as control records have them."""
        return f"{self.hash:010}{self.debits:012}{self.credits:012}"


@dataclass(frozen=True, slots=True)
class AchEntry:
    """An entry as a file of ours has it: trace number, Individual Identification Number, and amount in cents."""

    trace: str
    individual_id: str
    cents: int


def entries_in(content: bytes) -> Iterator[AchEntry]:
    """The entries of a file as we write it, a record a line."""
    for line in content.decode("ascii").splitlines():
        if line.startswith("6"):
            yield AchEntry(line[79:94], line[39:54], int(line[29:39]))


def records(path: Path) -> Iterator[tuple[int, str]]:
    """The records of a file in ASCII, with the number of each, from 1.

    Raises BankFileRefused for one that is too long.
    """
    number = 0
    is_one_line = False
    with path.open(encoding="latin-1") as file:
        if file.read(len(_MARK)) != _MARK:
            file.seek(0)
        while chunk := file.readline(_AT_ONCE):
            line = _ascii(chunk.rstrip("\n"))
            is_one_line = is_one_line or (not number and len(line.rstrip()) > RECORD)
            if len(line.rstrip()) > RECORD and not is_one_line:
                raise BankFileRefused(
                    f"{path}, record {number + 1}: has {len(line.rstrip())} characters, and those of NACHA have "
                    f"{RECORD}; have the bank send it again"
                )
            step = RECORD if is_one_line else len(line) or 1
            for start in range(0, len(line), step):
                record = line[start : start + step].rstrip()
                if record:
                    number += 1
                    yield number, record.ljust(RECORD)


def _ascii(line: str) -> str:
    """A line with a sign in place of each letter that is none of ASCII, in whichever of two encodings it is."""
    with suppress(UnicodeDecodeError):
        line = line.encode("latin-1").decode("utf-8")
    return line.encode("ascii", "replace").decode("ascii")
