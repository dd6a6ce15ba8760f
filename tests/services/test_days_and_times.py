"""`--from` and `--to` mean the same in every command: days are whole ones, a time begins or ends the span itself."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
import typer

from wattledger.cli import main
from wattledger.commands.options import day_or_moment, end_of_day, last_moment, moment, utc_span

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


@pytest.mark.parametrize(
    ("day", "zone", "last"),
    [
        (date(2026, 3, 25), "UTC", "2026-03-25T23:59:59.999999Z"),
        (date(2026, 3, 25), "America/New_York", "2026-03-26T03:59:59.999999Z"),
        # The day on which clocks go forward has 23 hours.
        (date(2026, 3, 28), "Europe/Amsterdam", "2026-03-28T22:59:59.999999Z"),
        (date(2026, 3, 29), "Europe/Amsterdam", "2026-03-29T21:59:59.999999Z"),
        # In Cairo they do at midnight: the next day begins at one.
        (date(2024, 4, 25), "Africa/Cairo", "2024-04-25T21:59:59.999999Z"),
    ],
)
def test_a_day_ends_a_microsecond_before_the_next_one_begins(day: date, zone: str, last: str) -> None:
    assert end_of_day(day, ZoneInfo(zone)) == datetime.fromisoformat(last)


def test_until_takes_a_time_or_the_end_of_a_day_in_utc() -> None:
    assert last_moment(None) is None
    assert last_moment("2026-03-05") == datetime(2026, 3, 5, 23, 59, 59, 999_999, tzinfo=UTC)
    assert last_moment("2026-03-05T13:00:00+01:00") == NOON
    with pytest.raises(typer.BadParameter, match="nor a time with an offset"):
        last_moment("2026-03-05T13:00:00")


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
