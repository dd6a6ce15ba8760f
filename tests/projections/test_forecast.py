"""What the next payouts are expected to come to, by what the runs paid."""

import json
from typing import Any

import pytest

from ledger.database import Role, connect
from projections.forecast import expected_days
from projections.runner import catch_up
from tests.support.engine import Engine
from tests.support.events import captured, ended, operator, session, started, tariff
from wattledger.cli import main


def paid_alike(engine: Engine) -> None:
    """An operator that was paid for one session of 12.10 EUR on each day of two months."""
    events = [operator("OP-1"), tariff("OP-1")]
    for day in [*(f"2026-03-{day:02}" for day in range(2, 32)), *(f"2026-04-{day:02}" for day in range(1, 31))]:
        at = {"begin": f"{day}T10:00:00Z", "end": f"{day}T11:00:00Z", "paid": f"{day}T11:01:00Z"}
        events += [started(f"S-{day}", at["begin"]), ended(f"S-{day}", at["end"]), captured(f"S-{day}", at["paid"])]
    engine.feed(events)
    engine.advance("2026-05-01T12:00:00Z")
    catch_up(engine.dsn)


def test_an_operator_that_is_paid_alike_each_day_is_told_so(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    paid_alike(engine)
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        found = expected_days(cursor)
        (paid,) = cursor.execute("SELECT min(amount) FROM surface.payouts").fetchone() or (0,)
        (last,) = cursor.execute("SELECT max(closed_through) FROM surface.runs").fetchone() or (None,)
    assert len(found) == 14
    assert {each.forecast.expected for each in found} == {paid}
    assert {(each.forecast.low, each.forecast.high) for each in found[:7]} == {(paid, paid)}
    assert [(each.forecast.business_date - last).days for each in found] == list(range(1, 15))
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", engine.dsn)
    assert main(["payouts", "forecast", "--operator", "OP-1", "--days", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["expected"] for each in told] == [f"{paid // 100}.{paid % 100:02}"] * 3
    assert main(["payouts", "forecast", "--operator", "OP-9"]) == 1


def test_who_has_too_little_history_is_told_how_much_it_takes(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", engine.dsn)
    engine.feed([operator("OP-1"), tariff("OP-1"), *session("S-1", "2026-03-02")])
    engine.advance("2026-03-20T12:00:00Z")
    assert main(["payouts", "forecast", "--operator", "OP-1", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == []
    assert "a forecast takes 4 weeks of history since a first payout; no currency of operator OP-1 has it" in said.err
