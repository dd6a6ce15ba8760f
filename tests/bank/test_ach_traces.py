"""A return of the ACH finds its payout by trace number and by identification number, which have to agree."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg import connect

from contracts.bank.ach_records import AchEntry, entries_in
from contracts.bank.names import individual_id
from engine.bank_orders import KnownOrders
from ledger.audit import verify
from ledger.intake.bank import payouts_in_file
from projections.export import export
from tests.audit.test_bank_profiles import PLATFORM, US
from tests.bank.files import ach, brief, events_of, returned
from tests.conftest import Stores
from tests.support.engine import Engine
from tests.support.events import captured, ended, operator, started, tariff

OTHER = individual_id("5a7a9bd2-7a7c-5c0e-8e5e-2f6f1a2b3c4d")


def history() -> Iterator[dict[str, Any]]:
    """Two operators in dollars that are paid in one file of the ACH, and another amount each."""
    for number in (1, 2):
        of = {"operator_id": f"OP-{number}", "tariff_id": f"T-{number}"}
        yield operator(of["operator_id"], currency="USD", bank_account=US, bank_profile="NACHA_CCD")
        yield tariff(*of.values(), currency="USD")
        yield started(f"S-{number}", **of)
        yield ended(f"S-{number}", register_wh=12_000 + 2_000 * number)
        yield captured(f"S-{number}", currency="USD")


@pytest.fixture(scope="module")
def paid(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A store in which they were handed off."""
    with stores() as dsn:
        engine = Engine(dsn)
        engine.feed(history())
        engine.advance("2026-03-04T23:00:00Z")
        export(engine.dsn, tmp_path_factory.mktemp("files"), PLATFORM)
        yield engine
        engine.close()


def entries(engine: Engine) -> dict[str, AchEntry]:
    """The entries of the file by payout."""
    ((content,),) = engine.rows("SELECT content FROM intake.bank_file")
    rows = engine.rows("SELECT payout_id, trace FROM intake.bank_file_payout ORDER BY 1")
    by_trace = {each.trace: each for each in entries_in(bytes(content))}
    assert len(rows) == len(by_trace) == 2
    return {payout_id: by_trace[trace] for payout_id, trace in rows}


def come_back(engine: Engine, folder: Path, entry: AchEntry, code: str = "R02") -> list[dict[str, Any]]:
    """What the return of an entry tells."""
    six, seven = returned(code, entry.individual_id, entry.cents)
    with connect(engine.dsn) as connection, connection.cursor() as cursor:
        return events_of(folder, ach((six, seven[:6] + entry.trace + seven[21:])), KnownOrders(cursor))


def test_both_numbers_lead_to_the_payout(paid: Engine, tmp_path: Path) -> None:
    for payout_id, entry in entries(paid).items():
        assert entry.individual_id == individual_id(payout_id)
        (event,) = come_back(paid, tmp_path, entry)
        assert (event["type"], event["data"]["payout_id"]) == ("payout.returned", payout_id)


def test_the_trace_number_alone_does_with_the_amount(paid: Engine, tmp_path: Path) -> None:
    for payout_id, entry in entries(paid).items():
        (event,) = come_back(paid, tmp_path, replace(entry, individual_id=""))
        assert (event["type"], event["data"]["payout_id"]) == ("payout.returned", payout_id)
        (event,) = come_back(paid, tmp_path, replace(entry, individual_id="", cents=entry.cents + 1))
        assert brief([event]) == [("bank.notice_given",)]


def test_numbers_that_disagree_bring_back_nothing_and_are_told(paid: Engine, tmp_path: Path) -> None:
    one, two = entries(paid).values()
    unknown = replace(one, trace="999999999999999")
    for entry in (replace(one, trace=two.trace), unknown, replace(one, individual_id=OTHER)):
        (event,) = come_back(paid, tmp_path, entry)
        assert (event["type"], event["data"]["kind"]) == ("bank.notice_given", "ORDER_UNKNOWN")
        assert "trace number" in event["data"]["text"]
        assert "payout_id" not in event["data"]


def test_a_payout_whose_trace_number_was_not_kept_comes_back_all_the_same(paid: Engine, tmp_path: Path) -> None:
    payout_id, entry = next(iter(entries(paid).items()))
    keep, put = ("UPDATE intake.bank_file_payout SET trace = %s WHERE payout_id = %s",) * 2
    with connect(paid.dsn) as connection:
        connection.execute(put, (None, payout_id))
    try:
        (event,) = come_back(paid, tmp_path, entry)
        assert event["data"]["payout_id"] == payout_id
        assert not verify(paid.dsn).failed
    finally:
        with connect(paid.dsn) as connection:
            connection.execute(keep, (entry.trace, payout_id))


def test_a_trace_number_that_is_not_in_the_file_is_found_by_verify(paid: Engine) -> None:
    payout_id, entry = next(iter(entries(paid).items()))
    put = "UPDATE intake.bank_file_payout SET trace = %s WHERE payout_id = %s"
    assert not verify(paid.dsn).failed
    with connect(paid.dsn) as connection:
        connection.execute(put, ("1" * 15, payout_id))
    try:
        assert [check.name for check in verify(paid.dsn).failed] == ["bank_files"]
    finally:
        with connect(paid.dsn) as connection:
            connection.execute(put, (entry.trace, payout_id))


def test_a_file_of_the_ach_is_known_by_its_name_and_by_its_id(paid: Engine) -> None:
    ((name,),) = paid.rows("SELECT name FROM intake.bank_file")
    id_ = name.removesuffix(".ach")[-36:]
    with connect(paid.dsn) as connection, connection.cursor() as cursor:
        for reference in (name, id_, id_.replace("-", "").upper()):
            assert payouts_in_file(cursor, reference) == sorted(entries(paid))
        assert payouts_in_file(cursor, "another") == []
