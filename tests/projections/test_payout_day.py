"""A business date without a payout: what held back what, to the cent, and as the run itself would tell it."""

import json
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from domain.calendar import instant
from domain.payout.left_out import LeftOutFor
from domain.payout.lines import Line
from engine.preview import PreviewedRun, preview_runs
from engine.working_set import WorkingSet
from ledger.database import Role, connect
from projections.documents.payout_day import day_document
from projections.payout_day import DayState, day_of_operator
from projections.payout_excluded import LeftOut, Reason, excluded, excluded_lines
from projections.payout_explained import explained_payout
from projections.runner import catch_up
from tests.intake.test_holds_and_stops import switch
from tests.intake.test_run_terms import days
from tests.support.engine import Engine
from tests.support.events import ended, operator, session, started, tariff
from tests.support.explained_days import told_days
from tests.support.histories import disordered, history
from tests.support.matters import approved, proposed
from wattledger.cli import main

# No bank can know it: its check digits are wrong.
BAD = {"holder": "Grachtenlader BV", "iban": "NL21INGB0001234567"}
HELD = switch("operator.payouts_held", "02 12:00", "OP-1")
RELEASED = switch("operator.payouts_released", "04 12:00", "OP-1")


def test_every_day_of_the_network_adds_up_to_what_was_owed(network_url: str) -> None:
    found, wrong = told_days(network_url)
    assert not wrong, "\n".join(wrong[:10])
    reasons = Counter(sum_.reason for day in found for each in day.nothing_paid for sum_ in each.excluded)
    assert {"BELOW_MINIMUM", "NOT_RELEASED", "AVAILABLE_LATER"} <= reasons.keys()
    assert {day.state for day in found} == {DayState.MADE, DayState.NOTHING_PAID}


