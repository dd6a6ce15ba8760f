"""One store for all tests of this folder, which only read it: two weeks in which much happens, and many mishaps."""

import json
import sys
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple, TypeAlias

import psycopg
import pytest

from tests.support import aftermath
from tests.support.engine import Engine
from tests.support.events import captured, ended, money, operator, started, tariff
from tests.support.histories import UNTIL, history
from wattledger.cli import main

# Refused records, a session whose register falls, an operator far from UTC, one payment id of two providers, and
# payments that were never captured.
FIXED: list[bytes | dict[str, Any]] = [
    *(b"not json %d" % number for number in range(8)),
    operator("OP-A"),
    tariff("OP-A"),
    operator("OP-NY", time_zone="America/New_York"),
    tariff("OP-NY") | {"id": "tariff:OP-NY"},
    started("S-FALLS", operator_id="OP-A", meter_start_wh=5_000),
    ended("S-FALLS", register_wh=10),
    started("S-A", operator_id="OP-A"),
    ended("S-A"),
    captured("S-A", payment_id="P-TWICE"),
    # 22:30 on 2 March in New York, which is the 3rd in UTC.
    started("S-NY", "2026-03-03T02:30:00Z", operator_id="OP-NY"),
    ended("S-NY", "2026-03-03T03:30:00Z"),
    captured("S-NY", "2026-03-03T03:31:00Z", payment_id="P-TWICE"),
    aftermath.payment_failed("S-DECLINED", "2026-03-02T11:02:00Z"),
    aftermath.refunded("R-EARLY", "S-EARLY", "2026-03-02T11:02:00Z", money("1.00"), "OPERATOR"),
    aftermath.payment_failed("S-EARLY", "2026-03-02T11:03:00Z"),
    aftermath.payout_answer("paid", aftermath.payout_id("OP-A", "2026-03-02"), "2026-03-03T10:00:00Z"),
]


class Written(NamedTuple):
    """What a command wrote."""

    stdout: str
    stderr: str


Run: TypeAlias = Callable[..., Written]


@pytest.fixture(scope="session")
def store(postgres_dsn: str) -> Iterator[Engine]:
    """The engine on the store; nobody writes to it any more."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE commands")
        engine = Engine(f"{postgres_dsn.rpartition('/')[0]}/commands")
        fixed = [_of_another_provider(each) if _is_of(each, "S-NY") else each for each in FIXED]
        engine.feed([*fixed, *history(Random(7), 12)])
        engine.advance(UNTIL)
        yield engine
        engine.close()
        connection.execute("DROP DATABASE commands WITH (FORCE)")


def _is_of(event: bytes | dict[str, Any], session_id: str) -> bool:
    return isinstance(event, dict) and event["type"] == "payment.captured" and event["subject"] == session_id


def _of_another_provider(event: Any) -> dict[str, Any]:
    return {**event, "data": event["data"] | {"provider": "other-psp"}}


@pytest.fixture
def run(store: Engine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command as if its output were piped: the exit status must be as said; what it wrote."""
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", store.dsn)

    def ran(*words: str, status: int = 0) -> Written:
        capfd.readouterr()
        found = main(list(words))
        sys.stdout.flush()
        said = capfd.readouterr()
        assert found == status, said.err
        return Written(said.out, said.err)

    return ran


@pytest.fixture
def ask(run: Run) -> Callable[..., Any]:
    """Runs the command with --json and reads its document."""
    return lambda *words: json.loads(run(*words, "--json").stdout)
