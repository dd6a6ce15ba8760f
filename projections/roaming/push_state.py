"""How pushes to connections go: what waits and since when, what was taken last, and what failed by its cause."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import utc_text
from projections.roaming.outgoing import TAKEN

# A connection and a module.
Queue: TypeAlias = tuple[str, str]

_WAITING = """
SELECT connection, module, count(*), min(since) FROM roaming.mark
WHERE %(connection)s::text IS NULL OR connection = %(connection)s
GROUP BY connection, module
UNION ALL
SELECT connection, 'cdrs', count(*), min(since)
FROM roaming.recipient JOIN roaming.delivery USING (partner)
WHERE state = 'WAITING' AND (%(connection)s::text IS NULL OR connection = %(connection)s)
GROUP BY connection
"""
_TALLIED = """
SELECT connection, module, cause, number, last_at, last_said FROM roaming.push_tally
WHERE %(connection)s::text IS NULL OR connection = %(connection)s
ORDER BY connection, module, cause
"""


@dataclass(frozen=True, slots=True)
class Failures:
    """Pushes that came to one cause: how many ever, and the last of them."""

    cause: str
    number: int
    last_at: datetime
    said: str


@dataclass(slots=True)
class PushState:
    """Of one module and connection: how many objects wait, the oldest since when, and what came of pushes so far."""

    waiting: int = 0
    oldest: datetime | None = None
    taken: int = 0
    last_taken_at: datetime | None = None
    failures: list[Failures] = field(default_factory=list)

    def document(self, module: str) -> dict[str, Any]:
        """As it is printed."""
        return {
            "module": module,
            "waiting": self.waiting,
            "oldest": _text(self.oldest),
            "taken": self.taken,
            "last_taken_at": _text(self.last_taken_at),
            "failures": [
                {"cause": each.cause, "number": each.number, "last_at": _text(each.last_at), "said": each.said}
                for each in self.failures
            ],
        }


def push_states(cursor: Cursor[TupleRow], connection: str | None = None) -> dict[Queue, PushState]:
    """The state of each queue in which anything waits or was sent; of one connection, or of all."""
    found: dict[Queue, PushState] = defaultdict(PushState)
    given = {"connection": connection}
    for party, module, number, oldest in cursor.execute(_WAITING, given):
        found[party, module].waiting, found[party, module].oldest = number, oldest
    for party, module, cause, number, last_at, said in cursor.execute(_TALLIED, given):
        state = found[party, module]
        if cause == TAKEN:
            state.taken, state.last_taken_at = number, last_at
        else:
            state.failures.append(Failures(cause, number, last_at, said))
    return dict(sorted(found.items()))


def _text(moment: datetime | None) -> str | None:
    return utc_text(moment.replace(microsecond=0)) if moment is not None else None
