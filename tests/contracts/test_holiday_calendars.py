"""Calendars of bank holidays: by name, corrected by a file, with the version of whose days they are."""

from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest

from contracts.holiday_calendars import holiday_calendar, use_overrides

LIBRARY = f"holidays {version('holidays')}"


@pytest.fixture(autouse=True)
def _no_file_of_others() -> Iterator[None]:
    use_overrides(None)
    yield
    use_overrides(None)


@pytest.mark.parametrize(
    ("name", "closed", "open_"),
    [
        ("TARGET", "2026-04-03", "2026-10-03"),
        ("DE", "2025-10-03", "2026-01-06"),
        ("DE-BY", "2026-01-06", "2026-10-31"),
        ("NL", "2026-04-27", "2026-05-01"),
        ("US", "2026-07-03", "2026-12-26"),
        ("GB", "2026-05-25", "2026-05-01"),
        ("GB", "2026-04-06", "2026-08-03"),  # Easter Monday is none in Scotland.
        ("GB", "2026-08-31", "2026-07-13"),
        ("GB-SCT", "2026-08-03", "2026-08-31"),
        ("CH", "2026-04-03", "2026-09-17"),
        ("AU", "2026-06-08", "2026-06-01"),
        ("CA", "2026-05-18", "2026-06-24"),
        ("IN", "2026-01-26", "2026-02-02"),
        ("AT", "2026-12-24", "2026-11-02"),  # A bank holiday and no public one.
    ],
)
def test_a_calendar_knows_its_holidays(name: str, closed: str, open_: str) -> None:
    calendar = holiday_calendar(name)
    assert calendar is not None
    assert date.fromisoformat(closed) in calendar.closed_in(int(closed[:4]))
    assert date.fromisoformat(open_) not in calendar.closed_in(int(open_[:4]))
    assert calendar.version == LIBRARY
    assert calendar.weekend == {5, 6}


@pytest.mark.parametrize("name", ["", "target", "EU", "QQ", "DEU", "DE-XX", "Germany", "XECB", "NL-", "-"])
def test_what_names_no_place_is_no_calendar(name: str) -> None:
    assert holiday_calendar(name) is None


def test_a_file_closes_opens_and_adds(tmp_path: Path) -> None:
    path = tmp_path / "holidays.json"
    path.write_text(
        """{"TARGET": {"closed": ["2026-12-24"], "open": ["2026-05-01"]},
            "OUR-BANK": {"like": "DE-HE", "closed": ["2026-07-01"]}, "PLAIN": {"closed": ["2026-03-03"]}}"""
    )
    use_overrides(path)
    target, ours, plain = (holiday_calendar(name) for name in ("TARGET", "OUR-BANK", "PLAIN"))
    assert target
    assert ours
    assert plain
    assert date(2026, 12, 24) in target.closed_in(2026)
    assert date(2026, 5, 1) not in target.closed_in(2026)
    assert date(2026, 4, 3) in target.closed_in(2026)
    assert date(2027, 5, 1) in target.closed_in(2027)
    assert {date(2026, 7, 1), date(2026, 6, 4)} <= ours.closed_in(2026)
    assert plain.closed_in(2026) == {date(2026, 3, 3)}
    assert target.version.startswith(f"{LIBRARY}, file ")
    assert plain.version.startswith("own, file ")
    assert holiday_calendar("NL") is not None
    use_overrides(None)
    assert holiday_calendar("OUR-BANK") is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[", "no JSON object"),
        ("[1]", "no JSON object"),
        ('{"TARGET": {"closed": ["2026-02-30"]}}', "closed"),
        ('{"TARGET": {"shut": ["2026-02-03"]}}', "shut"),
        ('{"OURS": {"like": "QQ"}}', "like QQ"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_what_is_wrong(
    tmp_path: Path, content: str, sentence: str
) -> None:
    path = tmp_path / "holidays.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=sentence):
        use_overrides(path)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"nowhere\.json, which cannot be read"):
        use_overrides(Path("nowhere.json"))
