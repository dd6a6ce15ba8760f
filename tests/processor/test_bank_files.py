"""Bank files that are handed in, and the files in which the bank answers."""

import re
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from xsdata.exceptions import ParserError

from projections.bank_file import Instruction, bank_file
from tests.processor.driving import Driven
from tests.processor.orders import HOLDER, end_to_end_id, payout_id, records
from tests.projections.builders import PLATFORM
from tests.support.iso20022 import parsed
from wattledger.processor.bank_files import read_bank_file
from wattledger.processor.errors import FileUnreadable

FIRED = datetime(2026, 3, 3, 1, tzinfo=UTC)
AMOUNTS = {"OP-1": 12540, "OP-2": 9900, "OP-3": 1}
DEBTOR = "DE89370400440532013000"


def content(amounts: dict[str, int] = AMOUNTS, **changed: Any) -> bytes:
    """The bank file of a run as WattLedger makes it."""
    told: dict[str, Any] = {
        "fired_at": FIRED,
        "holder_name": "Grachtenlader BV",
        "country_code": "NL",
        "bank_account": HOLDER,
        "execution_date": date(2026, 3, 4),
    }
    payouts = [
        Instruction(
            payout_id=payout_id(id_),
            operator_id=id_,
            business_date=date(2026, 3, 2),
            currency="EUR",
            amount=amount,
            **(told | changed),
        )
        for id_, amount in amounts.items()
    ]
    return bank_file(UUID(int=5), payouts, PLATFORM, FIRED)


def ordered() -> list[bytes]:
    """The orders that it has."""
    return [value for id_, amount in AMOUNTS.items() for value in records(id_, amount=f"{amount / 100:.2f}")]


@pytest.fixture
def batches(folder: Path) -> Path:
    """The folder of bank files."""
    made = folder / "batches"
    (made / "from-bank").mkdir(parents=True)
    return made


def with_files(batches: Path, *wishes: str, answers: str = "files") -> Driven:
    """A processor that hands in the files of the folder."""
    writes_to = batches / "from-bank" if answers == "files" else None
    return Driven(batches.parent / "state", *wishes, bank_files=batches, writes_to=writes_to)


def written(batches: Path) -> dict[str, Any]:
    """The files of the bank by their names, each held against its schema."""
    return {path.name: parsed(path.read_bytes()) for path in sorted((batches / "from-bank").iterdir())}


def test_a_file_is_handed_in_once_it_and_all_its_orders_are_there(batches: Path) -> None:
    driven = with_files(batches, answers="events")
    told = ordered()
    driven.take(told[:-1])
    driven.run()
    (batches / "file.xml").write_bytes(content())
    driven.run()
    assert driven.debits == {}
    driven.take(told[-1:])
    driven.run()
    driven.kill()
    driven.run()
    assert driven.debits == {end_to_end_id(id_): 1 for id_ in AMOUNTS}
    assert Counter(driven.words) == {"accepted": 3, "paid": 3}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">99.00<", ">98.00<"),
        (">NL91ABNA0417164300<", ">NL02ABNA0123456789<"),
        ("<Dt>2026-03-04<", "<Dt>2026-03-03<"),
        ("<NbOfTxs>3<", "<NbOfTxs>4<"),
        ("<CtrlSum>224.41<", "<CtrlSum>999.00<"),
        ('Ccy="EUR">0.01', 'Ccy="SEK">0.01'),
    ],
)
def test_a_file_that_says_otherwise_than_the_topic_is_not_handed_in(
    batches: Path, old: str, new: str, caplog: pytest.LogCaptureFixture
) -> None:
    driven = with_files(batches, answers="events")
    changed = content().decode().replace(old, new, 1 if "CtrlSum" in old or "NbOf" in old else -1)
    assert changed != content().decode()
    (batches / "file.xml").write_text(changed, "utf-8")
    driven.take(ordered())
    driven.run()
    assert driven.debits == {}
    assert "file.xml is not handed in" in caplog.text


def test_an_execution_day_may_have_been_moved_on(batches: Path) -> None:
    driven = with_files(batches, answers="events")
    (batches / "file.xml").write_bytes(content(execution_date=date(2026, 3, 6)))
    driven.take(ordered())
    driven.run()
    assert len(driven.debits) == 3


