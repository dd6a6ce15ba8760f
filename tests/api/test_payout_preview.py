"""Runs to come over HTTP: as at the command line, as the real runs, and without a lock on anything."""

import csv
import json
from io import StringIO
from typing import Any

import psycopg
import pytest

from projections.runner import catch_up
from tests.intake.test_preview import COUNTS
from tests.intake.test_run_terms import TAX, days
from tests.support.engine import Engine
from tests.support.events import operator, tariff
from tests.support.surface import Client, serving
from wattledger.cli import main

# All that runs lock: who holds it keeps every run of these operators waiting.
_LOCKS = """
LOCK TABLE lock.catalogue, lock.clock IN EXCLUSIVE MODE;
LOCK TABLE intake.run, intake.line, intake.stream_head, intake.open_payout IN ROW EXCLUSIVE MODE;
SELECT 1 FROM intake.run FOR UPDATE; SELECT 1 FROM intake.line FOR UPDATE; SELECT 1 FROM intake.stream_head FOR UPDATE
"""


@pytest.fixture
def some(engine: Engine) -> Engine:
    """An operator with a limit, a tax, and something retained; and one that no run has anything to do for."""
    engine.feed(days(retain="4.00", withholding=[TAX], limits={"payout": "50.00"}, payout_delay_days=1))
    engine.feed([operator("OP-2"), tariff("OP-2", "T-2")])
    engine.advance("2026-03-05T12:00:00Z")
    catch_up(engine.dsn)
    return engine


def previewed(client: Client, **query: Any) -> list[dict[str, Any]]:
    return [*client.walk("/v1/payouts/preview", **query)]


def test_a_preview_is_as_at_the_command_line_and_as_the_real_runs(
    some: Engine, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", some.dsn)
    before = some.rows(COUNTS)
    with serving(some.dsn) as client:
        told = previewed(client, date="2026-03-07", limit=1)
        assert told == previewed(client, date="2026-03-07")
        one = previewed(client, date="2026-03-07", operator_id="OP-1")
        assert main(["payouts", "preview", "--date", "2026-03-07", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == told
        assert [each for each in told if each["operator_id"] == "OP-1"] == one
        file = client.get("/v1/payouts/preview", params={"date": "2026-03-07", "format": "csv"}).text
        rows = [(each["payout_id"], each["reason"], each["amount"]) for each in csv.DictReader(StringIO(file))]
        assert rows == [
            (each["payout_id"] or "", each.get("reason", ""), each["amount"])
            for run in told
            for each in (*run["payouts"], *run["excluded"])
        ]
        assert some.rows(COUNTS) == before
        some.advance("2026-03-08T12:00:00Z")
        catch_up(some.dsn)
        dry = [payout for run in told for payout in run["payouts"]]
        assert [each["status"] for each in dry] == ["IN_TRANSIT", "IN_TRANSIT", "AWAITING_APPROVAL"]
        for payout in dry:
            real = client.document(f"/v1/payouts/{payout['payout_id']}")
            told_so = {name: payout[name] for name in ("amount", "reserve", "status", "approvals_needed")}
            assert {name: real[name] for name in told_so} == told_so


def test_a_preview_waits_for_nobody_who_makes_runs(some: Engine) -> None:
    with psycopg.connect(some.dsn) as connection, serving(some.dsn) as client:
        connection.execute(_LOCKS)
        (run,) = previewed(client)
    assert (run["operator_id"], run["business_date"], run["payouts"][0]["amount"]) == ("OP-1", "2026-03-05", "19.54")


def test_a_preview_is_for_those_who_see_the_book_and_ends_a_month_ahead(some: Engine) -> None:
    with serving(some.dsn) as client:
        assert client.as_("operator:OP-1").document("/v1/payouts/preview", 403)["status"] == 403
        wrong = client.document("/v1/payouts/preview", 400, date="2199-01-01")
        assert wrong["errors"][0]["parameter"] == "date"
        assert client.document("/v1/payouts/preview", operator_id="OP-9")["data"] == []
