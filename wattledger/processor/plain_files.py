"""Bank files that are no XML, as a bank reads them: records of the US ACH, and lists for NEFT."""

import csv
from base64 import b32encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from wattledger.processor.transactions import BankFile, Transaction

_RECORD = 94
# Codes of entries that end in 5 to 9 take money from an account, those below give it.
_DEBITS = "56789"


@dataclass(slots=True)
class _Entry:
    """A record 6 and the addendum behind it."""

    line: str
    addendum: str = ""

    @property
    def is_debit(self) -> bool:
        return self.line[2] in _DEBITS

    @property
    def cents(self) -> int:
        return int(self.line[29:39])

    @property
    def account(self) -> str:
        return self.line[12:29].rstrip()


@dataclass(slots=True)
class _Batch:
    """A batch by its header and its entries."""

    header: str
    entries: list[_Entry] = field(default_factory=list)


def read_ach(path: Path) -> BankFile:
    """The credits of a file of the ACH. Raises ValueError where its sums do not hold, or a payout is not named."""
    lines = path.read_text("ascii").splitlines()
    if any(len(line) != _RECORD for line in lines):
        raise ValueError(f"a record has not {_RECORD} characters")
    told = [line for line in lines if line.strip("9")]
    if not told or told[0][:3] != "101" or told[-1][0] != "9":
        raise ValueError("it has no file header or no file control")
    header, batches = told[0], list(_batches(told[1:-1]))
    entries = [entry for batch in batches for entry in batch.entries]
    _check(told[-1], told[-1][13:55], _sums(entries, 8))
    # Who sends, when it was made, the letter that tells files of one minute apart, and the id that we gave it.
    message_id = f"{header[13:23].strip()}-{header[23:34].strip()}-{header[86:94].strip()}"
    found = tuple(each for batch in batches for each in _credits(batch, message_id))
    return BankFile(message_id, found, len(found), Decimal(int(told[-1][43:55])).scaleb(-2))


def _batches(lines: Sequence[str]) -> Iterator[_Batch]:
    batch: _Batch | None = None
    for line in lines:
        if line[0] == "5":
            batch = _Batch(line)
        elif batch is None:
            raise ValueError(f"the record {line[:10]!r} is in no batch")
        elif line[0] == "6":
            batch.entries.append(_Entry(line))
        elif line[0] == "7" and batch.entries:
            batch.entries[-1].addendum = line
        elif line[0] == "8":
            _check(line, line[4:44], _sums(batch.entries, 6))
            yield batch
            batch = None
        else:
            raise ValueError(f"the record {line[:10]!r} stands where none belongs")
    if batch is not None:
        raise ValueError("a batch has no control")


def _sums(entries: Sequence[_Entry], digits: int) -> str:
    """What a control of entries says: number with addenda, hash of the banks, debits and credits in cents."""
    count = sum(2 if entry.addendum else 1 for entry in entries)
    hash_ = sum(int(entry.line[3:11]) for entry in entries) % 10**10
    debits = sum(entry.cents for entry in entries if entry.is_debit)
    credits = sum(entry.cents for entry in entries if not entry.is_debit)
    return f"{count:0{digits}}{hash_:010}{debits:012}{credits:012}"


def _check(record: str, said: str, there: str) -> None:
    if said != there:
        raise ValueError(f"its record {record[:10]!r} says {said} and its entries are {there}")


def _credits(batch: _Batch, message_id: str) -> Iterator[Transaction]:
    offsets = {entry.account for entry in batch.entries if entry.is_debit}
    debtor = min(offsets) if offsets else batch.header[40:50].strip()
    day = batch.header[69:75]
    for entry in batch.entries:
        if not entry.is_debit:
            yield Transaction(
                end_to_end_id=_payout_named(entry),
                amount=Decimal(entry.cents).scaleb(-2),
                currency="USD",
                account=entry.account,
                day=f"20{day[:2]}-{day[2:4]}-{day[4:]}",
                block_id=f"{message_id}-{int(batch.header[87:94])}",
                debtor=debtor,
            )


def _payout_named(entry: _Entry) -> str:
    """The payout that the addendum names, without hyphens; the entry's own 15 characters have to be its."""
    words = entry.addendum[3:83].split()
    if words[:1] != ["Payout"] or len(words) < 2:
        raise ValueError(f"the entry {entry.line[79:94]} has no addendum that names a payout")
    id_ = UUID(words[1])
    if b32encode(id_.bytes).decode()[:15] != entry.line[39:54]:
        raise ValueError(f"the entry {entry.line[79:94]} names another payout than its addendum")
    return id_.hex


def read_list(path: Path) -> BankFile:
    """The transfers of a list. Raises ValueError where it has no last line, and KeyError where it lacks a column."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    if not rows or [row["record"] for row in rows] != ["D"] * (len(rows) - 1) + ["T"]:
        raise ValueError("it has no last line of sums (T) behind its transfers (D)")
    *told, last = rows
    found = tuple(
        Transaction(
            end_to_end_id=row["reference"],
            amount=Decimal(row["amount"]),
            currency=row["currency"],
            account=row["beneficiary_account"],
            day=row["value_date"],
            block_id=last["reference"],
            debtor=row["debit_account"],
        )
        for row in told
    )
    return BankFile(last["reference"], found, int(last["remarks"]), Decimal(last["amount"]))
