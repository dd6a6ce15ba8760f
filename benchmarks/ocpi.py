"""Measures what roaming partners wait for over OCPI: pages, whole pulls, and what is pushed to them.

One `wattledger serve` on a store with 100,000 CDRs of one partner and 10,000 locations, ten partners connected; the
partners that are pushed to answer at once, in the process that measures. Database, server and partners share the
processors.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from api.server import listen
from benchmarks.figures import Figure, figures
from benchmarks.http_client import Answer, Sender, percentile_ms
from benchmarks.ocpi_store import OTHERS, PARTY, fill, new_cdrs
from benchmarks.stage import Stage
from ledger.access import ocpi_invitations
from ledger.access.door import Door
from tests.support.engine import Engine
from tests.support.kafka_clients import variables
from tests.support.partner import Push, TestPartner
from tests.support.partner import partner as listening
from tests.support.waiting import wait_until

_SECRET_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
PAGE, AT_ONCE = 100, 8
_READY_S, _PATIENCE_S = 60, 300


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: CDRs of one partner, locations, pages asked one after another, and CDRs pushed."""

    cdrs: int = 100_000
    locations: int = 10_000
    pages: int = 200
    pushes: int = 3_000


WHOLE = Extent()


@dataclass(frozen=True, slots=True)
class Served:
    """A server on a filled store, and the partners that are connected, with their tokens."""

    dsn: str
    port: int
    partners: Mapping[str, TestPartner]
    tokens: Mapping[str, str]

    def sender(self, party: str) -> tuple[Sender, bytes]:
        """Connections to it, and the header of a partner."""
        value = TestPartner(party).authorization(self.tokens[party])["Authorization"]
        return Sender("127.0.0.1", self.port), f"Authorization: {value}\r\n".encode()