@pytest.mark.parametrize(("seed", "run_terms"), [(3, True), (14, True), (22, False), (40, True)])
def test_a_day_without_payout_tells_what_the_run_itself_left_out(engine: Engine, seed: int, run_terms: bool) -> None:
    random = Random(seed)
    events = history(random, 25, run_terms=run_terms)
    third = instant(events[len(events) // 3]["time"])
    end = third + timedelta(days=8)
    engine.feed(disordered(random, [each for each in events if instant(each["time"]) <= third]))
    engine.advance(third)
    engine.feed(disordered(random, [each for each in events if instant(each["time"]) > third]))
    engine.clock.advance_sessions(end)
    working_set = WorkingSet.of(engine.dsn)
    try:
        runs = list(preview_runs(working_set, third, end.date()))
    finally:
        working_set.close()
    for moment in sorted({run.fires_at for run in runs}):
        engine.advance(moment)
    _, wrong = told_days(engine.dsn)
    assert not wrong, "\n".join(wrong[:10])
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        for run in runs:
            told = day_of_operator(cursor, run.operator_id, run.business_date)
            assert told is not None
            assert told.fires_at == run.fires_at
            for each in told.nothing_paid:
                wanted = left_out(run, each.currency)
                found = sorted((sum_.reason.value, str(sum_.available_on), sum_.amount) for sum_ in each.excluded)
                assert found == wanted, (run.operator_id, run.business_date, each)


def left_out(run: PreviewedRun, currency: str) -> list[tuple[str, str, int]]:
    return sorted(
        (each.reason.value, str(each.available_on), each.amount)
        for each in run.left_out
        if each.currency == currency and each.reason is not LeftOutFor.WITHHELD
    )


def day_of(engine: Engine, day: str, operator_id: str = "OP-1", now: datetime | None = None) -> dict[str, Any]:
    catch_up(engine.dsn)
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        found = day_of_operator(cursor, operator_id, date.fromisoformat(day), now=now)
    assert found is not None
    return day_document(found)


def test_what_is_below_the_minimum_and_not_released_is_told_with_the_payout_after_it(engine: Engine) -> None:
    unfinished = [started("S-9", "2026-03-03T08:00:00Z"), ended("S-9", "2026-03-03T08:30:00Z")]
    engine.feed([*days(payout_minimum="30.00"), *unfinished])
    engine.advance("2026-03-06T12:00:00Z")
    told = day_of(engine, "2026-03-03")
    (euros,) = told["nothing_paid"]
    assert (told["state"], euros["payable_before"], euros["excluded_sum"]) == ("NOTHING_PAID", "27.22", "27.22")
    first, owed, *reasons = told["sentences"]
    assert first == "Tuesday 2026-03-03 of OP-1: its run fired at 2026-03-03T23:00:00Z and paid nothing"
    assert owed == (
        "27.22 EUR were owed, and nothing of it was paid; the next payout is "
        f"{euros['next_payout_id']}, of Wednesday 2026-03-04"
    )
    assert reasons == [
        "16.33 EUR: due, but 16.33 EUR would have been left after reserve and taxes; the minimum was 30.00 EUR",
        "10.89 EUR: not captured or not settled by then, as far as was known",
    ]
    paid = day_of(engine, "2026-03-04")
    assert (paid["state"], paid["nothing_paid"]) == ("MADE", [])
    assert [each["payout_id"] for each in paid["payouts"]] == [euros["next_payout_id"]]


@pytest.mark.parametrize(
    ("terms", "more", "reason", "words"),
    [
        (
            {"retain": "50.00"},
            [],
            "RETAINED",
            "16.33 EUR would have been left after reserve and taxes; the terms ret",
        ),
        ({"bank_account": BAD}, [], "BAD_ACCOUNT", "due, but no bank could know the account that was in effect"),
        ({}, [HELD, RELEASED], "HELD", "held by somebody from 2026-03-02T12:00:00Z on: captures come in twice"),
        ({"payout_delay_days": 3}, [], "AVAILABLE_LATER", "released, and available from Thursday 2026-03-05"),
    ],
)
def test_what_held_the_money_back_is_named(
    engine: Engine, terms: dict[str, Any], more: list[dict[str, Any]], reason: str, words: str
) -> None:
    engine.feed([*days(**terms), *more])
    engine.advance("2026-03-05T12:00:00Z")
    (euros,) = day_of(engine, "2026-03-03")["nothing_paid"]
    assert reason in {each["reason"] for each in euros["excluded"]}
    assert sum(Decimal(each["amount"]) for each in euros["excluded"]) == Decimal(euros["payable_before"])
    assert any(words in each["sentence"] for each in euros["excluded"]), euros


def test_another_account_is_judged_by_what_was_in_effect_when_the_run_fired(engine: Engine) -> None:
    mended = operator(changed=True, time="2026-03-03T08:00:00Z")
    engine.feed([*days(bank_account=BAD), mended])
    engine.advance("2026-03-05T12:00:00Z")
    (euros,) = day_of(engine, "2026-03-02")["nothing_paid"]
    assert [each["reason"] for each in euros["excluded"]] == ["BAD_ACCOUNT"]
    assert day_of(engine, "2026-03-03")["state"] == "MADE"


def test_drivers_who_did_not_pay_are_told_where_terms_limit_what_is_paid_ahead(engine: Engine) -> None:
    unpaid = [started("S-1", "2026-03-02T10:00:00Z"), ended("S-1", "2026-03-02T11:00:00Z")]
    engine.feed([operator(fund_release="ON_SESSION", advance_limit="5.00"), tariff(), *unpaid])
    engine.advance("2026-03-04T00:00:00Z")
    (euros,) = day_of(engine, "2026-03-02")["nothing_paid"]
    assert [(each["reason"], each["amount"]) for each in euros["excluded"]] == [("ADVANCE_LIMIT", "10.89")]


def test_what_a_run_did_not_know_comes_with_a_later_one_and_is_said_so(engine: Engine) -> None:
    engine.feed([operator(), tariff()])
    engine.advance("2026-03-04T00:00:00Z")
    engine.feed([*session("S-1", "2026-03-02"), proposed(), approved()])
    (euros,) = day_of(engine, "2026-03-02")["nothing_paid"]
    reasons = [(each["reason"], each["amount"]) for each in euros["excluded"]]
    assert reasons == [("CAME_LATER", "25.00"), ("NOT_RELEASED", "10.89")]
    engine.advance("2026-03-05T00:00:00Z")
    (payout,) = day_of(engine, "2026-03-04")["payouts"]
    assert payout["amount"] == "35.89"
    (euros,) = day_of(engine, "2026-03-02")["nothing_paid"]
    assert [(each["reason"], each["amount"]) for each in euros["excluded"]] == [("CAME_LATER", "35.89")]
    assert (euros["next_payout_id"], euros["next_business_date"]) == (payout["payout_id"], "2026-03-04")


def test_what_a_run_leaves_out_for_no_reason_is_told_as_such_and_never_as_something_else(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_due = Line.is_due
    monkeypatch.setattr(Line, "is_due", lambda line, *of: line.amount not in (1210, -121) and is_due(line, *of))
    engine.feed(days())
    engine.advance("2026-03-04T12:00:00Z")
    # The session of the second of March is of 10.89: its run pays nothing, and that of the third nothing of it.
    (euros,) = day_of(engine, "2026-03-02")["nothing_paid"]
    assert [(each["reason"], each["amount"]) for each in euros["excluded"]] == [("UNEXPLAINED", "10.89")]
    assert "due, and the run knew it: nothing that is known kept" in euros["excluded"][0]["sentence"]
    (payout,) = day_of(engine, "2026-03-03")["payouts"]
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        explained = explained_payout(cursor, payout["payout_id"])
        assert explained is not None
        left_out_of_it = excluded(cursor, explained).excluded
        lines = excluded_lines(cursor, explained, LeftOut(Reason.UNEXPLAINED))
    assert [(each.reason, each.amount) for each in left_out_of_it] == [(Reason.UNEXPLAINED, 1089)]
    assert sorted(each.amount for each in lines) == [-121, 1210]


def test_the_last_run_knew_what_was_recorded_before_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Line, "is_due", lambda *_: False)
    engine.feed([operator(), tariff(), *session("S-1", "2026-03-02")])
    engine.advance("2026-03-03T12:00:00Z")
    (euros,) = day_of(engine, "2026-03-02")["nothing_paid"]
    assert [(each["reason"], each["amount"]) for each in euros["excluded"]] == [("UNEXPLAINED", "10.89")]


def test_a_day_that_is_not_over_has_no_run_yet_and_one_that_is_due_waits(engine: Engine) -> None:
    engine.feed([*days(), switch("payouts.stopped", "02 12:00")])
    engine.advance("2026-03-04T12:00:00Z")
    early = day_of(engine, "2026-03-03", now=instant("2026-03-03T12:00:00Z"))
    assert (early["state"], early["nothing_paid"]) == ("OPEN", [])
    assert early["sentences"] == [
        "Tuesday 2026-03-03 of OP-1: its run fires at 2026-03-03T23:00:00Z, and nothing is decided before"
    ]
    late = day_of(engine, "2026-03-03", now=instant("2026-03-04T12:00:00Z"))
    (sentence,) = late["sentences"]
    assert sentence == (
        "Tuesday 2026-03-03 of OP-1: its run was due at 2026-03-03T23:00:00Z and waits: all payouts are stopped "
        "since 2026-03-02T12:00:00Z: captures come in twice"
    )


def test_a_run_that_was_made_when_payouts_were_resumed_is_judged_as_of_then_by_whoever_asks(engine: Engine) -> None:
    engine.feed([operator(time_zone="UTC"), tariff(), *session("S-1", "2026-03-03")])
    engine.feed([switch("payouts.stopped", "03 12:00"), switch("payouts.resumed", "06 12:00")])
    engine.advance("2026-03-06T13:00:00Z")
    catch_up(engine.dsn)
    for role in (Role.AUDITOR, Role.TENANT):
        with connect(engine.dsn, role) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT set_config('wattledger.operators', 'OP-1', true)")
            days = [day_of_operator(cursor, "OP-1", date(2026, 3, number)) for number in (2, 3, 4)]
        told = [day_document(day) for day in days if day]
        assert [(each["state"], each["nothing_paid"]) for each in told] == [
            ("NOTHING_PAID", []),
            ("MADE", []),
            ("NOTHING_PAID", []),
        ]


def test_the_command_tells_a_day_of_an_operator_or_a_payout(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", engine.dsn)
    engine.feed(days(payout_minimum="30.00"))
    engine.advance("2026-03-06T12:00:00Z")
    asked = ["payouts", "why", "--operator", "OP-1", "--date", "2026-03-03"]
    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["nothing_paid"][0]["excluded_sum"] == "16.33"
    assert main([*asked, "--currency", "EUR"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == told["sentences"][0]
    assert main([*asked, "--currency", "SEK", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["nothing_paid"] == []
    assert main([*asked[:4], "--date", "yesterday"]) == 2
    assert main(asked[:4]) == 1
    assert main(["payouts", "why", told["nothing_paid"][0]["next_payout_id"], "--currency", "EUR"]) == 1
    assert main(["payouts", "why", "--operator", "OP-9", "--date", "2026-03-03"]) == 1


def test_nobody_knows_a_day_of_an_operator_that_there_is_not(engine: Engine) -> None:
    engine.feed([operator("OP-1"), tariff("OP-1")])
    catch_up(engine.dsn)
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        assert day_of_operator(cursor, "OP-9", date(2026, 3, 3)) is None
        before = day_of_operator(cursor, "OP-1", date(2020, 1, 1))
    assert before is not None
    assert before.state is DayState.NO_TERMS
