"""`--from` and `--to` mean the same in every command: days are whole ones, a time begins or ends the span itself."""

from datetime import UTC, date, datetime

import pytest
import typer

from wattledger.cli import main
from wattledger.commands.options import day_or_moment, moment, utc_span

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def test_days_are_whole_at_both_ends() -> None:
    first, before = utc_span("2026-03-05", "2026-03-05")
    assert (first, before) == (datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 6, tzinfo=UTC))


def test_a_time_counts_from_then_on_and_up_to_before_it() -> None:
    assert utc_span("2026-03-05T13:00:00+01:00", None) == (NOON, None)
    assert utc_span(None, "2026-03-05T13:00:00+01:00") == (None, NOON)


@pytest.mark.parametrize(
    ("since", "until"), [("2026-03-06", "2026-03-05"), ("2026-03-05T12:00:00Z", "2026-03-05T13:00:00+01:00")]
)
def test_a_span_in_which_nothing_can_be_is_a_misuse(since: str, until: str) -> None:
    with pytest.raises(typer.BadParameter, match="later end"):
        utc_span(since, until)


@pytest.mark.parametrize(
    "text", ["0001-01-01", "9999-12-31", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"]
)
def test_the_ends_of_the_calendar_are_no_days(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="not a day"):
        day_or_moment(text, "--to")
    with pytest.raises(typer.BadParameter, match="not a time"):
        moment(text, "--to")


def test_a_day_or_a_time_is_read_as_such() -> None:
    assert day_or_moment("2026-03-05", "--to") == date(2026, 3, 5)
    assert day_or_moment("2026-03-05T13:00:00+01:00", "--to") == NOON


@pytest.mark.parametrize("command", ["rerate", "cdrs", "leakage"])
def test_the_help_says_what_a_day_and_what_a_time_means(
    command: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main([command, "--help"]) == 0
    said = capfd.readouterr().out
    assert "or from this time on" in said
    assert "or before this time" in said


def test_leakage_takes_days_and_refuses_what_is_none(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["leakage", "--from", "2026-03-06", "--to", "2026-03-05"]) == 2
    assert "nothing is from 2026-03-06 to 2026-03-05" in capfd.readouterr().err
