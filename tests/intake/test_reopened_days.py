"""Payout days that were closed too far: told, opened again by a person, and paid on their own dates from then on."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from random import Random
from typing import Any

import psycopg
import pytest

from contracts.messages import stream_of
from domain.calendar import ONE_DAY
from domain.payout import cut_offs, run
from projections.all_findings import all_findings
from projections.documents.findings import finding_document
from projections.freshness import up_to_date
from tests.intake.test_cover import made
from tests.intake.test_far_ahead import notices
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import event, operator, session, tariff
from tests.support.waiting import wait_until

FAR = "2062-05-01T12:00:00Z"
OTHER = {"holder": "Two", "iban": "NL20INGB0001234567"}


def reopened(since: str = "2026-03-04", operator_id: str | None = "OP-1", at: str = "2026-03-05T08:00:00Z") -> Any:
    """A person's decision."""
    data = {"from": since, "at": at, "reason": "a gateway's clock was wrong", "by": "m.ortega"}
    if operator_id is not None:
        data["operator_id"] = operator_id
    return event("payouts.reopened", operator_id or "payouts", at, data, f"{operator_id}:{since}:{at}")


def network() -> list[dict[str, Any]]:
    """Two operators; a session of the first on 2 March."""
    return [operator(), tariff(), operator("OP-2", bank_account=OTHER), tariff("OP-2", "T-2"), *session()]


def of_second(session_id: str, day: str) -> list[dict[str, Any]]:
    """A session of the second operator."""
    first, *rest = session(session_id, day)
    return [first | {"data": first["data"] | {"operator_id": "OP-2", "tariff_id": "T-2"}}, *rest]


def closed(engine: Engine) -> dict[str, date]:
    return dict(engine.rows("SELECT operator_id, closed_through FROM intake.run ORDER BY operator_id"))


def listed(engine: Engine) -> list[dict[str, Any]]:
    """What is found about closed days."""
    with up_to_date(engine.dsn) as connection, connection.cursor() as cursor:
        return [finding_document(row) for row in all_findings(cursor, kind="PAYOUT_DAYS_CLOSED")]


@pytest.fixture
def shut(engine: Engine) -> Engine:
    """An engine whose operators' days are closed for 36 years."""
    engine.feed(network())
    engine.advance(FAR)
    return engine


def test_days_that_are_closed_far_ahead_are_told_and_listed(shut: Engine) -> None:
    assert closed(shut) == {"OP-1": date(2062, 4, 30), "OP-2": date(2062, 4, 30)}
    told = notices(shut, "PAYOUT_DAYS_CLOSED")
    assert [each["subject"] for each in told] == ["OP-1", "OP-2"]
    assert "closed through 2062-04-30" in told[0]["sentence"]
    assert "payouts reopen" in told[0]["sentence"]
    assert [(each["subject"], each["sentence"]) for each in listed(shut)] == [
        (name, f"the payout days of operator {name} are closed through 2062-04-30: nothing is paid before")
        for name in ("OP-1", "OP-2")
    ]
    assert verify(shut.dsn).passed


def test_days_that_are_over_are_closed_and_nobody_is_told(engine: Engine) -> None:
    engine.feed(network())
    engine.advance("2026-03-10T12:00:00Z")
    assert closed(engine) == {"OP-1": date(2026, 3, 9), "OP-2": date(2026, 3, 9)}
    assert (notices(engine, "PAYOUT_DAYS_CLOSED"), listed(engine)) == ([], [])


def test_after_a_reopening_sessions_are_paid_on_their_own_dates(shut: Engine) -> None:
    assert made(shut) == [("OP-1", "02", "02T23:00")]
    shut.feed([reopened(operator_id=None), *session("S-2", "2026-03-05"), *of_second("S-3", "2026-03-07")])
    assert closed(shut) == {"OP-1": date(2026, 3, 3), "OP-2": date(2026, 3, 3)}
    assert listed(shut) == []
    (told,) = notices(shut, "PAYOUT_DAYS_REOPENED")
    assert told["sentence"] == (
        "the payout days of all operators from 2026-03-04 on are open again, as m.ortega has decided: "
        "a gateway's clock was wrong"
    )
    shut.advance("2026-03-06T12:00:00Z")
    shut.advance("2026-03-09T12:00:00Z")
    assert made(shut) == [("OP-1", "02", "02T23:00"), ("OP-1", "05", "05T23:00"), ("OP-2", "07", "07T23:00")]
    assert closed(shut) == {"OP-1": date(2026, 3, 8), "OP-2": date(2026, 3, 8)}
    assert verify(shut.dsn).passed


