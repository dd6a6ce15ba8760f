"""Bank files of the US ACH, read by the audit itself: by the places of NACHA's records, with all of their sums."""

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.audit.bank_orders import LATIN_NAME, Orders, characters_of
from ledger.audit.report import Tally

_WIDTH, _FILLER = 94, "9" * 94


@dataclass(slots=True)
class _Entry:
    """An entry and its addendum, as they stand there."""

    line: str
    addendum: str = ""

    @property
    def is_debit(self) -> bool:
        return self.line[2] in "56789"

    @property
    def cents(self) -> int:
        return int(self.line[29:39])


def read_nacha(content: bytes, profile: str, where: str, tally: Tally) -> Orders:
    """The orders of a file, whose counts, hashes and sums are checked on the way."""
    lines = content.decode("ascii").splitlines()
    if any(len(line) != _WIDTH for line in lines):
        raise ValueError("a record is not of 94 characters")
    tally.compare(where, 0, len(lines) % 10, "the records beyond whole blocks of ten")
    orders, told = Orders(), [line for line in lines if line != _FILLER]
    batches = list(_batches(told[1:-1]))
    every: list[_Entry] = []
    for header, entries, control in batches:
        _check_batch(header, entries, control, profile, where, tally)
        every += entries
        for entry in entries:
            if not entry.is_debit:
                _take(entry, header, orders, where, tally)
    count, hash_, debits, credits = _sums(every)
    wanted = f"9{len(batches):06}{-(-len(told) // 10):06}{count:08}{hash_:010}{debits:012}{credits:012}"
    tally.compare(where, wanted, told[-1][:55], "the file control")
    return orders


def _batches(lines: list[str]) -> Iterator[tuple[str, list[_Entry], str]]:
    header, entries = "", list[_Entry]()
    for line in lines:
        if line[0] == "5":
            header, entries = line, []
        elif line[0] == "6":
            entries.append(_Entry(line))
        elif line[0] == "7":
            entries[-1].addendum = line
        elif line[0] == "8" and header:
            yield header, entries, line
            header = ""
        else:
            raise ValueError(f"a record {line[:4]!r} stands where none belongs")
    if header:
        raise LookupError("the control of a batch is missing")


def _sums(entries: list[_Entry]) -> tuple[int, int, int, int]:
    return (
        sum(2 if entry.addendum else 1 for entry in entries),
        sum(int(entry.line[3:11]) for entry in entries) % 10**10,
        sum(entry.cents for entry in entries if entry.is_debit),
        sum(entry.cents for entry in entries if not entry.is_debit),
    )


def _check_batch(header: str, entries: list[_Entry], control: str, profile: str, where: str, tally: Tally) -> None:
    count, hash_, debits, credits = _sums(entries)
    tally.compare(where, f"{count:06}{hash_:010}{debits:012}{credits:012}", control[4:44], "a batch control")
    tally.compare(where, profile.split("_")[1], header[50:53], "the entry class of a batch")
    balanced = profile.endswith("_BALANCED")
    tally.compare(where, credits if balanced else 0, debits, "the debits of a batch in cents")
    tally.compare(where, "200" if balanced else "220", header[1:4], "the service class of a batch")
    tally.compare(where, header[1:4], control[1:4], "the service class of a batch control")


def _take(entry: _Entry, header: str, orders: Orders, where: str, tally: Tally) -> None:
    """Note the transfer of an entry, whose payout its addendum names, and its own characters as well."""
    line, words = entry.line, entry.addendum[3:83].split()
    payout_id = words[1].replace("-", "")
    tally.compare(where, characters_of(payout_id), line[39:54], f"the characters of payout {payout_id}")
    tally.compare(where, line[87:94], entry.addendum[87:94], f"the number of the addendum of payout {payout_id}")
    name = line[54:76].rstrip()
    if not LATIN_NAME.fullmatch(name):
        tally.note(where, "1 to 22 characters of the Latin set", name, f"{where} names {name}")
    orders.traces[payout_id] = line[79:94]
    day = header[69:75]
    orders.add(payout_id, (entry.cents, "USD", line[12:29].rstrip()), f"20{day[:2]}-{day[2:4]}-{day[4:]}")
