"""A processor on a folder, moved by hand: it is given records and a clock, and killed between any two steps."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from wattledger.processor.behaviour import Behaviour
from wattledger.processor.processor import Processor

BEGINNING = datetime(2026, 3, 3, 2, tzinfo=UTC)


class Driven:
    """The processor and what it has answered so far."""

    def __init__(self, folder: Path, *wishes: str, **options: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.wishes, self.options = folder, wishes, options
        self.now, self.offset = BEGINNING, 0
        self.heard: list[dict[str, Any]] = []
        self.processor = self._open()

    def _open(self) -> Processor:
        return Processor(self.folder, Behaviour.parse(self.wishes), now=lambda: self.now, **self.options)

    def kill(self) -> None:
        """Nothing stays of the process but its files."""
        self.processor.close()
        self.processor = self._open()

    def take(self, values: Iterable[bytes]) -> None:
        """Give it records."""
        for value in values:
            self.processor.take([(0, self.offset, value)])
            self.offset += 1

    def hear(self, *, killed: bool = False) -> None:
        """Have it answer; `killed` before it could note that its answers arrived."""
        self.heard += [json.loads(value) for _, value in self.processor.answers()]
        if killed:
            self.kill()
        else:
            self.processor.answered()

    def run(self, seconds: float = 60) -> None:
        """Let it work until nothing is left to do, and answer."""
        for passes in (0, seconds):
            self.now += timedelta(seconds=passes)
            while self.processor.work():
                pass
        self.hear()

    @property
    def words(self) -> list[str]:
        """The last words of the types of what it answered, in order."""
        return [each["type"].rpartition(".")[2] for each in self.heard]

    @property
    def debits(self) -> dict[str, int]:
        """How many debits less credits each EndToEndId has at the bank."""
        found: dict[str, int] = {}
        for booking in self.processor.bank.bookings():
            sign = 1 if booking.direction == "DBIT" else -1
            found[booking.end_to_end_id] = found.get(booking.end_to_end_id, 0) + sign
        return found
