"""Runs of operators in sets: who breaks one stands alone in the end, and nobody is paid twice."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from domain.calendar import instant
from domain.payout import run
from engine import run_sets
from engine.clock import Clock
from engine.errors import RunsFailed
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff

OPERATORS = [f"OP-{number:02}" for number in range(1, 12)]
UNTIL = "2026-03-03T00:05:00Z"
PAID = "SELECT operator_id FROM intake.open_payout ORDER BY operator_id"
# By the transaction that wrote each operator's row.
SETS = "SELECT count(DISTINCT xmin::text) FROM intake.run"


@pytest.fixture(autouse=True)
def _small_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_sets, "OPERATORS_PER_RUN_SET", 4)


@pytest.fixture
def many(engine: Engine) -> Engine:
    """Eleven operators with a session each."""
    for number, name in enumerate(OPERATORS, 1):
        account = {"holder": name, "iban": "NL20INGB0001234567"}
        first, *rest = session(f"S-{number}")
        of_operator = {"operator_id": name, "tariff_id": f"T-{number}"}
        engine.feed([operator(name, time_zone="UTC", bank_account=account), tariff(name, f"T-{number}")])
        engine.feed([first | {"data": first["data"] | of_operator}, *rest])
    return engine


def paid(engine: Engine) -> list[str]:
    return [operator_id for (operator_id,) in engine.rows(PAID)]


def sets(engine: Engine) -> int:
    return int(engine.rows(SETS)[0][0])


def test_the_runs_of_several_operators_are_one_transaction(many: Engine) -> None:
    done: list[int] = []
    many.clock.advance(instant(UNTIL), lambda stage, count: done.append(count) if stage == "operators" else None)
    assert done == [4, 4, 3]
    assert sets(many) == 3
    assert paid(many) == OPERATORS
    assert verify(many.dsn).passed, verify(many.dsn).failed


def test_a_set_that_breaks_is_halved_until_only_who_breaks_it_goes_without(
    many: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fire, broken = run._Runs.fire, {"OP-03", "OP-10"}

    def breaks(runs: Any, day: Any) -> bool:
        if runs.desk.operator_id in broken:
            raise ArithmeticError("a run that breaks")
        return fire(runs, day)

    with monkeypatch.context() as patched:
        patched.setattr(run._Runs, "fire", breaks)
        with pytest.raises(RunsFailed, match=r"OP-03 .*a run that breaks.*OP-10 .*a run that breaks"):
            many.advance(UNTIL)
        assert paid(many) == [each for each in OPERATORS if each not in broken]
        assert verify(many.dsn).passed, verify(many.dsn).failed
        # Who broke before is tried alone, so that the others' sets are whole.
        done: list[int] = []
        with pytest.raises(RunsFailed):
            many.clock.advance(
                instant("2026-03-04T00:05:00Z"), lambda stage, n: done.append(n) if stage == "operators" else None
            )
        assert done == [4, 4, 1, 1, 1]
    many.advance("2026-03-04T00:06:00Z")
    assert paid(many) == OPERATORS
    assert verify(many.dsn).passed, verify(many.dsn).failed


def test_a_run_that_is_interrupted_goes_on_with_the_set_that_was_not_made(many: Engine) -> None:
    def interrupt(stage: str, _count: int) -> None:
        if stage == "operators":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        many.clock.advance(instant(UNTIL), interrupt)
    assert paid(many) == OPERATORS[:4]
    many.advance(UNTIL)
    assert paid(many) == OPERATORS
    assert verify(many.dsn).passed, verify(many.dsn).failed


def test_two_clocks_that_race_pay_each_operator_once_over_three_cut_offs(many: Engine) -> None:
    clocks = [Clock(many.dsn), Clock(many.dsn)]
    with ThreadPoolExecutor(2) as threads:
        made = [threads.submit(clock.advance, instant("2026-03-05T00:05:00Z")) for clock in clocks]
        payouts = [each.result(180) for each in made]
    for clock in clocks:
        clock.close()
    assert sum(payouts) == len(OPERATORS)
    assert paid(many) == OPERATORS
    assert verify(many.dsn).passed, verify(many.dsn).failed


def test_a_set_ends_before_its_operators_have_too_many_lines(many: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ((lines,),) = many.rows(
        "SELECT count(*) FROM intake.line WHERE operator_id = 'OP-01' AND released_at IS NOT NULL"
    )
    monkeypatch.setattr(run_sets, "LINES_PER_RUN_SET", 3 * lines - 1)
    done: list[int] = []
    many.clock.advance(instant(UNTIL), lambda stage, count: done.append(count) if stage == "operators" else None)
    assert done == [2, 2, 2, 2, 2, 1]
    assert paid(many) == OPERATORS
