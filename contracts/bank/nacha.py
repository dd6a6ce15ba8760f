"""Files of the US ACH (NACHA): returns and notifications of change, by records of 94 characters.

A library of Python that reads them and is kept up was not found; the format is fixed, and its own sums (entries,
hash, amounts) say whether a file is whole. Source: NACHA Operating Rules, appendix three, record formats.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from contracts.bank.ach_records import AchSums, records
from contracts.bank.values import AchLine, BankFileRefused, Refused

_RETURN, _CHANGE = "99", "98"
_CENT = Decimal("0.01")
# Batches of advices, whose records have places of their own.
_ADVICES, _INTERNATIONAL = "280", "IAT"


@dataclass(slots=True)
class _Reader:
    """Where in a file the reading is: what its header and the header of its batch say, its entry, and its sums.

    `is_answered` is whether the entry has a return or a notification of change; `orders` counts entries without.
    """

    path: Path
    bank: str = ""
    made_on: str = ""
    batch: str = ""
    entry: tuple[int, str] | None = None
    is_answered: bool = False
    answers: int = 0
    orders: int = 0
    sums: AchSums = field(default_factory=AchSums)
    whole: AchSums = field(default_factory=AchSums)

    def take(self, number: int, record: str) -> Iterator[AchLine | Refused]:
        """A record, by the digit that it begins with, and what there is to tell of it."""
        kind = record[0]
        if kind == "1":
            self.begin(number, record)
        elif kind == "5":
            self.begin_batch(number, record)
        elif kind == "6":
            yield from self.begin_entry(number, record)
        elif kind == "7":
            yield from self.take_addendum(number, record)
        elif kind == "8":
            yield from self.end_batch(number, record)
        elif kind == "9":
            self.end(number, record)
        else:
            raise BankFileRefused(f"{self.path}, record {number}: begins with {kind!r}, and no record of NACHA does")

    def begin(self, number: int, record: str) -> None:
        """A header of the file."""
        if self.made_on:
            raise BankFileRefused(
                f"{self.path}, record {number}: another file begins here; import each as a file of its own"
            )
        self.bank, self.made_on = record[13:23].strip(), _day(self.path, number, record[23:29])

    def begin_batch(self, number: int, record: str) -> None:
        """A header of a batch."""
        if record[1:4] == _ADVICES:
            raise BankFileRefused(
                f"{self.path}, record {number}: has advices (ADV), which return nothing; import the bank's statement"
            )
        self.sums, self.entry, self.batch = AchSums(), None, record

    def begin_entry(self, number: int, record: str) -> Iterator[Refused]:
        """An entry, and the end of the one before it."""
        yield from self.end_entry()
        self.entry, self.is_answered = (number, record), False
        _count_entry(self.path, number, record, self.sums)

    def end_entry(self) -> Iterator[Refused]:
        """The end of an entry, if there is one."""
        if self.entry is not None and not self.is_answered:
            self.orders += 1
            yield Refused(f"record {self.entry[0]}", "is an entry that neither comes back nor is corrected")
        self.entry = None

    def take_addendum(self, number: int, record: str) -> Iterator[AchLine | Refused]:
        """An addendum: of those of other types, such as of entries from abroad (10 to 18), nothing is taken."""
        self.sums.count += 1
        if self.entry is None:
            yield Refused(f"record {number}", "is an addendum without an entry before it")
        elif record[1:3] in (_RETURN, _CHANGE):
            self.is_answered = True
            self.answers += 1
            yield self._line(number, record, self.entry[1])

    def _line(self, number: int, record: str, of: str) -> AchLine:
        kind = record[1:3]
        return AchLine(
            where=f"record {number}",
            bank=self.bank,
            made_on=self.made_on,
            code=record[3:6],
            # The second digit: 1 to 4 give money to an account, 5 to 9 take it; the first is the account's kind.
            is_of_credit=of[2] in "1234",
            amount=(Decimal(int(of[29:39])) * _CENT).quantize(_CENT),
            original_trace=record[6:21].strip(),
            trace=of[79:94].strip(),
            individual_id="" if self.batch[50:53] == _INTERNATIONAL else of[39:54].strip(),
            text=record[35:79].strip() if kind == _RETURN else "",
            corrected=record[35:64].strip() if kind == _CHANGE else "",
        )

    def end_batch(self, number: int, record: str) -> Iterator[Refused]:
        """The control of a batch."""
        yield from self.end_entry()
        told = (record[4:10], record[10:20], record[20:32], record[32:44])
        _compare(self.path, number, self.sums, *told)
        self.whole.add(self.sums)

    def end(self, number: int, record: str) -> None:
        """The control of the file."""
        _compare(self.path, number, self.whole, record[13:21], record[21:31], record[31:43], record[43:55])
        if self.orders and not self.answers:
            raise BankFileRefused(
                f"{self.path}: is an order to a bank (NACHA, {self.orders} entries of which none comes back), as "
                "payouts write them; import what the bank answers to it"
            )


def lines(path: Path) -> Iterator[AchLine | Refused]:
    """The returns and notifications of change of a file. Raises BankFileRefused where its sums do not hold."""
    reader = _Reader(path)
    is_closed = False
    for number, record in records(path):
        if is_closed and record[0] != "9":
            raise BankFileRefused(f"{path}, record {number}: stands behind the file control; nothing may")
        if not is_closed:
            yield from reader.take(number, record)
        is_closed = record[0] == "9"
    if not is_closed:
        raise BankFileRefused(f"{path}: has no file control (record 9): it is cut off; have the bank send it again")


def _count_entry(path: Path, number: int, record: str, batch: AchSums) -> None:
    amount, bank = record[29:39], record[3:11]
    if not (amount.isdigit() and bank.isdigit()):
        raise BankFileRefused(f"{path}, record {number}: bank {bank!r} or amount {amount!r} is no number")
    # Codes that end in 5 to 9 take money from an account, those below give it.
    is_debit = record[2] >= "5"
    batch.add(AchSums(1, int(bank), int(amount) if is_debit else 0, 0 if is_debit else int(amount)))


def _compare(path: Path, number: int, sums: AchSums, *told: str) -> None:
    names = ("entries and addenda", "entry hash", "debits in cents", "credits in cents")
    for name, there, said in zip(names, sums.told(), told, strict=True):
        if not said.strip().isdigit() or int(said) != there:
            raise BankFileRefused(
                f"{path}, record {number}: says {said.strip() or 'nothing'} for its {name} and has {there}; "
                "it is not whole: have the bank send it again"
            )


def _day(path: Path, number: int, text: str) -> str:
    day = f"20{text[:2]}-{text[2:4]}-{text[4:6]}"
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError:
        raise BankFileRefused(
            f"{path}, record {number}: the day on which it was made is {text!r} and no date"
        ) from None
