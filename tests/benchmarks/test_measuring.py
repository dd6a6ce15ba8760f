"""The measurements run on a small load, and say what they found."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import MEASURES, main
from benchmarks.figures import Figure


def test_a_small_run_measures_everything_and_writes_it_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # So few events say nothing about speed, so that no floor is asked for.
    monkeypatch.setattr("benchmarks.__main__.FLOORS", {})
    written = tmp_path / "bench.json"

    status = main(["--events", "6000", "--rounds", "1", "--json", str(written)])

    document = json.loads(written.read_text("utf-8"))
    assert status == 0
    assert list(document["measures"]) == list(MEASURES)
    pipeline = document["measures"]["pipeline"]
    assert pipeline["end to end"]["median"] > 0
    assert pipeline["bare pipeline"]["median"] > pipeline["end to end"]["median"]
    assert pipeline["entries"]["median"] >= 600 * 4
    assert document["measures"]["memory"]["peak"]["median"] > 0
    assert "end to end" in capsys.readouterr().out


def test_a_figure_gives_the_middle_value_and_the_outer_ones() -> None:
    figure = Figure("speed", "events/s", (30.0, 10.0, 20.0))

    assert (figure.median, figure.spread) == (20.0, (10.0, 30.0))


def test_a_figure_without_a_round_is_refused() -> None:
    with pytest.raises(ValueError, match="no value"):
        Figure("speed", "events/s", ())
