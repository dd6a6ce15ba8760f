"""Times as people write them become addresses that say the same for everybody."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages.format import reader_of
from api.pages.moments import canonical_address
from api.pages.view import Moment, View, field_text
from api.problems import Problem
from domain.calendar import utc_text

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
ZONES = ("UTC", "Europe/Amsterdam", "Asia/Kolkata", "America/Denver", "Pacific/Kiritimati")

SLIDER = {"known_at.last": "3", "known_at.first": "2026-03-01T00:00:00", "known_at.step": "60"}


def asked(more: dict[str, str] | None = None, zone: ZoneInfo = AMSTERDAM, **fields: str) -> dict[str, str]:
    """The query of the address that a form's query leads to."""
    query = {**fields, **(more or {})}
    found = canonical_address("/cash", query, zone)
    return dict(parse_qsl(urlsplit(found).query)) if found else query


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-25", "2026-03-25T22:59:59.999999Z"),
        ("2026-03-29", "2026-03-29T21:59:59.999999Z"),
        ("2026-03-25 14:30", "2026-03-25T13:30:00Z"),
        ("2026-03-25T14:30:05", "2026-03-25T13:30:05Z"),
        ("2026-03-25T14:30:00+01:00", "2026-03-25T13:30:00Z"),
        ("2026-03-25T14:30:00 01:00", "2026-03-25T13:30:00Z"),
        (" 2026-03-25T13:30:00Z ", "2026-03-25T13:30:00Z"),
    ],
)
def test_a_day_or_a_local_time_is_made_an_instant(text: str, moment: str) -> None:
    assert asked(effective_at=text) == {"effective_at": moment}


def test_now_and_nothing_are_left_out() -> None:
    assert asked(effective_at="now", known_at="", currency="EUR") == {"currency": "EUR"}


def test_a_day_begins_or_ends_where_its_bound_needs_it() -> None:
    found = asked({"effective_at.gte": "2026-03-25", "effective_at.lte": "2026-03-25"})
    assert found["effective_at.gte"] == "2026-03-24T23:00:00Z"
    assert found["effective_at.lte"] == "2026-03-25T22:59:59.999999Z"


def test_the_form_says_in_which_zone_its_times_are() -> None:
    assert asked({"in": "Asia/Tokyo"}, effective_at="2026-03-25 10:00") == {"effective_at": "2026-03-25T01:00:00Z"}


@pytest.mark.parametrize("axis", ["effective_at", "known_at"])
def test_a_slider_that_was_moved_wins_and_its_end_is_now(axis: str) -> None:
    form = {f"{axis}.first": "2026-03-01T00:00:00", f"{axis}.last": "32", f"{axis}.step": "86400"}
    form |= {f"{axis}.slid": "24", axis: "2026-03-25 10:00"}
    assert asked(form | {f"{axis}.slide": "24"}) == {axis: "2026-03-25T09:00:00Z"}
    assert asked(form | {f"{axis}.slide": "9"}) == {axis: "2026-03-10T22:59:59.999999Z"}
    assert asked(form | {f"{axis}.slide": "32"}) == {}


@pytest.mark.parametrize(
    "query",
    [
        {"effective_at": "yesterday"},
        {"known_at": "2026-02-30"},
        {"effective_at": "0001-01-01T00:00:00+14:00"},
        {"known_at.slide": "1", "known_at.slid": "0"},
        {"known_at.slide": "x", "known_at.slid": "0", **SLIDER},
        {"known_at.slide": "99999999999", "known_at.slid": "0", **SLIDER},
        {"known_at.slide": "1", "known_at.slid": "0", **SLIDER, "known_at.first": "9999-12-31T23:59:59"},
    ],
)
def test_what_is_no_time_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        canonical_address("/cash", query, AMSTERDAM)
    assert refused.value.status == 400


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    st.sampled_from(ZONES),
    st.sampled_from(ZONES),
)
def test_an_address_says_the_same_to_readers_in_all_zones_and_is_its_own_address(
    local: datetime, zone: str, other: str
) -> None:
    moment = utc_text(local.replace(tzinfo=UTC))
    assert canonical_address("/cash", {"effective_at": moment}, ZoneInfo(zone)) is None
    shown = field_text(local.replace(tzinfo=UTC), reader_of([], "", [zone]))
    again = asked({"in": zone}, ZoneInfo(other), effective_at=shown)["effective_at"]
    # A local hour that comes twice is the first of the two.
    assert abs(datetime.fromisoformat(again) - local.replace(tzinfo=UTC)) <= timedelta(hours=1)
    assert field_text(datetime.fromisoformat(again), reader_of([], "", [zone])) == shown


def test_a_whole_day_stands_in_its_field_as_its_date() -> None:
    reader = reader_of([], "", ["Europe/Amsterdam"])
    end, begin = (datetime.fromisoformat(asked({name: "2026-03-25"})[name]) for name in ("known_at", "from"))
    assert field_text(end, reader) == field_text(begin, reader, begins=True) == "2026-03-25"
    assert field_text(begin, reader) == "2026-03-25 00:00"


def test_who_asks_what_was_known_before_anything_was_is_told_so() -> None:
    since = datetime(2026, 3, 27, 8, tzinfo=UTC)
    for known_at, is_before in ((since - timedelta(days=1), True), (since, False), (None, False)):
        assert Moment(None, known_at, 0, known_since=since).is_before_all is is_before


def test_sliders_go_from_the_first_day_to_now() -> None:
    earliest, latest = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
    reader = reader_of([], "", ["Europe/Amsterdam"])
    (now,) = View(reader, moment=Moment(None, None, 1, 0, earliest, latest)).sliders
    assert (now.first.isoformat(), now.last, now.place) == ("2026-03-01T00:00:00", 32, 32)
    (then,) = View(reader, moment=Moment(datetime(2026, 3, 10, tzinfo=UTC), None, 1, 0, earliest, latest)).sliders
    assert then.place == 9
    assert View(reader, moment=Moment(None, None, 0)).sliders == []
    known_since = datetime.now(UTC) - timedelta(days=7)
    known_at = datetime.now(UTC) - timedelta(days=2)
    _, known = View(reader, moment=Moment(None, known_at, 1, 0, earliest, latest, known_since)).sliders
    assert (known.name, known.step.days, known.place) == ("known_at", 1, 5)


@pytest.mark.parametrize(
    ("known_for", "step"),
    [
        (timedelta(days=3), timedelta(days=1)),
        (timedelta(hours=50), timedelta(hours=1)),
        (timedelta(minutes=20), timedelta(minutes=1)),
        (timedelta(seconds=40), timedelta(seconds=1)),
    ],
)
def test_what_is_known_for_a_short_time_only_can_be_slid_over_too(known_for: timedelta, step: timedelta) -> None:
    reader = reader_of([], "", ["Europe/Amsterdam"])
    since = datetime.now(UTC) - known_for
    (slider,) = View(reader, moment=Moment(None, None, 1, known_since=since)).sliders
    assert slider.step == step
    assert slider.place == slider.last <= known_for / step + 2
    form = {"known_at.last": str(slider.last), "known_at.slide": "2"}
    form |= {
        "known_at.first": slider.first.isoformat(),
        "known_at.step": str(slider.seconds),
        "in": "Europe/Amsterdam",
    }
    there = asked(form | {"known_at.slid": str(slider.last)})["known_at"]
    (back,) = View(reader, moment=Moment(None, datetime.fromisoformat(there), 1, known_since=since)).sliders
    assert back.place == 2
    assert View(reader, moment=Moment(None, None, 1, known_since=datetime.now(UTC))).sliders == []
