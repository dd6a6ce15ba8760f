"""Every price that a session was ever charged stays explained, and says whether it still holds."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow
from rich.console import Console

from ledger.database import Role, connect
from projections.documents.session import ratings_of
from projections.runner import catch_up
from projections.story import session_story
from tests.support.engine import Engine
from tests.support.events import corrected, ended, metered, operator, started, tariff
from wattledger.views.prices import price_parts

UNTIL = "2026-03-10T00:00:00Z"


@pytest.fixture
def cursor(engine: Engine) -> Iterator[Cursor[TupleRow]]:
    """A cursor that may read everything."""
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as made:
        yield made


def told(engine: Engine, cursor: Cursor[TupleRow]) -> list[tuple[str, int, str]]:
    """Day, gross in cents and standing of each price of S-1."""
    catch_up(engine.dsn)
    story = session_story(cursor, "S-1")
    assert story is not None
    return [(each["at"][8:10], each["gross"], each["standing"]) for each in ratings_of(story)]


def cdrs_in_cents(engine: Engine) -> list[int]:
    found = engine.rows(
        "SELECT convert_from(state, 'UTF8')::json -> 'document' -> 'total_cost' ->> 'incl_vat' "
        "FROM event_store.stored_events WHERE topic = 'CdrIssued' ORDER BY notification_id"
    )
    return [round(float(gross) * 100) for (gross,) in found]


def late(price: float) -> dict[str, Any]:
    """A tariff that was in effect all the time and that nobody had sent."""
    return tariff(price=price, time="2026-03-02T09:00:00Z")


def test_a_price_that_a_late_tariff_replaced_is_still_told(engine: Engine, cursor: Cursor[TupleRow]) -> None:
    engine.feed([operator(), tariff(), started(), ended()])
    engine.advance(UNTIL)
    engine.feed([late(0.4)])
    engine.advance(UNTIL)
    assert cdrs_in_cents(engine) == [1_210, 968]
    assert told(engine, cursor) == [("02", 1_210, "REPLACED"), ("02", 968, "HOLDS")]


def test_a_price_that_was_corrected_is_replaced_and_told_once(engine: Engine, cursor: Cursor[TupleRow]) -> None:
    engine.feed([operator(), tariff(), started(), ended()])
    assert told(engine, cursor) == [("02", 1_210, "HOLDS")]
    engine.feed([corrected("S-1", "2026-03-05T08:00:00Z", 18_000)])
    engine.feed([corrected("S-1", "2026-03-04T08:00:00Z", 10_000)])
    assert told(engine, cursor) == [
        ("02", 1_210, "REPLACED"),
        ("05", 1_089, "HOLDS"),
        ("04", 605, "REPLACED"),
    ]


def test_an_estimate_stays_told_when_the_real_end_comes(engine: Engine, cursor: Cursor[TupleRow]) -> None:
    silent = [started(), metered("S-1", "2026-03-02T10:30:00Z", 5_000)]
    engine.feed([operator(orphan_hours=24), tariff(), *silent])
    engine.advance(UNTIL)
    engine.feed([ended()])
    assert told(engine, cursor) == [("02", 303, "REPLACED"), ("02", 1_210, "HOLDS")]


def test_a_price_that_no_longer_is_charged_is_withdrawn(engine: Engine, cursor: Cursor[TupleRow]) -> None:
    falls = metered("S-1", "2026-03-02T10:30:00Z", 30_000)
    engine.feed([operator(), tariff(), started(), ended()])
    engine.advance(UNTIL)
    engine.feed([falls])
    assert told(engine, cursor) == [("02", 1_210, "WITHDRAWN")]


def test_a_price_whose_cdr_went_out_after_it_was_withdrawn_is_told(engine: Engine, cursor: Cursor[TupleRow]) -> None:
    engine.feed([operator(), tariff(), started(meter_start_wh=5_000), ended(), _below_start()])
    engine.advance(UNTIL)
    assert cdrs_in_cents(engine) == [908]
    assert told(engine, cursor) == [("02", 908, "WITHDRAWN")]


def _below_start() -> dict[str, Any]:
    """A correction that cannot be: the register ends below the one at the start."""
    return corrected("S-1", "2026-03-05T08:00:00Z", 1_000)


def test_people_see_which_price_holds(engine: Engine, cursor: Cursor[TupleRow]) -> None:
    engine.feed([operator(), tariff(), started(), ended()])
    engine.feed([corrected("S-1", "2026-03-05T08:00:00Z", 18_000)])
    catch_up(engine.dsn)
    story = session_story(cursor, "S-1")
    assert story is not None
    console = Console(width=200)
    with console.capture() as shown:
        for each in price_parts(ratings_of(story)):
            console.print(each)
    titles = [line.split(" as of ")[0] for line in shown.get().splitlines() if " as of " in line]
    assert titles == ["Replaced price", "Price"]