@pytest.mark.parametrize(
    "text", ["", "no xml", "<Document/>", "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"]
)
def test_what_is_no_bank_file_is_told_and_holds_up_no_other(
    batches: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (batches / "a.xml").write_text(text, "utf-8")
    with pytest.raises(FileUnreadable, match="no customer credit transfer"):
        read_bank_file(batches / "a.xml")
    (batches / "b.xml").write_bytes(content())
    driven = with_files(batches, answers="events")
    driven.take(ordered())
    driven.run()
    assert len(driven.debits) == 3
    assert caplog.text.count("a.xml is no customer credit transfer") == 1


def test_the_bank_answers_by_messages_of_its_schemas_and_statements_agree_with_them(batches: Path) -> None:
    wishes = ["operator:OP-1=pay", "operator:OP-2=partial", "operator:OP-3=reject:AC01"]
    driven = with_files(batches, *wishes)
    (batches / "file.xml").write_bytes(content())
    driven.take(ordered())
    driven.run()
    driven.run(86_400)
    found = written(batches)
    assert driven.words == []
    statuses = {
        each.orgnl_end_to_end_id: (each.tx_sts, [reason.rsn.cd for reason in each.sts_rsn_inf])
        for name, document in found.items()
        if "pain.002" in name
        for block in document.cstmr_pmt_sts_rpt.orgnl_pmt_inf_and_sts
        for each in block.tx_inf_and_sts
    }
    assert statuses == {
        end_to_end_id("OP-1"): ("ACSP", []),
        end_to_end_id("OP-2"): ("ACSP", []),
        end_to_end_id("OP-3"): ("RJCT", ["AC01"]),
    }
    notified = details(*(d.bk_to_cstmr_dbt_cdt_ntfctn.ntfctn for name, d in found.items() if "camt.054" in name))
    (stated,) = (d.bk_to_cstmr_stmt.stmt for name, d in found.items() if "camt.053" in name)
    assert details(stated) == notified
    assert sorted((amount, side, reason) for _, amount, side, reason in notified.values()) == [
        (Decimal("94.00"), "CRDT", "AC06"),
        (Decimal("99.00"), "DBIT", None),
        (Decimal("125.40"), "DBIT", None),
    ]
    (day,) = stated
    assert [(each.tp.cd_or_prtry.cd, each.amt.value, each.cdt_dbt_ind.value) for each in day.bal] == [
        ("OPBD", Decimal(0), "CRDT"),
        ("CLBD", Decimal("130.40"), "DBIT"),
    ]
    assert day.acct.id.iban == DEBTOR


def details(*accounts: Any) -> dict[str, tuple[str, Decimal, str, str | None]]:
    """The transactions of entries, by the bank's reference; each entry is the sum of its own."""
    found = {}
    for account in (each for some in accounts for each in some):
        for entry in account.ntry:
            members = [each for detail in entry.ntry_dtls for each in detail.tx_dtls]
            assert entry.amt.value == sum(each.amt.value for each in members)
            for each in members:
                reason = each.rtr_inf.rsn.cd if each.rtr_inf else None
                side = each.cdt_dbt_ind.value
                found[each.refs.acct_svcr_ref] = (each.refs.end_to_end_id, each.amt.value, side, reason)
    return found


def test_a_file_that_the_line_repeats_is_refused_as_a_duplicate_by_a_message_of_its_own(batches: Path) -> None:
    driven = with_files(batches, "otherwise=duplicate+twice")
    (batches / "file.xml").write_bytes(content())
    driven.take(ordered())
    driven.run()
    found = written(batches)
    groups = [d.cstmr_pmt_sts_rpt for name, d in found.items() if "pain.002" in name]
    refused = [each for each in groups if each.orgnl_grp_inf_and_sts.grp_sts == "RJCT"]
    assert [each.orgnl_grp_inf_and_sts.sts_rsn_inf[0].rsn.cd for each in refused] == ["DU01"]
    assert refused[0].orgnl_pmt_inf_and_sts == []
    assert len(groups) == 3
    assert len([name for name in found if "camt.054" in name]) == 2


class Killed(Exception):
    """Stands for `kill -9`."""


def test_killed_after_it_wrote_files_it_writes_the_same_files_again_and_goes_on(
    batches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driven = with_files(batches, "otherwise=return")
    (batches / "file.xml").write_bytes(content())
    driven.take(ordered())

    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(driven.processor.desk, "passed_on", die)
    with pytest.raises(Killed):
        driven.processor.work()
    once = {path.name: path.read_bytes() for path in (batches / "from-bank").iterdir()}
    assert list(once) == ["S000000000001.pain.002.xml"]
    driven.kill()
    # What the bank tells meanwhile stands in files of its own.
    driven.run()
    again = {path.name: path.read_bytes() for path in (batches / "from-bank").iterdir()}
    assert again.items() > once.items()
    assert [name for name in again if "pain.002" in name] == list(once)
    booked = details(*(d.bk_to_cstmr_dbt_cdt_ntfctn.ntfctn for n, d in written(batches).items() if "camt.054" in n))
    assert len(booked) == 2 * len(AMOUNTS)


def test_messages_that_break_their_schema_are_seen(batches: Path) -> None:
    driven = with_files(batches)
    (batches / "file.xml").write_bytes(content())
    driven.take(ordered())
    driven.run()
    text = (batches / "from-bank" / "S000000000001.pain.002.xml").read_text("utf-8")
    parsed(text.encode())
    for old, new in (
        ("<MsgId>S", f"<MsgId>{'S' * 36}"),
        ("<TxSts>ACSP</TxSts>", ""),
        ("<CreDtTm>", "<Other>1</Other><CreDtTm>"),
    ):
        broken = re.sub(r"<OrgnlMsgId>.*</OrgnlMsgId>", "", text) if not new else text.replace(old, new)
        with pytest.raises((AssertionError, TypeError, ParserError)):
            parsed(broken.encode())
