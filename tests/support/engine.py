"""The engine without Kafka: records go to the intake directly, the clock is moved by hand."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson
import psycopg

from contracts.signatures import Keyring
from domain.calendar import instant
from domain.payout.cover import CoverRule
from engine.clock import Clock
from engine.intake import Intake
from engine.ports import Record
from engine.working_set import WorkingSet
from projections.schema import migrate
from tests.support.decisions import KEYRING

# No topic of the contract, so that events of all types may follow each other on it.
TOPIC = "fed"


class Engine:
    """One store: feed it events, move its clock, and ask what stands on the book."""

    def __init__(
        self,
        dsn: str,
        topic: str = TOPIC,
        cover_rule: CoverRule = CoverRule.WARN,
        *,
        before_clock: bool = False,
        keyring: Keyring = KEYRING,
    ) -> None:
        """`keyring` has the keys whose decisions count."""
        migrate(dsn)
        self.dsn, self.topic = dsn, topic
        working_set = WorkingSet.of(dsn, cover_rule=cover_rule, decision_keys=keyring)
        self.intake = Intake(working_set, before_clock=before_clock)
        self.clock = Clock(WorkingSet.of(dsn, cover_rule=cover_rule))
        claim = self.intake.claim([(topic, 0)])[topic, 0]
        self.epochs = {(topic, 0): claim.epoch}
        self.offset = claim.next_offset or 0

    def records(self, values: Sequence[bytes | dict[str, Any]]) -> list[Record]:
        """Values as the next records of the partition."""
        made = []
        for value in values:
            data = value if isinstance(value, bytes) else orjson.dumps(value)
            made.append(Record(self.topic, 0, self.offset, None, data, ()))
            self.offset += 1
        return made

    def feed(self, events: Iterable[bytes | dict[str, Any]], batch: int = 500) -> None:
        """Take events in, batch by batch."""
        everything = list(events)
        for first in range(0, len(everything), batch):
            self.intake.process(self.records(everything[first : first + batch]), self.epochs)

    def advance(self, until: str | datetime | None = None) -> None:
        """Move the clock to a moment, or to the latest event time."""
        moment = instant(until) if isinstance(until, str) else until or self.clock.event_time()
        if moment is not None:
            self.clock.advance(moment)

    def close(self) -> None:
        """Give the connections back."""
        self.intake.close()
        self.clock.close()

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        """The rows of a query."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.encode(), parameters or None).fetchall()

    def balances(self) -> dict[str, int]:
        """Balance of every account that is not zero, debit positive, by `ACCOUNT CURRENCY`."""
        found = self.rows(
            "SELECT account || ' ' || currency, sum(debits - credits)::bigint FROM book.balance "
            "GROUP BY account, currency HAVING sum(debits - credits) <> 0 ORDER BY 1"
        )
        return dict(found)

    def tally(self) -> tuple[int, ...]:
        """Accepted, duplicates, conflicts, dead-lettered."""
        query = (
            "SELECT coalesce(sum(accepted), 0)::int, coalesce(sum(duplicates), 0)::int, "
            "coalesce(sum(conflicts), 0)::int, coalesce(sum(dead_lettered), 0)::int FROM intake.tally"
        )
        return tuple(self.rows(query)[0])

    def refusals(self) -> list[str]:
        """Codes of the dead letters."""
        return [code for (code,) in self.rows("SELECT code FROM intake.deadletter ORDER BY code")]

    def journal_kinds(self, session_id: str | None = None) -> list[str]:
        """Kinds of the entries, by effective time and kind."""
        where = "WHERE session_id = %s" if session_id else ""
        parameters = (session_id,) if session_id else ()
        return [
            k for (k,) in self.rows(f"SELECT kind FROM book.entry {where} ORDER BY effective_at, kind", *parameters)
        ]
