"""Texts of OCPI objects: moments in UTC, cut to what 25 characters hold."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from domain.cdr.text import datetime_text

OFFSETS = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1900, 1, 2), datetime(2999, 12, 30), timezones=OFFSETS))  # noqa: DTZ001
def test_a_moment_is_written_in_utc_and_cut_to_four_decimals(moment: datetime) -> None:
    text = datetime_text(moment)
    read = datetime.fromisoformat(text)
    assert text.endswith("Z")
    assert len(text) <= 25
    assert timedelta() <= moment - read < timedelta(microseconds=100)
    assert "." not in text or not text.endswith("0Z")
    assert read.tzinfo is UTC
