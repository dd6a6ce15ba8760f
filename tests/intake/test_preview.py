"""The runs to come, made dry: nothing is written, and the real run on the same book gives the same."""

import json
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest

from domain.calendar import instant
from domain.payout.left_out import LeftOut
from engine.preview import PreviewedRun, preview_runs
from engine.working_set import WorkingSet
from ledger.database import Role, connect
from projections.payout_excluded import excluded
from projections.payout_explained import explained_payout
from projections.runner import catch_up
from tests.intake.test_run_terms import TAX, days
from tests.support.engine import Engine
from tests.support.events import ended, operator, session, started, tariff
from tests.support.histories import disordered, history
from wattledger.cli import main

COUNTS = """
SELECT (SELECT count(*) FROM event_store.stored_events), (SELECT count(*) FROM book.entry),
       (SELECT count(*) FROM intake.open_payout), (SELECT count(*) FROM intake.line WHERE payout_id IS NOT NULL),
       (SELECT count(*) FROM intake.outbox)
"""
NOON = datetime.fromisoformat("2026-03-05T12:00:00+00:00")


def previewed(engine: Engine, now: datetime, through: date | None = None) -> list[PreviewedRun]:
    working_set = WorkingSet.of(engine.dsn)
    before = engine.rows(COUNTS)
    try:
        found = list(preview_runs(working_set, now, through))
    finally:
        working_set.close()
    assert engine.rows(COUNTS) == before, "a preview writes nothing"
    return found


def reasons(left_out: tuple[LeftOut, ...], currency: str = "EUR") -> dict[str, int]:
    return {each.reason.value: each.amount for each in left_out if each.currency == currency}


@pytest.mark.parametrize(("seed", "run_terms"), [(3, True), (14, True), (22, False), (40, True)])
def test_the_real_run_on_the_same_book_gives_the_same(engine: Engine, seed: int, run_terms: bool) -> None:
    random = Random(seed)
    events = history(random, 25, run_terms=run_terms)
    third = instant(events[len(events) // 3]["time"])
    end = third + timedelta(days=8)
    engine.feed(disordered(random, [each for each in events if instant(each["time"]) <= third]))
    engine.advance(third)
    engine.feed(disordered(random, [each for each in events if instant(each["time"]) > third]))
    # The book as it stands once all that is known is judged: what is due later is not known by a preview.
    engine.clock.advance_sessions(end)
    runs = previewed(engine, third, end.date())
    assert any(run.payouts for run in runs)
    for moment in sorted({run.fires_at for run in runs}):
        engine.advance(moment)
    catch_up(engine.dsn)
    dry = {made.payout_id: (run, made) for run in runs for made in run.payouts}
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        for payout_id, (run, made) in dry.items():
            real = explained_payout(cursor, payout_id)
            assert real is not None, payout_id
            assert (real.amount, real.reserve, real.fired_at) == (made.amount, made.reserve, made.fired_at)
            if made.reissue_of is not None:
                continue
            told = excluded(cursor, real)
            wanted = [
                (each.reason.value, each.available_on, each.set_aside_for, each.entries, each.amount)
                for each in told.excluded
            ]
            found = [
                (each.reason.value, each.available_on, each.set_aside_for, each.entries, each.amount)
                for each in run.left_out
                if each.currency == made.currency
            ]
            assert sorted(found, key=str) == sorted(wanted, key=str)
            assert made.amount + made.reserve + sum(each[-1] for each in found) == told.payable_before
        later = connection.execute("SELECT count(*) FROM projection.payouts WHERE fired_at > %s", (third,))
        assert later.fetchone() == (len(dry),)


def test_the_next_run_tells_what_is_carried_and_why(engine: Engine) -> None:
    unfinished = [started("S-9", "2026-03-05T08:00:00Z"), ended("S-9", "2026-03-05T08:30:00Z")]
    engine.feed([*days(payout_minimum="500.00"), *unfinished])
    engine.advance(NOON)
    (run,) = previewed(engine, NOON)
    assert (run.business_date, run.payouts, run.waits) == (date(2026, 3, 5), (), False)
    assert reasons(run.left_out) == {"BELOW_MINIMUM": 1089 + 544 + 2178 + 1089, "NOT_RELEASED": 1089}


def test_an_account_that_cannot_be_one_and_what_is_retained_are_told(engine: Engine) -> None:
    bad = {"holder": "Grachtenlader BV", "iban": "NL21INGB0001234567"}
    engine.feed(days(bank_account=bad))
    engine.feed([operator("OP-2", retain="500.00"), tariff("OP-2", "T-2")])
    mine = session("S-20", "2026-03-05")
    for each in mine:
        if each["type"] == "charging.session.started":
            each["data"] |= {"operator_id": "OP-2", "tariff_id": "T-2"}
    engine.feed(mine)
    engine.advance(NOON)
    first, second = previewed(engine, NOON)
    assert (first.payouts, set(reasons(first.left_out))) == ((), {"BAD_ACCOUNT"})
    assert (second.payouts, set(reasons(second.left_out))) == ((), {"RETAINED"})


def test_the_command_tells_payouts_and_what_is_left_out_as_json_and_as_tables(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", engine.dsn)
    engine.feed(days(retain="4.00", withholding=[TAX], limits={"payout": "50.00"}, payout_delay_days=1))
    engine.advance("2026-03-05T12:00:00Z")
    assert main(["payouts", "preview", "--date", "2026-03-07", "--operator", "OP-1", "--json"]) == 0
    fifth, sixth, seventh = json.loads(capsys.readouterr().out)
    (payout,) = fifth["payouts"]
    assert {name: payout[name] for name in ("amount", "reserve", "retained", "withheld", "status", "doubts")} == {
        "amount": "19.54",
        "reserve": "4.00",
        "retained": "4.00",
        "withheld": {"IN-TCS": "2.24"},
        "status": "IN_TRANSIT",
        "doubts": [],
    }
    assert [(each["reason"], each["amount"], each["comes_with"]) for each in fifth["excluded"]] == [
        ("AVAILABLE_LATER", "10.89", "2026-03-06"),
        ("RETAINED", "4.00", None),
    ]
    (waiting,) = seventh["payouts"]
    assert (waiting["status"], waiting["doubts"]) == ("AWAITING_APPROVAL", ["PAYOUT_LIMIT"])
    assert [each["reason"] for each in seventh["excluded"]] == ["WITHHELD"]
    assert sixth["payouts"][0]["amount"] == "9.68"
    assert main(["payouts", "preview", "--date", "2026-03-07"]) == 0
    printed = capsys.readouterr().out
    assert "Payouts of the runs to come" in printed
    assert "AVAILABLE_LATER" in printed
    assert main(["payouts", "preview", "--operator", "OP-9"]) == 1
    capsys.readouterr()
    for form in ([], ["--json"]):
        assert main(["payouts", "preview", "--date", "2026-03-03", *form]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert "no run of a business date up to 2026-03-03 is to come: they were made" in said.err


def test_the_command_says_that_nobody_is_owed_anything(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", engine.dsn)
    engine.feed([operator()])
    assert main(["payouts", "preview"]) == 0
    assert capsys.readouterr().out.startswith("No run to come pays or leaves out anything")
    assert main(["payouts", "preview", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
