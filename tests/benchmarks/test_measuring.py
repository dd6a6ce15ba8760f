"""The measurements run on a small load, and say what they found."""

import json
from pathlib import Path

import pytest

import benchmarks.__main__ as command
from benchmarks.figures import Figure
from benchmarks.limits import Limit, missed
from benchmarks.record import Measured, fill_page, write

SMALL = ["--events", "2000", "--rounds", "1"]
# Single commands are measured for as long as any load is, and have tests of their own. What starts a live system, or
# several, takes as long with few events as with many: `make bench ARGS=--quick` tries those.
OF_THEIR_OWN = ("commands", "balances", "surface", "ocpi", "notices")
LIVE = ("slow projection", "two consumers", "memory", "profiles")
QUICK = [name for name in command.MEASURES if name not in (*OF_THEIR_OWN, *LIVE)]


def figure(name: str, *values: float, unit: str = "events/s") -> Figure:
    return Figure(name, unit, values)


@pytest.mark.timeout(2_400)
def test_a_small_run_measures_each_part_and_writes_it_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # So few events say nothing about speed, so that no limit is asked for.
    monkeypatch.setattr("benchmarks.__main__.missed", lambda found: [])
    written, page = tmp_path / "bench.json", command.PAGE.read_text("utf-8")

    status = command.main([*SMALL, "--json", str(written), *(word for name in QUICK for word in ("--only", name))])

    document = json.loads(written.read_text("utf-8"))
    measures = {name: each["figures"] for name, each in document["measures"].items()}
    assert status == 0
    assert list(measures) == QUICK
    # Which is faster shows only where nothing else runs.
    assert min(measures["pipeline"][name]["median"] for name in ("bare pipeline", "end to end")) > 0
    assert measures["pipeline"]["entries"]["median"] >= 200 * 4
    assert measures["payout runs"]["payouts made"]["median"] > 0
    assert measures["latency"]["in the projection, p99"]["median"] > 0
    assert "end to end" in capsys.readouterr().out
    assert command.PAGE.read_text("utf-8") == page


@pytest.mark.timeout(2_400)
def test_growth_is_measured_on_top_of_histories_and_tells_what_a_session_takes_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.__main__.missed", lambda found: [])
    written = tmp_path / "growth.json"

    command.main([*SMALL, "--growth", "--history", "1000", "2000", "--json", str(written)])

    measures = json.loads(written.read_text("utf-8"))["measures"]
    growth, disk = measures["growth"]["figures"], measures["disk"]["figures"]
    assert growth["slowest to fastest, events end to end"]["median"] >= 1
    assert disk["event_store.stored_events"]["median"] > 1_000
    assert disk["in all, of 2,000"]["median"] > disk["event_store.stored_events"]["median"]
    assert disk["states of events by zlib with a dictionary: ratio to now"]["median"] < 1


def test_a_figure_gives_the_middle_value_and_the_outer_ones() -> None:
    found = figure("speed", 30.0, 10.0, 20.0)

    assert (found.median, found.spread) == (20.0, (10.0, 30.0))


def test_a_figure_without_a_round_is_refused() -> None:
    with pytest.raises(ValueError, match="no value"):
        figure("speed")


def test_a_median_beyond_its_limit_is_named_with_the_limit() -> None:
    limits = [Limit("parts", "*speed", floor=100), Limit("parts", "wait, p99", ceiling=1.0)]
    found = {
        "parts": [figure("low speed", 90, 200, 95), figure("speed", 50, 100, 150), figure("wait, p99", 2, unit="ms")],
        "others": [figure("speed", 1)],
    }

    assert missed(found, limits) == [
        "parts, low speed: 95 events/s is below the floor of 100",
        "parts, wait, p99: 2 ms is above the limit of 1",
    ]


def test_a_limit_is_a_floor_or_a_ceiling() -> None:
    with pytest.raises(ValueError, match="give one of them"):
        Limit("parts", "speed")


def test_measuring_a_part_again_keeps_the_others_in_the_record(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    write(record, [Measured("one", 10, 3, (figure("a", 1),)), Measured("two", 10, 3, (figure("b", 2),))])

    kept = write(record, [Measured("two", 20, 1, (figure("b", 5),))])

    assert [(each.name, each.events, each.figures[0].median) for each in kept] == [("one", 10, 1.0), ("two", 20, 5.0)]
    assert list(json.loads(record.read_text("utf-8"))["measures"]) == ["one", "two"]


def test_the_page_gets_its_tables_and_keeps_its_words(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Before.\n\n<!-- figures: posting -->\nold\n<!-- end of figures -->\n\nBetween.\n\n"
        "<!-- figures: never measured -->\nas it was\n<!-- end of figures -->\nAfter.\n",
        "utf-8",
    )

    fill_page(page, [Measured("posting", 1_000, 3, (figure("one connection", 9_000, 11_000, 12_000),))])

    text = page.read_text("utf-8")
    assert "| one connection | 11,000 | 9,000 | 12,000 | events/s | at least 10,000 |" in text
    assert "old" not in text
    assert "as it was" in text
    assert text.startswith("Before.\n")
    assert text.endswith("After.\n")


def test_the_table_of_every_measure_is_found_on_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(command.PAGE.read_text("utf-8"), "utf-8")

    fill_page(page, [Measured(name, 1_000, 3, (figure(f"new of {name}", 9_000),)) for name in command.MEASURES])

    text = page.read_text("utf-8")
    assert [name for name in command.MEASURES if f"| new of {name} |" not in text] == []


def test_a_figure_that_misses_its_target_says_so_on_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- figures: posting -->\n<!-- end of figures -->\n", "utf-8")

    fill_page(page, [Measured("posting", 1_000, 3, (figure("one connection", 9_000),))])

    assert "**missed**: at least 10,000" in page.read_text("utf-8")


def test_every_measure_has_its_table_on_the_page() -> None:
    marked = [line[len("<!-- figures: ") : -len(" -->")] for line in _lines_that_begin("<!-- figures: ")]

    assert sorted(marked) == sorted({*command.MEASURES, "growth", "disk", "balances"})
    assert len(_lines_that_begin("<!-- end of figures -->")) == len(marked)


def _lines_that_begin(words: str) -> list[str]:
    return [line for line in command.PAGE.read_text("utf-8").splitlines() if line.startswith(words)]
