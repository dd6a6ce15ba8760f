"""The reference processor put together: its desk, its bank, and the way in which it answers."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from wattledger.processor.answers import SOURCE, answers
from wattledger.processor.bank import Bank, Report
from wattledger.processor.bank_files import ByFile
from wattledger.processor.behaviour import Behaviour
from wattledger.processor.desk import Desk, OneByOne
from wattledger.processor.orders import Order


class Clock(StrEnum):
    """When orders are handed in: now, or when they were ordered, so that all answers follow from the orders."""

    WALL = "wall"
    EVENTS = "events"


def wall_clock() -> datetime:
    """Now."""
    return datetime.now(UTC)


def hand_in_clock(clock: Clock, now: Callable[[], datetime]) -> Callable[[Order], datetime]:
    """When an order is handed in."""
    return (lambda order: order.ordered_at) if clock is Clock.EVENTS else (lambda _: now())


class Processor:
    """The processor on the files of a folder. It may be killed at any moment, and made again on the folder.

    Orders are handed in one by one, or, where `bank_files` names a folder, as the files in it. It answers by events,
    or by files of the bank in the folder `writes_to`. `now` is the wall clock, in tests one of theirs.
    """

    def __init__(
        self,
        folder: Path,
        behaviour: Behaviour,
        *,
        clock: Clock = Clock.WALL,
        source: str = SOURCE,
        now: Callable[[], datetime] = wall_clock,
        bank_files: Path | None = None,
        writes_to: Path | None = None,
    ) -> None:
        self.bank = Bank(folder / "bank.sqlite", behaviour)
        handed_in = hand_in_clock(clock, now)
        pairing = OneByOne(handed_in) if bank_files is None else ByFile(bank_files, handed_in)
        self.desk = Desk(folder / "desk.sqlite", self.bank, now, pairing)
        self._source, self._now, self._writes_to = source, now, writes_to
        self._told: list[Report] = []

    def close(self) -> None:
        """Give the files back."""
        self.desk.close()
        self.bank.close()

    def positions(self) -> Mapping[int, int]:
        """The next offset of each partition of the topic."""
        return self.desk.positions()

    def take(self, records: Sequence[tuple[int, int, bytes]]) -> None:
        """Keep what records (partition, offset, value) tell."""
        self.desk.take(records)

    def work(self) -> bool:
        """Hand in, ask and book what is due, and write what is answered by files; whether there was anything."""
        did = self.desk.work()
        if self._writes_to is not None:
            did = self._write(self._writes_to) or did
        return did

    def _write(self, folder: Path) -> bool:
        """Write what the bank has told; a file that was written before is the same file again."""
        # Here: who answers by events needs no library of messages.
        from wattledger.processor.bank_messages import files_of, statement

        self.bank.close_days(self._now())
        told, stated = self.desk.news(), self.desk.statements()
        for name, content in files_of(told):
            _write_whole(folder / name, content)
        for each in stated:
            id_ = f"D{each.sequence:012}"
            _write_whole(folder / f"{id_}.camt.053.xml", statement(id_, each))
        self.desk.passed_on(told)
        self.desk.stated(stated)
        return bool(told or stated)

    def answers(self) -> Sequence[tuple[str, bytes]]:
        """What the bank told and nobody was told yet, as events by the payout's id."""
        if self._writes_to is not None:
            return []
        self._told = self.desk.news()
        told = list(answers(self._told, self._source))
        if self._told and not told:
            self.answered()
        return told

    def answered(self) -> None:
        """The answers have arrived."""
        self.desk.passed_on(self._told)


def _write_whole(path: Path, content: bytes) -> None:
    """A file that others see whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(path)