class Stamped(list[Push]):
    """Pushes, and when each was there."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[float] = []

    def append(self, push: Push) -> None:
        """Take one in."""
        self.at.append(time.monotonic())
        super().append(push)


def measure(
    stage: Stage, rounds: int, report: Callable[[str], None], extent: Extent = WHOLE, parties: Sequence[str] = OTHERS
) -> list[Figure]:
    """Milliseconds, seconds, and CDRs a second."""
    with stage.database() as dsn, ExitStack() as ending:
        report(f"making {extent.cdrs:,} CDRs and {extent.locations:,} locations")
        with closing(Engine(dsn)) as engine:
            fill(engine, extent.cdrs, extent.locations)
        served = ending.enter_context(_served(stage, dsn, (PARTY, *parties)))
        found = []
        for number in range(rounds):
            report(f"round {number + 1} of {rounds}: pages, a whole pull, pushes")
            found.append([*asyncio.run(_pages(served, extent)), ("CDRs pushed", _pushed(served, extent, number))])
    units = {
        "whole pull of all CDRs": "s",
        "CDRs pushed": "a second",
        "page of 100 CDRs at nine tenths, to alone": "",
    }
    return [Figure(each.name, units.get(each.name, "ms"), each.values) for each in figures("", found)]


async def _pages(served: Served, extent: Extent) -> list[tuple[str, float]]:
    sender, header = served.sender(PARTY)
    ask = partial(_page, sender, header)
    deep = max(0, extent.cdrs * 9 // 10)
    first = [(await ask("cdrs", number % 10 * PAGE)).whole_s for number in range(extent.pages)]
    behind = [(await ask("cdrs", deep + number % 10 * PAGE)).whole_s for number in range(extent.pages)]
    places = [(await ask("locations", number % 10 * PAGE)).whole_s for number in range(extent.pages // 4)]
    at_once: list[float] = []

    async def one_of_some(number: int) -> None:
        for step in range(extent.pages // AT_ONCE + 1):
            at_once.append((await ask("cdrs", (number + step * AT_ONCE) % 100 * PAGE)).whole_s)

    await asyncio.gather(*(one_of_some(number) for number in range(AT_ONCE)))
    began = time.perf_counter()
    for offset in range(0, extent.cdrs, PAGE):
        await ask("cdrs", offset)
    whole = time.perf_counter() - began
    sender.close()
    warm = max(1, extent.pages // 10)
    alone, far = percentile_ms(first[warm:], 0.5), percentile_ms(behind[warm:], 0.5)
    return [
        ("page of 100 CDRs, alone, p50", alone),
        (f"page of 100 CDRs, {AT_ONCE} at once, p95", percentile_ms(at_once[warm:], 0.95)),
        ("page of 100 CDRs at nine tenths, p50", far),
        ("page of 100 CDRs at nine tenths, to alone", far / alone),
        ("page of 100 locations, alone, p50", percentile_ms(places, 0.5)),
        ("whole pull of all CDRs", whole),
    ]


async def _page(sender: Sender, header: bytes, module: str, offset: int) -> Answer:
    answer = await sender.get(f"/ocpi/2.2.1/{module}?limit={PAGE}&offset={offset}", header)
    if answer.status != 200:
        raise ValueError(f"a page was answered with {answer.status}")
    return answer


def _pushed(served: Served, extent: Extent, number: int) -> float:
    """CDRs a second that one partner takes, from the first to the last."""
    party = OTHERS[0]
    abc, stamped = served.partners[party], Stamped()
    abc.pushes = stamped
    new_cdrs(served.dsn, party, extent.pushes, f"PUSH-{number}-")
    wait_until(lambda: len(stamped) >= extent.pushes, _PATIENCE_S)
    return (len(stamped) - 1) / (stamped.at[-1] - stamped.at[0])


@contextmanager
def _served(stage: Stage, dsn: str, parties: Sequence[str]) -> Iterator[Served]:
    """`wattledger serve` on a store, and partners that have done the handshake with it."""
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with TemporaryDirectory(prefix="wattledger-ocpi-") as folder, ExitStack() as ending:
        ending.enter_context(_process(Path(folder), dsn, stage.kafka, url, port))
        partners = {party: ending.enter_context(listening(party, versions=("2.2.1",))) for party in parties}
        tokens = {party: _connected(dsn, url, each) for party, each in partners.items()}
        yield Served(dsn, port, partners, tokens)


@contextmanager
def _process(folder: Path, dsn: str, kafka: Mapping[str, Any], url: str, port: int) -> Iterator[None]:
    settings = {
        "DATABASE_URL": dsn,
        **variables(kafka),
        "PUBLIC_URL": url,
        "SECRET_KEY": _SECRET_KEY,
        "ALLOW_PRIVATE_TARGETS": "true",
        "OCPI_RATE_PER_MINUTE": "1000000",
        "LOG_LEVEL": "WARNING",
        "DATA_DIR": str(folder),
    }
    command = [sys.executable, "-m", "wattledger.cli", "serve", "--port", str(port)]
    environment = os.environ | {f"WATTLEDGER_{name}": value for name, value in settings.items()}
    with subprocess.Popen(command, env=environment) as process:
        try:
            wait_until(lambda: _answers(url), _READY_S)
            yield
        finally:
            process.terminate()
            process.wait(_READY_S)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez").status_code == 200
    except httpx.TransportError:
        return False


def _connected(dsn: str, url: str, partner: TestPartner) -> str:
    """Token C of a partner that has begun the handshake."""
    token_a, theirs = f"token-a-of-{partner.party}", f"token-b-of-{partner.party}"
    with closing(Door(dsn)) as door, door.transaction() as cursor:
        ocpi_invitations.invite(cursor, partner.party, "EMSP", token_a)
    partner.tokens.add(theirs)
    answer: Any = httpx.post(
        f"{url}/ocpi/2.2.1/credentials",
        json=partner.credentials(theirs),
        headers=partner.authorization(token_a),
        timeout=30,
    ).json()
    return str(answer["data"]["token"])