def test_without_a_reopening_they_wait_for_36_years(shut: Engine) -> None:
    shut.feed(session("S-2", "2026-03-05"))
    shut.advance("2026-03-09T12:00:00Z")
    assert made(shut) == [("OP-1", "02", "02T23:00")]


def test_a_reopening_of_one_operator_leaves_the_others_closed(shut: Engine) -> None:
    shut.feed([reopened()])
    assert closed(shut) == {"OP-1": date(2026, 3, 3), "OP-2": date(2062, 4, 30)}
    assert [each["subject"] for each in listed(shut)] == ["OP-2"]


def test_a_date_that_was_paid_has_no_second_payout_and_what_it_lacks_goes_into_the_next_run(shut: Engine) -> None:
    """The run of 2 March was made and handed off; that it is open again makes nothing undone."""
    shut.feed([reopened("2026-03-01"), *session("S-2"), *session("S-3", "2026-03-03")])
    shut.advance("2026-03-03T12:00:00Z")
    assert made(shut) == [("OP-1", "02", "02T23:00")]
    shut.advance("2026-03-05T12:00:00Z")
    assert made(shut) == [("OP-1", "02", "02T23:00"), ("OP-1", "03", "03T23:00")]
    assert shut.balances()["2050/" + _payout(shut, "03") + " EUR"] == -2 * 1089
    assert verify(shut.dsn).passed


def _payout(engine: Engine, day: str) -> str:
    states = engine.rows("SELECT state FROM event_store.stored_events WHERE topic = 'PayoutCreated'")
    payouts: list[dict[str, str]] = [json.loads(bytes(state)) for (state,) in states]
    return next(each["payout_id"] for each in payouts if each["business_date"].endswith(day))


def test_what_was_handed_off_for_a_date_to_come_stays_and_no_line_is_paid_twice(engine: Engine) -> None:
    """A share that is due ten days later was paid at once, since the clock ran through that day too."""
    engine.feed([operator(payout_delay_days=10), tariff(), *session()])
    engine.advance(FAR)
    assert made(engine) == [("OP-1", "12", "12T23:00")]
    engine.feed([reopened(), *session("S-2")])
    engine.advance("2026-03-13T12:00:00Z")
    assert made(engine) == [("OP-1", "12", "12T23:00")]
    engine.advance("2026-03-14T12:00:00Z")
    assert made(engine) == [("OP-1", "12", "12T23:00"), ("OP-1", "13", "13T23:00")]
    assert verify(engine.dsn).passed


def test_what_is_open_already_stays_open_and_later_days_stay_closed_no_more(engine: Engine) -> None:
    engine.feed(network())
    engine.advance("2026-03-04T12:00:00Z")
    engine.feed([reopened("2026-03-20"), reopened("2026-03-20", operator_id="OP-9")])
    assert closed(engine) == {"OP-1": date(2026, 3, 3), "OP-2": date(2026, 3, 3)}
    assert verify(engine.dsn).passed


@pytest.mark.parametrize(("seed", "batch"), [(1, 1), (2, 1), (3, 4), (4, 500)])
def test_in_any_order_of_arrival_the_same_is_paid(shut: Engine, seed: int, batch: int) -> None:
    """Two decisions, new sessions and a second telling, shuffled: the earlier `from` rules."""
    news = [
        reopened("2026-03-06"),
        reopened("2026-03-04"),
        *session("S-2", "2026-03-04"),
        *session("S-3", "2026-03-06"),
    ]
    shuffled = [*news, news[0]]
    Random(seed).shuffle(shuffled)
    shut.feed(shuffled, batch)
    shut.advance("2026-03-08T12:00:00Z")
    assert made(shut) == [("OP-1", "02", "02T23:00"), ("OP-1", "04", "04T23:00"), ("OP-1", "06", "06T23:00")]
    assert closed(shut)["OP-1"] == date(2026, 3, 7)
    assert verify(shut.dsn).passed


def test_the_messages_alone_in_a_store_that_was_never_closed_pay_on_the_proper_dates(engine: Engine) -> None:
    engine.feed([*network(), reopened(operator_id=None), *session("S-2", "2026-03-05")])
    engine.advance("2026-03-08T12:00:00Z")
    assert made(engine) == [("OP-1", "02", "02T23:00"), ("OP-1", "05", "05T23:00")]


