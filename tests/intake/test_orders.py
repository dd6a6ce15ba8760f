"""Partner tariffs and orders to rate anew through the intake: whom they concern, and what comes of it."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from domain.calendar import instant
from ledger.database import Role, connect
from ledger.intake.catalogue import KnownCatalogue
from ledger.intake.tariff_versions import tariff_versions
from tests.support.engine import Engine
from tests.support.events import TOKEN, corrected, ended, event, operator, partner, session, started, tariff


def given(price: float, time: str, effective_from: str | None = None) -> dict[str, Any]:
    """A tariff that DE-ABC was given."""
    told = tariff(price=price, time=effective_from or time)
    data = told["data"] | {"partner": "DE-ABC"}
    return event("tariff.published", "T-1", time, data, f"given {price} {time}")


def ordered(price: float, at: str, since: str, before: str, **more: Any) -> dict[str, Any]:
    """An order about the sessions of OP-1 that started in a span of time."""
    data = {
        "order_id": f"{price} {at}",
        "operator_id": "OP-1",
        "ordered_at": at,
        "started_from": since,
        "started_before": before,
        "tariff": tariff(price=price)["data"]["tariff"],
        "reason": "as agreed",
    }
    return event("tariff.rerating_ordered", "OP-1", at, data | more)


def roaming(session_id: str, at: str, until: str) -> list[dict[str, Any]]:
    """A session that the partner pays."""
    return [started(session_id, at, token=TOKEN), ended(session_id, until)]


def marked(engine: Engine, told: dict[str, Any]) -> list[str]:
    """The sessions that a publication has judged again; it is taken back."""
    known = KnownCatalogue()
    with connect(engine.dsn, Role.WRITER) as connection, connection.cursor() as cursor:
        known.lock(cursor, to_publish=True)
        known.publish(cursor, told["type"], told["source"], told["id"], instant(told["time"]), told["data"])
        rows = cursor.execute("SELECT session_id FROM intake.session_head WHERE stale ORDER BY 1").fetchall()
        connection.rollback()
    return [session_id for (session_id,) in rows]


def outcomes(engine: Engine) -> dict[str, int]:
    """The gross of each session as last judged, in cents."""
    rows = engine.rows(
        "SELECT DISTINCT ON (originator_id) convert_from(state, 'UTF8')::json ->> 'session_id', "
        "(convert_from(state, 'UTF8')::json ->> 'gross')::int FROM event_store.stored_events "
        "WHERE topic = 'SessionAssessed' ORDER BY originator_id, originator_version DESC"
    )
    return dict(sorted(rows))


def test_an_order_has_exactly_the_sessions_judged_again_that_started_in_its_range(engine: Engine) -> None:
    sessions = [*session("S-2", "2026-03-02"), *session("S-3", "2026-03-03"), *session("S-4", "2026-03-04")]
    other = [operator("OP-2"), tariff("OP-2"), started("S-other", "2026-03-03T10:00:00Z", operator_id="OP-2")]
    engine.feed([operator(), tariff(), *sessions, *other, started("S-open", "2026-03-03T12:00:00Z")])
    order = ordered(0.25, "2026-03-09T00:00:00Z", "2026-03-03T10:00:00Z", "2026-03-04T10:00:00Z")
    assert marked(engine, order) == ["S-3", "S-open"]
    engine.feed([order])
    assert outcomes(engine) == {"S-2": 1210, "S-3": 605, "S-4": 1210, "S-open": None, "S-other": None}


def test_an_order_has_a_stream_of_its_own_and_is_on_the_book_from_its_time(engine: Engine) -> None:
    order = ordered(0.25, "2026-03-09T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z")
    engine.feed([operator(), tariff(), *session("S-1"), order])
    stream = uuid5(NAMESPACE_URL, f"wattledger:stream:rerating:OP-1:{order['data']['order_id']}")
    query = "SELECT topic FROM event_store.stored_events WHERE originator_id = %s"
    assert engine.rows(query, stream) == [("tariff.rerating_ordered",)]
    engine.advance()
    moments = engine.rows("SELECT effective_at::text FROM book.entry WHERE kind = 'J59'")
    assert moments == [("2026-03-09 00:00:00+00",)]
    assert engine.balances()["2080/P-S-1 EUR"] == -605
    documents = engine.rows(
        "SELECT topic FROM event_store.stored_events WHERE topic LIKE 'Cdr%' ORDER BY notification_id"
    )
    assert documents == [("CdrIssued",), ("CdrCredited",), ("CdrIssued",)]


def test_an_order_may_come_before_its_sessions_operator_and_tariff(engine: Engine) -> None:
    order = ordered(0.25, "2026-03-09T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z")
    engine.feed([order, *session("S-1")])
    engine.feed([tariff()])
    engine.feed([operator()])
    assert outcomes(engine) == {"S-1": 605}
    assert engine.balances()["2080/P-S-1 EUR"] == -605


def test_an_order_that_cannot_be_priced_is_refused(engine: Engine) -> None:
    order = ordered(0.25, "2026-03-09T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z")
    order["data"]["tariff"] |= {"min_price": {"excl_vat": 9}, "max_price": {"excl_vat": 5}}
    engine.feed([order])
    assert engine.tally() == (0, 0, 0, 1)


def test_a_partners_tariff_that_comes_late_rules_the_sessions_it_should_have_ruled(engine: Engine) -> None:
    before = roaming("S-before", "2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z")
    after = roaming("S-after", "2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z")
    own = [started("S-own", "2026-03-02T10:00:00Z"), ended("S-own")]
    late = given(0.25, "2026-03-02T09:30:00Z")
    engine.feed([operator(), tariff(), partner(), *before, *after, *own])
    assert marked(engine, late) == ["S-after"]
    engine.feed([late])
    assert outcomes(engine) == {"S-after": 605, "S-before": 1210, "S-own": 1210}


def test_an_operators_first_tariff_takes_over_from_a_partners_that_was_published_after_the_fact(
    engine: Engine,
) -> None:
    after_the_fact = given(0.25, "2026-03-05T00:00:00Z", effective_from="2026-03-01T00:00:00Z")
    engine.feed(
        [operator(), partner(), after_the_fact, *roaming("S-1", "2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z")]
    )
    assert outcomes(engine) == {"S-1": 605}
    assert marked(engine, tariff()) == ["S-1"]
    engine.feed([tariff()])
    assert outcomes(engine) == {"S-1": 1210}


def test_a_corrected_session_keeps_the_ordered_price(engine: Engine) -> None:
    order = ordered(0.25, "2026-03-09T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z")
    engine.feed([operator(), tariff(), started(), ended(), order])
    engine.feed([corrected("S-1", "2026-03-10T00:00:00Z", 40_000)])
    assert outcomes(engine) == {"S-1": 1210}


def test_the_partners_tariff_is_listed_as_such(engine: Engine) -> None:
    engine.feed([operator(), tariff(), given(0.25, "2026-03-02T09:30:00Z")])
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        listed = [(each.tariff_id, each.partner) for each in tariff_versions(cursor)]
    assert listed == [("T-1", None), ("T-1", "DE-ABC")]
