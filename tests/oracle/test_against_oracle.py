"""The engine and the plain model settle generated networks to the same cent, at every effective time."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.oracle.compare import differences
from tests.oracle.drive import settle_with_engine
from tests.oracle.figures import of_files, of_model
from tests.oracle.generate import scenario, shuffled
from tests.oracle.model import settle

SESSIONS = 60


@pytest.fixture
def databases(database_url: str) -> Iterator[list[str]]:
    """Two empty databases."""
    second = f"{database_url}_again"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {second.rpartition('/')[2]}")
        yield [database_url, second]
        connection.execute(f"DROP DATABASE {second.rpartition('/')[2]} WITH (FORCE)")


@pytest.mark.parametrize("seed", range(8))
def test_a_network_settles_to_the_cent_as_the_model_says(seed: int, database_url: str, tmp_path: Path) -> None:
    events = scenario(seed, SESSIONS)
    settle_with_engine(database_url, events, tmp_path)
    found = differences(of_files(tmp_path), of_model(settle(events)))
    assert not found, _report(seed, found)


@pytest.mark.parametrize("seed", range(100, 103))
def test_repeated_and_in_any_order_it_settles_to_the_same_cent(seed: int, database_url: str, tmp_path: Path) -> None:
    events = scenario(seed, SESSIONS)
    settle_with_engine(database_url, shuffled(events, seed), tmp_path)
    found = differences(of_files(tmp_path), of_model(settle(events)), counts=False)
    assert not found, _report(seed, found)


def test_corrections_that_make_sessions_implausible_are_undone_as_the_model_says(
    database_url: str, tmp_path: Path
) -> None:
    events = scenario(5, SESSIONS, rare=["implausible corrections", "two operators"])
    settle_with_engine(database_url, events, tmp_path)
    found = differences(of_files(tmp_path), of_model(settle(events)))
    assert not found, _report(5, found)


def test_files_in_two_calls_give_each_operator_the_same_sum(databases: list[str], tmp_path: Path) -> None:
    events = scenario(3, SESSIONS)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    settle_with_engine(databases[0], events, whole)
    settle_with_engine(databases[1], events[::2], parts)
    settle_with_engine(databases[1], events[1::2], parts, partition=1)
    assert _sums(whole) == _sums(parts)
    assert of_files(whole).sessions == of_files(parts).sessions


def _sums(directory: Path) -> dict[str, float]:
    balances = of_files(directory).balances
    sums = {key: round(sum(map(float, row.values())), 3) for key, row in balances.items()}
    return {key: total for key, total in sums.items() if total}


def _report(seed: int, found: list[str]) -> str:
    shown = "\n".join(found[:20])
    return f"seed {seed}: {len(found)} differences; replay with tests.oracle.generate.scenario({seed}, ...)\n{shown}"
