"""The demo's network, settled on a real database, comes to what its providers, partners and bank assumed."""

from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any, LiteralString

import orjson
import psycopg
import pytest
from rich.console import Console

from engine.clock import Clock
from engine.intake import Intake
from engine.ports import Record
from projections.queries import totals
from projections.runner import catch_up
from projections.story import session_story
from tests.support.made_ahead import with_postgres
from wattledger.demo import FOLLOWED_SESSION, network
from wattledger.demo.mishaps import SILENT_SESSION
from wattledger.demo.network import GARBAGE
from wattledger.demo.show import demo_document, read_result, render, show_demo
from wattledger.embedded import EmbeddedPostgres
from wattledger.views.session import show_session

TOPIC = "all"


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the settled network on it; settled once, since every test only looks."""
    with EmbeddedPostgres(with_postgres(tmp_path_factory.mktemp("demo"))) as server:
        intake = Intake(server.dsn)
        epochs = {(TOPIC, 0): intake.claim([(TOPIC, 0)])[TOPIC, 0].epoch}
        records = [Record(TOPIC, 0, offset, None, line, ()) for offset, line in enumerate(network(seed=7))]
        for first in range(0, len(records), 1000):
            intake.process(records[first : first + 1000], epochs)
        intake.close()
        clock = Clock(server.dsn)
        until = clock.event_time()
        assert isinstance(until, datetime)
        clock.advance(until)
        clock.close()
        catch_up(server.dsn)
        yield server.dsn


@pytest.fixture(scope="module")
def shown(dsn: str) -> dict[str, Any]:
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        return demo_document(dsn, totals(cursor))


def rows(dsn: str, query: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def test_every_payout_that_the_bank_answers_was_made(shown: dict[str, Any]) -> None:
    told = [orjson.loads(line) for line in network(seed=7) if line != GARBAGE]
    answered = {each["data"]["payout_id"] for each in told if each["type"].startswith("payout.")}
    assert answered
    assert answered <= {payout["payout_id"] for payout in shown["payouts"]}


def test_every_driver_paid_exactly_what_was_owed_but_the_one_whose_session_never_ended(dsn: str) -> None:
    left = rows(
        dsn,
        "SELECT account, sum(debits - credits) FROM book.balance WHERE account LIKE '1105/%' "
        "GROUP BY account HAVING sum(debits - credits) <> 0",
    )
    assert [account for account, _ in left] == [f"1105/{SILENT_SESSION}"]


def test_every_settlement_has_a_line_for_all_that_it_pays(dsn: str) -> None:
    of_payouts = "kind IN ('PAYOUT_AWAITS_APPROVAL', 'PAYOUT_UNANSWERED')"
    assert rows(dsn, f"SELECT kind, sentence FROM projection.findings WHERE NOT {of_payouts}") == []


def test_payouts_show_every_status_that_a_payout_can_have(shown: dict[str, Any]) -> None:
    statuses = {payout["status"] for payout in shown["payouts"]}
    assert statuses == {"PAID", "FAILED", "RETURNED", "IN_TRANSIT", "AWAITING_APPROVAL"}
    reissued = [payout for payout in shown["payouts"] if payout["reissue_of"]]
    assert [payout["status"] for payout in reissued] == ["PAID"]


def test_every_operator_was_paid_something(shown: dict[str, Any]) -> None:
    assert len(shown["balances"]) == 7
    assert all(float(balance["paid_out"]) > 0 for balance in shown["balances"])


def test_the_followed_session_reaches_a_payout_that_arrived(shown: dict[str, Any]) -> None:
    story = shown["session"]
    assert story["outcome"]["state"] == "RATED"
    assert (story["outcome"]["net"], story["outcome"]["gross"]) == ("9.77", "11.82")
    assert [entry["kind"] for entry in story["entries"]] == ["J01", "J02", "J01c", "J03", "J08"]
    assert [payout["status"] for payout in story["payouts"]] == ["PAID"]
    assert [entry["kind"] for entry in shown["session_payout_entries"]] == ["J35", "J36"]
    assert len(story["cdrs"]) == 1


def test_the_page_for_people_names_operators_payouts_and_the_followed_session(dsn: str, tmp_path: Path) -> None:
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        summary = totals(cursor)
    console = Console(record=True, width=160, file=StringIO())
    show_demo(dsn, summary, tmp_path, console)
    page = console.export_text()
    for wanted in ("Skärgårdsladd AB", "RETURNED", FOLLOWED_SESSION, "2010/OP-NL", "11.82", "Paid by payout"):
        assert wanted in page
    assert len(render(read_result(dsn, summary))) == 13


def test_it_shows_outages_with_causes_who_bears_demand_charges_and_how_long_cash_lasts(shown: dict[str, Any]) -> None:
    explained = {(row["evse_uid"], part["cause"]) for row in shown["outages"] for part in row["explained"]}
    assert {cause for _, cause in explained} == {"VANDALISM", "MAINTENANCE"}
    maintained = next(row for row in shown["outages"] if row["to"] is not None)
    assert (maintained["outage_s"], maintained["excluded_s"]) == (6.5 * 3600, 4 * 3600)
    assert {row["location_id"] for row in shown["demand"]} == {"NL-A7", "DE-A81"}
    assert all(float(row["charge"]) > 0 for row in shown["demand"])
    assert all(float(row["ladder"]) > 0 for row in shown["demand_shares"])
    lasting = {row["operator_id"]: row["runway_days"] for row in shown["runways"]}
    assert lasting == {"OP-DE": None, "OP-NL": 62}


def test_it_shows_how_a_limit_is_shared_out_when_most_cars_charge(shown: dict[str, Any]) -> None:
    shared = shown["load_shared"]
    assert {row["location_id"] for row in shared} == {"NL-HAVEN"}
    assert len(shared) >= 3
    assert len({row["at"] for row in shared}) == 1
    # 80 A for all, 50 A for the first three sockets; each car of three phases, as its socket.
    of_jetty = [row["a"] for row in shared if row["evse_uid"][-1] in "123"]
    assert sum(of_jetty) <= 50
    assert sum(row["a"] for row in shared) <= 80
    assert all(row["a"] == 0 or 6 <= row["a"] <= 32 for row in shared)
    assert any(row["why"].startswith("LIMITED:") for row in shared)


def test_the_page_has_no_lines_around_tables_in_a_pipe(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        show_demo(dsn, totals(cursor), tmp_path)
    page = capsys.readouterr().out
    assert "Skärgårdsladd AB" in page
    assert f"The files are in {tmp_path}." in page
    assert not set("│┃━─┏┓┗┛└┘╇┡┩├┤") & set(page)


def test_a_session_that_is_not_billed_can_be_shown_too(dsn: str) -> None:
    (session_id, reason), *_ = rows(
        dsn, "SELECT session_id, reason FROM projection.sessions WHERE state = 'SUSPENSE'"
    )
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        story = session_story(cursor, session_id)
    assert story is not None
    console = Console(record=True, width=160, file=StringIO())
    show_session(story, console)
    page = console.export_text()
    assert f"SUSPENSE: {reason}" in page
    assert "No payout has paid it yet." in page
