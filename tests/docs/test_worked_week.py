"""The worked week of docs/payouts.md, lived day by day: each run pays, and leaves out, what the table says."""

from datetime import date
from typing import Any

from domain.calendar import instant
from domain.money import format_minor
from engine.preview import preview_runs
from engine.working_set import WorkingSet
from ledger.audit import verify
from ledger.database import Role, connect
from projections.payout_day import day_of_operator
from projections.runner import catch_up
from tests.docs.pages import ROOT, table
from tests.support import matters
from tests.support.aftermath import payout_answer, payout_id
from tests.support.decisions import KEYRING
from tests.support.engine import Engine
from tests.support.events import event, operator, session, tariff

PAGE = ROOT / "docs/payouts.md"
HEADER = "| business date | what happens | its run pays | and leaves out |"
OTHER = {"holder": "Grachtenlader BV", "iban": "NL20INGB0001234567", "bic": "INGBNL2A"}
TERMS: dict[str, Any] = {"payout_minimum": "20.00", "payout_reserve_percent": "10", "payout_reserve_days": 2}


def switch(what: str, at: str) -> dict[str, Any]:
    data = {"operator_id": "OP-1", "at": at, "reason": "papers were missing", "by": "fred"}
    return event(f"operator.payouts_{what}", "OP-1", at, data)


WEEK = {
    "2026-03-02": session("S-1", "2026-03-02"),
    "2026-03-03": [*session("S-2", "2026-03-03"), *session("S-3", "2026-03-03")],
    "2026-03-04": [
        payout_answer("paid", payout_id("OP-1", "2026-03-03"), "2026-03-04T08:00:00Z"),
        *session("S-4", "2026-03-04"),
        switch("held", "2026-03-04T12:00:00Z"),
    ],
    "2026-03-05": [
        switch("released", "2026-03-05T12:00:00Z"),
        matters.proposed("A-1", "5.00", at="2026-03-05T13:00:00Z"),
        matters.approved("A-1", at="2026-03-05T14:00:00Z"),
    ],
    "2026-03-06": [*session("S-5", "2026-03-06"), *session("S-6", "2026-03-06")],
    "2026-03-07": [
        payout_answer("failed", payout_id("OP-1", "2026-03-06"), "2026-03-07T08:00:00Z"),
        operator(changed=True, time="2026-03-07T09:00:00Z", bank_account=OTHER, **TERMS),
    ],
    "2026-03-08": session("S-7", "2026-03-08"),
}


def test_the_week_goes_as_the_page_says(engine: Engine) -> None:
    engine.feed([operator(**TERMS), tariff()])
    lived = []
    working_set = WorkingSet.of(engine.dsn, decision_keys=KEYRING)
    for day, events in WEEK.items():
        engine.feed(events)
        engine.advance(f"{day}T22:59:59Z")
        (run,) = preview_runs(working_set, instant(f"{day}T23:00:00Z"), date.fromisoformat(day))
        paid = " + ".join(
            f"{format_minor(each.amount, 'EUR')}" + (f" (attempt {each.attempt})" if each.attempt > 1 else "")
            for each in run.payouts
        )
        left = ", ".join(f"{format_minor(each.amount, 'EUR')} {each.reason}" for each in run.left_out)
        lived.append([day, paid or "nothing", left or "nothing"])
        engine.advance(f"{day}T23:00:00Z")
    working_set.close()
    assert [[row[0], row[2], row[3]] for row in table(PAGE, HEADER)] == lived
    assert verify(engine.dsn).passed
    # What is told of the days without a payout of their own once they are over.
    catch_up(engine.dsn)
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        for day, _, left in lived:
            told = day_of_operator(cursor, "OP-1", date.fromisoformat(day))
            assert told is not None
            for each in told.nothing_paid:
                sums = [f"{format_minor(sum_.amount, 'EUR')} {sum_.reason}" for sum_ in each.excluded]
                assert ", ".join(sums) == left
