"""What was tried and what held, counted by row and kind, as a table and as JSON."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from tests.soak.row import Try

_SENTENCES_MAX = 20


@dataclass(slots=True)
class Line:
    """What one kind of a row came to."""

    row: str
    kind: str
    tries: int = 0
    held: int = 0
    seconds: float = 0.0
    sentences: list[str] = field(default_factory=list)

    def count(self, made: Try, seconds: float) -> None:
        """One more report of the runner."""
        self.tries += made.tries
        self.held += made.held
        self.seconds += seconds
        if made.sentence and len(self.sentences) < _SENTENCES_MAX:
            self.sentences.append(made.sentence)

    @property
    def holds(self) -> bool:
        """Whether something was tried and all of it held."""
        return 0 < self.tries == self.held

    def as_json(self) -> dict[str, Any]:
        """The line for programs."""
        return {
            "row": self.row,
            "kind": self.kind,
            "tries": self.tries,
            "held": self.held,
            "seconds": round(self.seconds, 1),
            "sentences": self.sentences,
        }


def drawn(lines: Iterable[Line]) -> Table:
    """The table as it is printed."""
    table = Table("row", "kind", box=None, pad_edge=False)
    for heading in ("tries", "held", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for line in lines:
        figures = (f"{line.tries:,}", f"{line.held:,}", f"{line.seconds:,.0f}")
        table.add_row(line.row, line.kind, *figures, "" if line.holds else "DID NOT HOLD")
    return table
