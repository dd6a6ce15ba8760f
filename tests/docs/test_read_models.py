"""The example of docs/read-models.md follows the store, and counts each event once whatever kills it."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from domain.book.bookings import PaymentCaptured
from domain.book.standing import Booked, Retracted
from domain.session.session import session_stream
from ledger.database import Role, connect
from ledger.events.codec import decode
from projections.schema import migrate
from tests.docs.pages import ROOT, block
from tests.projections.builders import Recorder, captured_booking, session_history
from tests.support.waiting import wait_until

PAGE = ROOT / "docs" / "read-models.md"
PROVIDERS = ("acme-psp", "other-psp", "third-psp")
SESSIONS, KILLS = 1_200, 8

Totals: TypeAlias = dict[tuple[str, str], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Site:
    """A store with the page's login, and the page's program with the page's variables."""

    dsn: str
    program: Path
    variables: dict[str, str]

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        """The program as a process of its own; it is killed, if it has not ended."""
        log = self.program.with_suffix(".log")
        environment = os.environ | self.variables | {"PYTHONPATH": str(ROOT)}
        with (
            log.open("ab") as said,
            subprocess.Popen([sys.executable, self.program], env=environment, stdout=said, stderr=said) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def said(self) -> str:
        """The last that the program said."""
        return self.program.with_suffix(".log").read_text(errors="replace")[-2_000:]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query by the superuser; none where the program has not made its tables yet."""
        with psycopg.connect(self.dsn) as connection:
            try:
                return connection.execute(query.encode()).fetchall()
            except psycopg.errors.UndefinedTable:
                return []

    def position(self) -> int:
        """How far the read model has come; 0 before its first event."""
        query = (
            "SELECT notification_id FROM reports.capturedbyprovider_tracking WHERE application_name = 'WattLedger'"
        )
        return next((int(row[0]) for row in self.rows(query)), 0)

    def end(self) -> int:
        """The position of the last event that the read model is to count."""
        topics = "('Booked.PaymentCaptured', 'Retracted.PaymentCaptured')"
        query = f"SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events WHERE topic IN {topics}"
        return int(self.rows(query)[0][0])

    def shown(self) -> Totals:
        """Payments and amount by provider and currency, as the read model has them."""
        return {(row[0], row[1]): (int(row[2]), int(row[3])) for row in self.rows("TABLE reports.captured")}

    def counted(self) -> Totals:
        """The same, counted from the store."""
        payments, amounts = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        for topic, state in self.rows("SELECT topic, state FROM event_store.stored_events"):
            event = decode(topic, state)
            if isinstance(event, Booked | Retracted) and isinstance(event.booking, PaymentCaptured):
                key, times = (event.booking.provider, event.booking.currency), 1 if isinstance(event, Booked) else -1
                payments[key] += times
                amounts[key] += times * event.booking.amount
        return {key: (payments[key], amounts[key]) for key in payments}


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    migrate(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("\n".join(block(PAGE, "sql")).encode())
        at = conninfo_to_dict(database_url)
        said = [words.partition("=") for line in block(PAGE, "sh") for words in line.split() if "=" in words]
        here = {f"POSTGRES_{name.upper()}": str(at[name]) for name in ("host", "port", "dbname")}
        program = tmp_path / "captured.py"
        program.write_text("\n".join(block(PAGE, "python")), "utf-8")
        yield Site(database_url, program, {name: value for name, _, value in said} | here)
        connection.execute("DROP OWNED BY reports CASCADE")
        connection.execute("DROP ROLE reports")


@pytest.fixture
def recorder(site: Site) -> Iterator[Recorder]:
    with connect(site.dsn, Role.WRITER, autocommit=True) as connection:
        yield Recorder(connection)


def captures(recorder: Recorder, sessions: range) -> None:
    """Records a capture of each session, one in ten of which is taken back and booked anew."""
    for number in sessions:
        session_id = f"S-{number}"
        booking = replace(
            captured_booking(session_id, amount=1000 + number), provider=PROVIDERS[number % len(PROVIDERS)]
        )
        told: list[Any] = [Booked(booking, 1)]
        if number % 10 == 0:
            told += [Retracted(booking, 1), Booked(replace(booking, amount=1), 2)]
        recorder.record(session_stream(session_id), *told)


def test_the_example_shows_what_is_there_and_what_comes(site: Site, recorder: Recorder) -> None:
    recorder.record_all(session_history("S-1", gross=1200))
    with site.running():
        wait_until(lambda: site.shown() == {("acme-psp", "EUR"): (1, 1200)})
        recorder.record_all(session_history("S-2", gross=600))
        wait_until(lambda: site.shown() == {("acme-psp", "EUR"): (2, 1800)})
        booking = captured_booking("S-1")
        recorder.record(session_stream("S-1"), Retracted(booking, 1))
        wait_until(lambda: site.shown() == {("acme-psp", "EUR"): (1, 600)})


def test_the_login_of_the_page_reads_events_and_nothing_else_of_ours(site: Site) -> None:
    with psycopg.connect(site.dsn, autocommit=True) as connection:
        connection.execute("SET ROLE reports")
        assert connection.execute("SELECT count(*) FROM event_store.stored_events").fetchone() == (0,)
        for statement in (
            "INSERT INTO event_store.stored_events VALUES (gen_random_uuid(), 1, '', '')",
            "SELECT event_store.lock_for_append()",
            "SELECT FROM book.entry",
            "SELECT FROM intake.position",
            "SELECT FROM projection.generation",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_each_event_counts_once_across_kills(site: Site, recorder: Recorder) -> None:
    captures(recorder, range(SESSIONS // 2))
    writing = Thread(target=captures, args=(recorder, range(SESSIONS // 2, SESSIONS)))
    writing.start()
    chance = random.Random(20_260_301)
    stood: list[int] = []
    for _ in range(KILLS):
        goal = site.position() + chance.randrange(1, SESSIONS // (2 * KILLS))
        with site.running() as process:
            await_progress(site, process, lambda goal=goal: site.position() >= goal)  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        stood.append(site.position())
    writing.join()
    assert 0 < stood[0] < stood[-1] < site.end(), f"a kill did not come in mid-run: {stood} of {site.end()}"

    with site.running() as process:
        await_progress(site, process, lambda: site.position() == site.end())
    assert site.shown() == site.counted()


def test_a_second_runner_by_mistake_ends_and_counts_nothing_twice(site: Site, recorder: Recorder) -> None:
    numbers = count()

    def one_more() -> None:
        number = next(numbers)
        captures(recorder, range(number, number + 1))

    one_more()
    with ExitStack() as processes:
        first = processes.enter_context(site.running())
        wait_until(lambda: site.position() > 0)
        second = processes.enter_context(site.running())

        def one_has_ended() -> bool:
            # Sooner or later both run for the same event, and one of them comes too late.
            one_more()
            return (first.poll(), second.poll()) in ((None, 1), (1, None))

        wait_until(one_has_ended)
        assert "IntegrityError: Failed to record tracking" in site.said()
        wait_until(lambda: site.position() == site.end())
    assert site.shown() == site.counted()


def await_progress(site: Site, process: "subprocess.Popen[bytes]", condition: Callable[[], bool]) -> None:
    """Returns once the condition holds; fails with what the program said where it ended."""
    wait_until(lambda: condition() or process.poll() is not None)
    assert process.poll() is None, site.said()
