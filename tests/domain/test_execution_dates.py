"""The day on which a bank is asked to pay: local, and one on which banks work; and delays in such days."""

from datetime import date
from uuid import UUID

import pytest

from domain.calendar import BankCalendar
from domain.catalogue.catalogue import Catalogue
from domain.payout.desk import OperatorDesk
from domain.payout.events import PayoutCreated
from domain.payout.lines import Line
from domain.payout.payout import Payout
from domain.payout.run import fire_runs
from domain.session.release import release
from tests.domain.builders import OPERATOR, at, operator

EASTER = frozenset({date(2026, 4, 3), date(2026, 4, 6)})
KINGS_DAY = frozenset({date(2026, 4, 27)})
PRESIDENTS_DAY = frozenset({date(2026, 2, 16)})
CLOSED = {"TARGET": EASTER, "NL": EASTER | KINGS_DAY, "US": PRESIDENTS_DAY}


def calendars(name: str) -> BankCalendar | None:
    if name not in CLOSED:
        return None
    return BankCalendar(name, f"{name} of today", closed_in=lambda _year: CLOSED[name])


def paid_on(available: str, named: str | None = None, zone: str = "UTC", currency: str = "EUR") -> PayoutCreated:
    """The payout of a line that is available on a day."""
    known = Catalogue(calendars=calendars)
    data = operator({"holiday_calendar": named}, time_zone=zone)
    known.publish("operator.registered", "b", "op", at("2026-01-01T00:00:00"), data)
    day = date.fromisoformat(available)
    line = Line(UUID(int=1), currency, 1080, at("2026-01-02T10:00:00"), day)
    made = fire_runs(
        OperatorDesk(OPERATOR, None, [line]), known.operators[OPERATOR], at("2026-06-01T00:00:00"), Payout
    )
    (created,) = [each for _, some in made.decisions for each in some if isinstance(each, PayoutCreated)]
    return created


@pytest.mark.parametrize(
    ("available", "named", "zone", "currency", "expected"),
    [
        ("2026-03-03", None, "Europe/Berlin", "EUR", "2026-03-04"),  # Made at 23:00 of the 3rd in UTC.
        ("2026-03-03", None, "America/Denver", "EUR", "2026-03-04"),
        ("2026-03-03", None, "Pacific/Auckland", "EUR", "2026-03-04"),
        ("2026-03-06", None, "UTC", "EUR", "2026-03-09"),  # Made on a Saturday.
        ("2026-04-02", None, "UTC", "EUR", "2026-04-07"),  # Made on Good Friday.
        ("2026-04-26", None, "UTC", "EUR", "2026-04-27"),  # A holiday of its country only.
        ("2026-04-26", "NL", "UTC", "EUR", "2026-04-28"),
        ("2026-02-15", None, "UTC", "USD", "2026-02-17"),
        ("2026-02-15", None, "UTC", "EUR", "2026-02-16"),
        ("2026-04-02", None, "UTC", "XOF", "2026-04-03"),  # No country has the code XO.
        ("2026-03-06", None, "UTC", "XOF", "2026-03-09"),
    ],
)
def test_a_bank_is_asked_to_pay_on_a_day_on_which_it_works(
    available: str, named: str | None, zone: str, currency: str, expected: str
) -> None:
    created = paid_on(available, named, zone, currency)
    assert created.execution_date == date.fromisoformat(expected)
    assert created.time_zone == zone


@pytest.mark.parametrize(
    ("named", "currency", "kept"),
    [
        (None, "EUR", ("TARGET",)),
        ("NL", "EUR", ("NL", "TARGET")),
        ("TARGET", "EUR", ("TARGET",)),
        (None, "USD", ("US",)),
    ],
)
def test_the_calendars_and_their_versions_are_kept_with_the_payout(
    named: str | None, currency: str, kept: tuple[str, ...]
) -> None:
    created = paid_on("2026-03-03", named, currency=currency)
    assert created.calendars == kept
    assert created.calendar_versions == tuple(f"{name} of today" for name in kept)


@pytest.mark.parametrize(
    ("named", "only", "available"),
    [
        ("NL", True, "2026-04-28"),
        ("TARGET", True, "2026-04-27"),
        (None, True, "2026-04-27"),
        ("NL", False, "2026-04-25"),
    ],
)
def test_a_delay_is_counted_by_the_calendar_that_the_terms_name(
    named: str | None, only: bool, available: str
) -> None:
    known = Catalogue(calendars=calendars)
    data = operator({"holiday_calendar": named, "delay_days": 1, "business_days_only": only})
    known.publish("operator.registered", "b", "op", at("2026-01-01T00:00:00"), data)
    found = release(known, OPERATOR, at("2026-04-24T10:00:00"))  # A Friday.
    assert found is not None
    assert found.available_on == date.fromisoformat(available)
