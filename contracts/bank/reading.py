"""A bank file as events, in two passes: one finds out whether it is whole and what its balances say, one tells.

Neither holds more of it than an entry at a time; what counts bookings that are alike has some 100 bytes for each
entry of a statement.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from contracts.bank import camt, nacha, pain002
from contracts.bank.answers import ach_events, status_events
from contracts.bank.events import PENDING, Account, CloudEvent, Orders, Sums, is_known_status, statement_event
from contracts.bank.recognise import BankFileKind, recognise
from contracts.bank.values import BankFileRefused, Entry, Frame, FrameEnd, Refused

Told: TypeAlias = CloudEvent | Refused


@dataclass(slots=True)
class BankFile:
    """A file that was recognised and is whole; `entries` counts what it has, `pending` what is not booked yet."""

    path: Path
    kind: BankFileKind
    frames: list[Sums] = field(default_factory=list)
    entries: int = 0
    pending: int = 0

    def events(self, orders: Orders) -> Iterator[Told]:
        """The events of the file in its order, and what of it is refused."""
        if self.kind is BankFileKind.STATUS:
            for status in pain002.statuses(self.path):
                yield from status_events(status, orders)
        elif self.kind is BankFileKind.ACH:
            for line in nacha.lines(self.path):
                yield from (line,) if isinstance(line, Refused) else ach_events(line, orders)
        else:
            yield from self._booked(orders)

    def _booked(self, orders: Orders) -> Iterator[Told]:
        account: Account | None = None
        number = -1
        for piece in camt.pieces(self.path):
            if isinstance(piece, Frame):
                number += 1
                account = Account(piece, orders, self.frames[number].reading)
            elif isinstance(piece, Entry) and account is not None:
                if not is_known_status(piece.status):
                    yield Refused(piece.where, f"Sts is {piece.status!r}, which is not known: BOOK, PDNG, INFO, FUTR")
                yield from account.events_of(piece)
            elif isinstance(piece, Refused):
                yield piece
            elif isinstance(piece, FrameEnd) and self.kind is BankFileKind.STATEMENT:
                yield statement_event(piece.frame, self.frames[number])


def read(path: Path) -> BankFile:
    """Recognise a file and go through it once. Raises BankFileRefused, and OSError where it is not there."""
    found = BankFile(path, recognise(path))
    if found.kind is BankFileKind.STATUS:
        found.entries = sum(1 for _ in pain002.statuses(path))
    elif found.kind is BankFileKind.ACH:
        found.entries = sum(1 for _ in nacha.lines(path))
    else:
        _survey(found)
        if not found.frames:
            raise BankFileRefused(f"{path}: has no statement, report or notification; have the bank send it again")
    return found


def _survey(file: BankFile) -> None:
    for piece in camt.pieces(file.path):
        if isinstance(piece, Frame):
            file.frames.append(Sums())
        elif isinstance(piece, FrameEnd):
            file.frames[-1].settle(piece.frame)
        else:
            file.entries += 1
            if isinstance(piece, Entry):
                file.pending += piece.status == PENDING
                file.frames[-1].add(piece)
