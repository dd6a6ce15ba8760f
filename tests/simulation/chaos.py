"""Where a seed strikes: before a statement, at a commit, between two transactions, at an acknowledgement."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from random import Random
from typing import Any, NamedTuple

from psycopg import Connection, Cursor
from psycopg.errors import AdminShutdown
from psycopg.rows import TupleRow

from ledger.errors import MachineryFault
from ledger.gateway import Gateway


class Crash(BaseException):
    """A process is killed here: nothing of it goes on, and its transaction is rolled back."""


class Kind(StrEnum):
    """CRASH and AWAY strike before a step is done, DIES_AFTER and UNANSWERED after it."""

    CRASH = "crash"
    AWAY = "away"
    DIES_AFTER = "dies after"
    UNANSWERED = "unanswered"


class Accident(NamedTuple):
    """What happens at the first step from number `at` at which it can."""

    at: int
    kind: Kind


class Chaos:
    """Counts the steps of all parts, and says what happens at each; `switch` lets another part act meanwhile."""

    def __init__(self, accidents: Sequence[Accident], random: Random, switches_percent: int) -> None:
        self._waiting = sorted(accidents)
        self._random, self._switches_percent = random, switches_percent
        self.steps = self.commits = 0
        self.is_over = False
        self.happened: list[str] = []
        self.switch: Callable[[], None] = lambda: None

    def draw(self, place: str, *, can_answer: bool = False) -> Kind | None:
        """What happens at this step; before a statement nothing can go unanswered that was done."""
        self.steps += 1
        if self.is_over or not self._waiting or self._waiting[0].at > self.steps:
            return None
        kind = self._waiting[0].kind
        if kind in (Kind.DIES_AFTER, Kind.UNANSWERED) and not can_answer:
            return None
        self._waiting.pop(0)
        self.happened.append(f"{kind} at step {self.steps} ({place})")
        return kind

    def statement(self) -> None:
        """Before a statement: the process may die, or its server go."""
        match self.draw("statement"):
            case Kind.CRASH:
                raise Crash
            case Kind.AWAY:
                raise AdminShutdown("the server went away")

    def between_transactions(self) -> None:
        """Where nothing is locked: now and then another part acts before this one goes on."""
        if not self.is_over and self._random.randrange(100) < self._switches_percent:
            self.switch()


def striking(chaos: Chaos) -> type[Cursor[TupleRow]]:
    """A class of cursors that ask before each statement whether it is reached."""

    class Striking(Cursor[TupleRow]):
        def execute(self, *arguments: Any, **options: Any) -> Any:
            chaos.statement()
            return super().execute(*arguments, **options)

        def executemany(self, *arguments: Any, **options: Any) -> None:
            chaos.statement()
            super().executemany(*arguments, **options)

        def copy(self, *arguments: Any, **options: Any) -> Any:
            chaos.statement()
            return super().copy(*arguments, **options)

    return Striking


class StruckGateway(Gateway):
    """A process's way to the database on which its accidents happen."""

    def __init__(self, dsn: str, chaos: Chaos) -> None:
        super().__init__(dsn)
        self._chaos = chaos

    @contextmanager
    def transaction(self) -> Iterator[Cursor[TupleRow]]:
        """As the gateway's; it may break before the commit, or be told of none though there was one."""
        self._chaos.between_transactions()
        struck: Kind | None = None
        with super().transaction() as cursor:
            yield cursor
            struck = self._chaos.draw("commit", can_answer=True)
            if struck is Kind.CRASH:
                raise Crash
            if struck is Kind.AWAY:
                raise AdminShutdown("the server went away at the commit")
        self._chaos.commits += 1
        if struck is Kind.DIES_AFTER:
            raise Crash
        if struck is Kind.UNANSWERED:
            self.close()
            raise MachineryFault("the server went away before it told of the commit")

    def _connected(self) -> Connection[TupleRow]:
        is_new = self._connection is None or self._connection.closed
        connection = super()._connected()
        if is_new:
            connection.cursor_factory = striking(self._chaos)
        return connection
