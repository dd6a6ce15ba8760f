"""Sessions at one plug: `verify` reads them by itself, and finds what was overlooked, invented or not held."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from domain.catalogue import parties
from domain.session import plug, session
from domain.session.assessment import Assessment, assess
from tests.audit.forgery import unguarded
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import ended, event, operator, started, tariff

Event = dict[str, Any]


def visit(session_id: str, since: str, until: str, start_wh: int, stop_wh: int, **start: Any) -> list[Event]:
    return [
        started(session_id, f"2026-03-02T{since}:00Z", meter_start_wh=start_wh, **({"evse_uid": "EVSE-1"} | start)),
        ended(session_id, f"2026-03-02T{until}:00Z", stop_wh),
    ]


FIRST = visit("A", "10:00", "12:00", 0, 20_000)
OVERLAPS = visit("B", "11:00", "13:00", 20_000, 30_000)
BILLED_BEFORE = visit("C", "14:00", "15:00", 15_000, 40_000)
SOUND = visit("D", "16:00", "17:00", 40_000, 50_000)
BILL = event(
    "charging.session.reviewed",
    "B",
    "2026-03-04T09:00:00Z",
    {"session_id": "B", "at": "2026-03-04T09:00:00Z", "verdict": "BILL", "reason": "looked", "by": "ana"},
)


def failed(engine: Engine, *more: Event, holds: bool = False) -> set[str]:
    """The checks that fail after these sessions."""
    engine.feed([operator(hold_overlaps=holds), tariff(), *FIRST, *OVERLAPS, *BILLED_BEFORE, *SOUND, *more])
    return {check.name for check in verify(engine.dsn).failed}


def said(engine: Engine) -> list[str]:
    return [finding.sentence for check in verify(engine.dsn).failed for finding in check.findings]


@pytest.mark.parametrize("holds", [False, True])
@pytest.mark.parametrize("more", [(), (BILL,)], ids=["nobody looked", "reviewed"])
def test_it_agrees_with_what_is_found_and_held(engine: Engine, holds: bool, more: tuple[Event, ...]) -> None:
    assert failed(engine, *more, holds=holds) == set()


@pytest.mark.parametrize("holds", [False, True])
def test_it_finds_overlaps_that_nobody_looked_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, holds: bool
) -> None:
    monkeypatch.setattr(plug, "_wrong", lambda before, stay: None)
    assert failed(engine, holds=holds) == {"plugs"}
    assert (
        "session B: what is wrong with it beside others at its plug should be OVERLAP beside session A and is nothing"
        in said(engine)
    )
    assert any(sentence.startswith("session C") for sentence in said(engine))
    assert ("session B is rated although it overlaps and its operator holds such" in said(engine)) == holds


def test_it_finds_overlaps_that_were_excused_by_a_larger_tolerance(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plug, "TOLERANCE", timedelta(hours=1))
    assert failed(engine) == {"plugs"}


def test_it_finds_overlaps_at_a_plug_that_was_taken_for_two(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    by_case = plug.plug_id.__wrapped__
    monkeypatch.setattr(
        plug, "plug_id", lambda operator_id, evse, connector: by_case(f"{operator_id} {evse}", "", "")
    )
    assert failed(engine, *visit("E", "16:00", "17:00", 50_000, 60_000, evse_uid="evse-1")) == {"plugs"}


def test_it_finds_what_was_never_told_to_the_stream(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.session.judging.overlap_finding", lambda *_: None)
    assert failed(engine) == {"plugs"}
    assert any("should be ['OVERLAP'] and is []" in sentence for sentence in said(engine))


def test_it_finds_a_session_that_is_rated_though_its_operator_holds_such(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = assess

    def unheld(facts: Any, catalogue: Any, closed_at: Any, overlap: Any) -> Assessment:
        return real(facts, catalogue, closed_at, None)

    monkeypatch.setattr(session, "assess", unheld)
    assert failed(engine, holds=True) == {"plugs"}
    assert "session C is rated although it overlaps and its operator holds such" in said(engine)


def test_it_finds_a_session_that_is_held_though_its_operator_did_not_ask_for_that(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = parties.Operator.from_data.__func__  # type: ignore[attr-defined]

    def always_holding(cls: Any, data: Any, *calendars: Any) -> Any:
        return real(cls, {**data, "hold_overlaps": True}, *calendars)

    monkeypatch.setattr(parties.Operator, "from_data", classmethod(always_holding))
    assert failed(engine) == {"plugs"}
    assert "session B is held with OVERLAP without a cause" in said(engine)


def test_it_finds_a_session_that_stays_held_though_a_person_said_bill(engine: Engine) -> None:
    assert failed(engine, BILL, holds=True) == set()
    reheld = (
        "UPDATE event_store.stored_events SET state = convert_to((convert_from(state, 'UTF8')::jsonb || "
        """'{"state": "SUSPENSE", "reason": "OVERLAP"}')::text, 'UTF8') WHERE notification_id = ("""
        "SELECT max(notification_id) FROM event_store.stored_events WHERE topic = 'SessionAssessed' "
        "AND convert_from(state, 'UTF8')::jsonb ->> 'session_id' = 'B')"
    )
    with psycopg.connect(engine.dsn) as connection, unguarded(connection, "event_store.stored_events"):
        connection.execute(reheld)
    assert "session B is held with OVERLAP without a cause" in said(engine)


def test_a_session_that_is_still_to_be_told_is_not_judged(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a crash between a batch and its follow-up."""
    monkeypatch.setattr("engine.follow_up.FollowUp.run", lambda *_, **__: None)
    assert failed(engine) == set()
    monkeypatch.undo()
    engine.advance("2026-03-03T00:00:00Z")
    assert failed(engine) == set()
    topics = dict(engine.rows("SELECT topic, count(*) FROM event_store.stored_events GROUP BY topic"))
    assert topics["FindingOpened"] == 2