def test_runs_of_days_that_were_opened_again_are_not_said_to_be_late(shut: Engine) -> None:
    """Nobody could fire them before; that the clock stands still afterwards is told."""
    shut.feed([reopened(operator_id=None), *session("S-2", "2026-03-05")])
    shut.advance("2026-03-20T12:00:00Z")
    assert made(shut) == [("OP-1", "02", "02T23:00"), ("OP-1", "05", "05T23:00")]
    assert notices(shut, "RUNS_LATE") == []
    shut.advance("2026-03-23T12:00:00Z")
    (late,) = notices(shut, "RUNS_LATE")
    assert (
        "6 runs of 2 operators did not fire at their time, the first for OP-1 and business date 2026-03-20"
        in (late["sentence"])
    )


def test_who_waits_for_a_run_to_open_its_days_holds_nothing_that_the_run_will_want(shut: Engine) -> None:
    """A run has its operator's days first, and then writes to the operator's stream."""
    with psycopg.connect(shut.dsn) as run_in_hand, ThreadPoolExecutor(1) as others:
        run_in_hand.execute("SELECT FROM intake.run WHERE operator_id = 'OP-1' FOR UPDATE")
        intake = others.submit(shut.feed, [reopened()])
        waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        wait_until(lambda: shut.rows(waiting) != [])
        heads = "SELECT FROM intake.stream_head WHERE stream_id = %s FOR UPDATE NOWAIT"
        run_in_hand.execute(heads, (stream_of("operator.changed", {"operator_id": "OP-1"}),))
        run_in_hand.rollback()
        intake.result(180)
    assert closed(shut)["OP-1"] == date(2026, 3, 3)


def test_days_may_be_closed_and_opened_more_than_once(shut: Engine) -> None:
    shut.feed([reopened()])
    shut.advance(FAR)
    assert closed(shut)["OP-1"] == date(2062, 4, 30)
    assert len(notices(shut, "PAYOUT_DAYS_CLOSED")) == 3
    assert verify(shut.dsn).passed
    shut.feed([reopened(at="2026-03-06T08:00:00Z")])
    assert closed(shut)["OP-1"] == date(2026, 3, 3)


# What the check of runs sees -------------------------------------------------------------------------------------


def found(engine: Engine) -> list[str]:
    """What the check of runs finds; no other fails."""
    report = verify(engine.dsn)
    assert {check.name for check in report.failed} <= {"runs"}
    return [finding.sentence for check in report.checks if check.name == "runs" for finding in check.findings]


def _set(engine: Engine, closed_through: str) -> None:
    engine.rows("UPDATE intake.run SET closed_through = %s WHERE operator_id = 'OP-1' RETURNING 1", closed_through)


PLANTED: Sequence[tuple[str, str]] = (
    ("2026-03-01", "operator OP-1 was paid for 2026-03-02, and its payout days are closed through 2026-03-01"),
    ("2062-05-01", "operator OP-1 has its payout days closed through 2062-05-01, and no run is told to have closed"),
)


@pytest.mark.parametrize(("closed_through", "sentence"), PLANTED)
def test_it_is_seen_when_days_are_opened_or_closed_and_nobody_did(
    shut: Engine, closed_through: str, sentence: str
) -> None:
    _set(shut, closed_through)
    (seen,) = found(shut)
    assert seen.startswith(sentence)


def test_it_is_seen_when_reopened_days_stay_closed(shut: Engine) -> None:
    shut.feed([reopened()])
    _set(shut, "2062-04-30")
    (seen,) = found(shut)
    assert "closed through 2062-04-30" in seen


def test_it_is_seen_when_a_run_is_made_for_a_date_that_was_closed(shut: Engine) -> None:
    """As if nobody had decided to open the days again."""
    shut.feed([reopened(), *session("S-2", "2026-03-05"), *session("S-3", "2026-03-04")])
    shut.advance("2026-03-07T12:00:00Z")
    assert found(shut) == []
    _set(shut, "2026-03-01")
    shut.feed(session("S-4", "2026-03-03"))
    shut.advance("2026-03-07T12:00:00Z")
    (seen,) = found(shut)
    assert seen.startswith("operator OP-1, 2026-03-03: a run paid although 2026-03-05 had been paid before")


def test_it_is_seen_when_a_run_fires_before_its_date_is_over(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    fires_at = cut_offs.fires_at
    for room in (cut_offs, run):
        monkeypatch.setattr(room, "fires_at", lambda versions, day: fires_at(versions, day - ONE_DAY))
    engine.feed(network())
    engine.advance("2026-03-05T12:00:00Z")
    assert any("before the date was over" in sentence for sentence in found(engine))
