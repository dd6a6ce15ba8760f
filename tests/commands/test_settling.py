"""Files that are settled from outside: what is refused, until when, and how soon a stopped store answers."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.running import Home, Inside
from tests.support.events import captured, ended, operator, started, tariff
from tests.support.processor import processor_seconds
from wattledger.embedded import services

GOOD = [operator(), tariff(), started(), ended(), captured()]
# What a command may take of a processor, itself and the processes it starts.
BALANCES_S, HELP_S = 2.0, 0.6


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A store on which a file was settled to the end of 2 March, in UTC."""
    home = Inside(tmp_path_factory.mktemp("settling")).made_ahead()
    (home.folder / "good.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in GOOD))
    summary = home.settle(home.folder / "out", home.folder / "good.jsonl", options=["--until", "2026-03-02"])
    # The run of that day fires at midnight in Amsterdam, an hour before.
    assert (summary["accepted"], summary["payouts"]) == (len(GOOD), 1)
    return home


def test_a_file_of_which_nothing_is_accepted_ends_with_1_and_says_how_to_see_why(home: Home) -> None:
    out, bad, empty = home.folder / "out", home.folder / "bad.jsonl", home.folder / "empty.jsonl"
    bad.write_text('not json\n{"specversion": "1.0"}\n')
    with services(home.settings, home.data_dir):
        said = home.run("settle", bad, "--out", out, status=1).decode()
        assert said.splitlines()[-1] == (
            f"wattledger: none of the 2 events of {bad} was accepted; wattledger deadletter list tells why"
        )
        assert json.loads((out / "summary.json").read_text())["dead_lettered"] == 2
        assert {each["code"] for each in home.json("deadletter", "list")} == {"NOT_JSON", "MISSING_FIELD"}
        # What was settled before is no refusal, and neither is a file without events.
        empty.touch()
        assert home.settle(out, home.folder / "good.jsonl")["duplicates"] == len(GOOD)
        assert home.settle(out, empty)["events_in"] == 0


def test_a_stopped_store_and_the_help_answer_soon(home: Home) -> None:
    apart = Home(home.folder)
    # Processors that others use too do less in a second: what is as quick once is as quick.
    assert any(processor_seconds(lambda: apart.run("balances")) < BALANCES_S for _ in range(3))
    assert any(processor_seconds(lambda: apart.run("--help")) < HELP_S for _ in range(3))


def test_the_bank_file_of_a_payout_is_named_where_it_stands_in_one(home: Home, tmp_path: Path) -> None:
    home.run("export", tmp_path, "--bank-files", "all")
    (payout,) = home.json("payouts", "list")
    shown = home.json("payouts", "show", payout["payout_id"])
    assert (tmp_path / "batches" / shown["bank_file"]).exists()
