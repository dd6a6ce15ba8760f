"""A bank file that is refused or booked whole is each payout in it, by the id of the file or of a block of it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import connect

from engine.bank_orders import KnownOrders
from projections.export import export
from tests.audit.test_bank_profiles import PLATFORM
from tests.bank.files import brief, camt, entry, events_of, pain002
from tests.conftest import Stores
from tests.support.engine import Engine
from tests.support.events import captured, ended, operator, started, tariff

COUNT = 3


@pytest.fixture(scope="module")
def paid(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A store in which some operators were paid by one file."""
    with stores() as dsn:
        engine = Engine(dsn)
        for number in range(COUNT):
            of = {"operator_id": f"OP-{number}", "tariff_id": f"T-{number}"}
            engine.feed([operator(of["operator_id"]), tariff(*of.values()), started(f"S-{number}", **of)])
            engine.feed([ended(f"S-{number}"), captured(f"S-{number}")])
        engine.advance("2026-03-04T23:00:00Z")
        export(engine.dsn, tmp_path_factory.mktemp("files"), PLATFORM)
        yield engine
        engine.close()


def ids_in(engine: Engine) -> dict[str, str]:
    """How the file and its block are named to the bank, and the sum of the file."""
    ((content,),) = engine.rows("SELECT content FROM intake.bank_file")
    text = bytes(content).decode()
    return {name: re.findall(f"<{name}>([^<]+)</{name}>", text)[0] for name in ("MsgId", "PmtInfId", "CtrlSum")}


def told(engine: Engine, folder: Path, content: str) -> list[dict[str, Any]]:
    with connect(engine.dsn) as connection, connection.cursor() as cursor:
        return events_of(folder, content, KnownOrders(cursor))


@pytest.mark.parametrize("form", [str.lower, str.upper])
def test_a_refused_file_or_block_fails_each_of_its_payouts(paid: Engine, tmp_path: Path, form: Any) -> None:
    ids = ids_in(paid)
    group = pain002(group="<GrpSts>RJCT</GrpSts><StsRsnInf><Rsn><Cd>FF01</Cd></Rsn></StsRsnInf>")
    block = pain002(block=f"<OrgnlPmtInfId>{form(ids['PmtInfId'])}</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts>")
    for content in (group.replace("M-0", form(ids["MsgId"])), block):
        found = told(paid, tmp_path, content)
        assert len({each["data"]["payout_id"] for each in found}) == COUNT
        assert {each["type"] for each in found} == {"payout.failed"}


@pytest.mark.parametrize("form", [str.lower, str.upper])
def test_one_debit_of_a_file_pays_each_of_its_payouts(paid: Engine, tmp_path: Path, form: Any) -> None:
    ids = ids_in(paid)
    batch = f"<Btch><MsgId>{form(ids['MsgId'])}</MsgId></Btch>"
    found = told(paid, tmp_path, camt(entry(ids["CtrlSum"], "DBIT", batch=batch)))
    assert brief(found)[0] == ("PAYOUT", f"-{ids['CtrlSum']}")
    assert [each["type"] for each in found[1:]] == ["payout.paid"] * COUNT + ["bank.statement_told"]
    other = told(paid, tmp_path, camt(entry("1.00", "DBIT", batch=batch)))
    assert brief(other)[0] == ("UNALLOCATED", "-1.00")
