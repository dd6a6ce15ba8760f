"""Measures what people and programs wait for: resources and pages of `wattledger serve`, on books of two sizes.

Database, server and sender share the processors. Reads at a steady pace are sent whether those before are answered or
not, and their time counts from when each was due. A look-up that is always asked for again is compared with a handler
that does nothing but the same queries, and its cost on a large book with that on a small one.
"""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TypeAlias

import psutil
import psycopg

from api.pages.assets import assets
from benchmarks.bare_handler import bare_handler
from benchmarks.figures import Figure, figures
from benchmarks.history import load_history
from benchmarks.http_client import Answer, Sender, open_loop, percentile_ms, saturated
from benchmarks.stage import Stage
from ledger.access import keys
from ledger.access.door import Door
from ledger.access.duties import Duty
from projections.freshness import ON_DEMAND
from projections.runner import catch_up
from tests.support.sealed import SEAL_KEY, SEALS

Pairs: TypeAlias = list[tuple[str, float]]
Report: TypeAlias = Callable[[str], None]

PER_SECOND, AT_ONCE, WARM_UP = 100, 8, 0.1
# A key may ask 100 times a second, and search 5 times.
KEYS = 64
# Of a hundred reads.
MIX: Mapping[str, int] = {"balance": 50, "payout": 20, "entries": 20, "search": 10}
PAGES = ("/cash", "/payouts", "/payouts/{payout}", "/operators/{operator}", "/journal", "/sessions/{session}")
_HTML = b"Accept: text/html\r\nAccept-Encoding: gzip\r\n"
_KIB, _MIB = 1 << 10, 1 << 20


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: events of sessions and days of the smaller book and of the larger, and of what else.

    A million entries and ten thousand, of a thousand operators, unless less is asked for.
    """

    small: tuple[int, int] = (20_000, 10)
    large: tuple[int, int] = (2_000_000, 50)
    operators: int = 1_000
    seconds: int = 20
    saturated_s: float = 8.0
    reads: int = 400
    pages: int = 150


WHOLE = Extent()


@dataclass(frozen=True, slots=True)
class Known:
    """What a store has that can be asked for: ids of some of each kind, and how far its read models are."""

    operators: Sequence[str]
    payouts: Sequence[str]
    sessions: Sequence[str]
    entries: Sequence[str]
    position: int


@dataclass(slots=True)
class Served:
    """A server on a store, and keys for it."""

    dsn: str
    process: psutil.Process
    port: int
    ready_s: float
    known: Known
    keys: Sequence[bytes]

    def sender(self) -> Sender:
        """Connections to it."""
        return Sender("127.0.0.1", self.port)


def measure(stage: Stage, rounds: int, report: Report, extent: Extent = WHOLE) -> list[Figure]:
    """Milliseconds, ratios and sizes; of each kind of read what it costs on the larger book to the smaller."""
    with _served(stage, extent.small, extent, report) as served:
        costs = [asyncio.run(_costs(served, extent, Random(number))) for number in range(rounds)]
    with _served(stage, extent.large, extent, report) as served:
        found = []
        for number in range(rounds):
            report(f"round {number + 1} of {rounds}: resources and pages")
            found.append(asyncio.run(_round(served, extent, Random(number), costs[number])))
    return [Figure(each.name, _unit(each.name), each.values) for each in figures("", found)]


async def _round(served: Served, extent: Extent, random: Random, costs: Mapping[str, float]) -> Pairs:
    grown = await _costs(served, extent, random)
    return [
        *((f"{kind}, one after another", ms) for kind, ms in grown.items()),
        *((f"{kind}, larger to smaller book", ms / costs[kind]) for kind, ms in grown.items()),
        *await _mixed(served, extent, random),
        *await _saturated(served, extent, random),
        *await _pages(served, extent, random),
        ("memory under load", served.process.memory_info().rss / _MIB),
        ("ready", served.ready_s),
    ]


_UNITS: Mapping[str, str] = {
    "ratio*": "",
    "*smaller book": "",
    "balance look-ups*": "a second",
    "memory*": "MiB",
    "* load*": "KiB",
    "ready": "s",
}


def _unit(name: str) -> str:
    return next((unit for pattern, unit in _UNITS.items() if fnmatchcase(name, pattern)), "ms")


@contextmanager
def _served(stage: Stage, size: tuple[int, int], extent: Extent, report: Report) -> Iterator[Served]:
    events, days = size
    with stage.database() as dsn, TemporaryDirectory(prefix="wattledger-serve-") as folder:
        report(f"loading a history of {events:,} events of {extent.operators:,} operators")
        load_history(stage, dsn, events, days=days, operators=extent.operators)
        catch_up(dsn, ON_DEMAND)
        with serving(dsn, Path(folder)) as served:
            yield served


@contextmanager
def serving(dsn: str, folder: Path) -> Iterator[Served]:
    """`wattledger serve` on a store that is there, ended with the block."""
    known, bearers = _known(dsn), _make_keys(dsn)
    command = [str(Path(sys.executable).parent / "wattledger"), "serve", "--port", "0", "--data-dir", str(folder)]
    log, began = folder / "serve.log", time.perf_counter()
    with log.open("w") as told:
        process = subprocess.Popen(command, stderr=told, env={**os.environ, **_settings(dsn)})
    try:
        port = _port(process, log)
        yield Served(dsn, psutil.Process(process.pid), port, time.perf_counter() - began, known, bearers)
    finally:
        process.terminate()
        process.wait(120)


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    while process.poll() is None:
        if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", log.read_text()):
            return int(found[1])
        time.sleep(0.01)
    raise RuntimeError(f"serve ended: {log.read_text()}")


def _known(dsn: str) -> Known:
    def column(query: str) -> list[str]:
        return [str(row[0]) for row in connection.execute(query.encode())]

    with psycopg.connect(dsn) as connection:
        return Known(
            column("SELECT DISTINCT operator_id FROM projection.operator_balances ORDER BY 1"),
            column("SELECT payout_id FROM projection.payouts ORDER BY 1 LIMIT 5000"),
            column("SELECT session_id FROM projection.sessions ORDER BY md5(session_id) LIMIT 5000"),
            column("SELECT entry_id FROM book.entry ORDER BY entry_id LIMIT 5000"),
            int(column("SELECT max(notification_id) FROM event_store.stored_events")[0]),
        )


def _make_keys(dsn: str) -> list[bytes]:
    """Header lines of keys that may read everything."""
    door = Door(dsn, seals=SEALS)
    found = []
    for number in range(KEYS):
        with door.transaction() as cursor:
            _, text = keys.create(cursor, f"bench {number}", Duty.FINANCE, [], created_by="benchmark")
        found.append(f"Authorization: Bearer {text}\r\n".encode())
    door.close()
    return found


def _paths(known: Known, random: Random, entries: int = 50) -> Mapping[str, Callable[[], str]]:
    """An address of each kind of read, another one each time."""

    def balance() -> str:
        operator = random.choice(known.operators)
        return random.choice([f"/v1/balances?account=2011/{operator}", f"/v1/operators/{operator}/balances"])

    def search() -> str:
        return f"/v1/search?q={random.choice(random.choice([known.sessions, known.payouts, known.entries]))}"

    return {
        "balance": balance,
        "payout": lambda: f"/v1/payouts/{random.choice(known.payouts)}",
        "entries": lambda: f"/v1/entries?limit={entries}&operator_id={random.choice(known.operators)}",
        "search": search,
    }


async def _costs(served: Served, extent: Extent, random: Random) -> dict[str, float]:
    """Milliseconds in the middle of reads of each kind, asked one after another; as many entries from both books."""
    sender, paths, bearers = served.sender(), _paths(served.known, random, entries=10), cycle(served.keys)
    warm_up = int(extent.reads * WARM_UP)
    found = {}
    for kind, path in paths.items():
        taken = [_well(await sender.get(path(), next(bearers))).whole_s for _ in range(extent.reads + warm_up)]
        found[kind] = percentile_ms(taken[warm_up:], 0.5)
    sender.close()
    return found


def _well(answer: Answer) -> Answer:
    if answer.status != 200:
        raise ValueError(f"a read was answered with {answer.status}")
    return answer


async def _mixed(served: Served, extent: Extent, random: Random) -> Pairs:
    """Waits at a steady pace, in the order of chance; of all reads and of each kind."""
    sender, paths = served.sender(), _paths(served.known, random)
    kinds = [kind for kind, count in MIX.items() for _ in range(count)] * (PER_SECOND * extent.seconds // 100)
    random.shuffle(kinds)
    bearers = cycle(served.keys)
    requests = [partial(sender.get, paths[kind](), next(bearers)) for kind in kinds]
    await open_loop(requests[: int(len(requests) * WARM_UP)], PER_SECOND)
    answers = await open_loop(requests, PER_SECOND)
    sender.close()
    found: Pairs = []
    for kind in ("", *MIX):
        taken = [_well(each).whole_s for each, of in zip(answers, kinds, strict=True) if kind in ("", of)]
        for part in (50, 99):
            found.append((f"{kind or 'reads'} at {PER_SECOND} a second, p{part}", percentile_ms(taken, part / 100)))
    return found


async def _saturated(served: Served, extent: Extent, random: Random) -> Pairs:
    """Look-ups of a balance a second, by us and by a handler that does nothing but read, in turn."""
    accounts = [f"2011/{operator}" for operator in served.known.operators]
    random.shuffle(accounts)
    with bare_handler(served.dsn, served.known.position) as port:
        bare, own = Sender("127.0.0.1", port), served.sender()

        def ask_own(number: int) -> Awaitable[Answer]:
            return own.get(f"/v1/balances?account={accounts[number % len(accounts)]}", served.keys[number % KEYS])

        def ask_bare(number: int) -> Awaitable[Answer]:
            return bare.get(f"/{accounts[number % len(accounts)]}")

        for warm_up in (ask_own, ask_bare):
            await saturated(warm_up, AT_ONCE, extent.saturated_s * WARM_UP)
        ours, theirs = [await saturated(each, AT_ONCE, extent.saturated_s) for each in (ask_own, ask_bare)]
        own.close()
        bare.close()
    return [
        ("balance look-ups", ours),
        ("balance look-ups, bare handler", theirs),
        ("ratio of balance look-ups to the bare handler", ours / theirs),
    ]


async def _pages(served: Served, extent: Extent, random: Random) -> Pairs:
    """When the first byte of a page comes, and what the first load and later ones take over the wire."""
    sender, known = served.sender(), served.known
    first, sizes = [], []
    for number in range(extent.pages):
        path = PAGES[number % len(PAGES)].format(
            operator=random.choice(known.operators),
            payout=random.choice(known.payouts),
            session=random.choice(known.sessions),
        )
        answer = _well(await sender.get(path, _HTML + served.keys[number % KEYS]))
        if number >= len(PAGES) * 2:
            first.append(answer.first_byte_s)
            sizes.append(answer.bytes_sent)
    files = [_well(await sender.get(path, _HTML)).bytes_sent for path in _assets()]
    sender.close()
    return [
        ("pages, first byte, p50", percentile_ms(first, 0.5)),
        ("pages, first byte, p95", percentile_ms(first, 0.95)),
        ("first load of a page", (max(sizes) + sum(files)) / _KIB),
        ("later load of a page", max(sizes) / _KIB),
        (
            "scripts of the first load",
            sum(size for path, size in zip(_assets(), files, strict=True) if ".js" in path) / _KIB,
        ),
    ]


def _assets() -> list[str]:
    return [asset.address for asset in assets().values()]


def _settings(dsn: str) -> dict[str, str]:
    """Of a store that is there, with the key that its keys are sealed with."""
    return {"WATTLEDGER_DATABASE_URL": dsn, "WATTLEDGER_SECRET_KEY": SEAL_KEY}
