"""The command of the charger park, as far as it needs no broker."""

from pathlib import Path

import orjson
import pytest

from wattledger.cli import main
from wattledger.park.scenarios import SCENARIOS


def test_it_lists_its_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["park", "--list", "--json"]) == 0
    assert [each["scenario"] for each in orjson.loads(capsys.readouterr().out)] == list(SCENARIOS)


def test_a_scenario_that_there_is_not_is_refused_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["park", "ordinary", "lunar"]) == 2
    said = capsys.readouterr().err
    assert "'lunar' is none of ordinary, faulty" in said
    assert "SCENARIO" in said


def test_less_than_a_quarter_of_an_hour_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["park", "--minutes", "14"]) == 2
    assert "--minutes" in capsys.readouterr().err


def test_without_a_broker_it_says_where_one_may_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATTLEDGER_KAFKA_BOOTSTRAP", raising=False)
    assert main(["park", "--data-dir", str(tmp_path / "nothing")]) == 1
    assert "--bootstrap" in capsys.readouterr().err
