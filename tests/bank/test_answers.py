"""Answers to orders (pain.002) and files of the ACH as events; what is refused, and why."""

from decimal import Decimal
from pathlib import Path

import pytest

from contracts.bank.names import individual_id
from contracts.bank.reading import read
from contracts.bank.values import BankFileRefused
from tests.bank.files import IN_FILE, PAYOUT, Orders, ach, brief, events_of, pain002, returned, status, told, written


@pytest.mark.parametrize("code", ["ACTC", "ACCP", "ACSP", "ACSC", "ACCC", "ACWC"])
def test_an_answer_is_progress_and_never_a_payment(tmp_path: Path, code: str) -> None:
    (event,) = events_of(tmp_path, pain002(status(code)))
    assert (event["type"], event["data"]) == ("payout.accepted", {"payout_id": PAYOUT, "at": "2026-03-04T08:00:00Z"})


@pytest.mark.parametrize("space", ["urn:iso:std:iso:20022:tech:xsd:pain.002.001.10", "http://six/pain.002.ch.02.xsd"])
def test_a_rejection_is_a_failure_with_its_reason_in_any_version(tmp_path: Path, space: str) -> None:
    (event,) = events_of(tmp_path, pain002(status("RJCT", reason="AC04"), space=space))
    assert (event["type"], event["data"]["reason"]) == ("payout.failed", "AC04")


def test_what_waits_is_no_news(tmp_path: Path) -> None:
    assert events_of(tmp_path, pain002(status("PDNG"), status("RCVD"))) == []


@pytest.mark.parametrize("reason", ["DU01", "DU03", "AM05"])
def test_an_order_that_the_bank_has_had_is_never_a_failure(tmp_path: Path, reason: str) -> None:
    """The first one may have been carried out: as a failure it would be paid again."""
    (event,) = events_of(tmp_path, pain002(status("RJCT", reason=reason)))
    assert (event["type"], event["data"]["kind"]) == ("bank.notice_given", "DUPLICATE_ORDER")
    assert event["data"]["payout_id"] == PAYOUT


def test_a_block_that_is_rejected_whole_fails_each_payout_in_it(tmp_path: Path) -> None:
    orders = Orders("B-1", [(PAYOUT, Decimal(1), "EUR"), (PAYOUT[:-1] + "e", Decimal(1), "EUR")])
    block = "<OrgnlPmtInfId>B-1</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts>"
    found = events_of(tmp_path, pain002(block=block), orders)
    assert [(event["type"], event["data"]["reason"]) for event in found] == [("payout.failed", "NARR")] * 2


def test_a_file_that_is_rejected_whole_and_is_none_of_ours_is_a_notice(tmp_path: Path) -> None:
    why = "<StsRsnInf><Rsn><Cd>FF01</Cd></Rsn><AddtlInf>bad file</AddtlInf></StsRsnInf>"
    (event,) = events_of(tmp_path, pain002(group=f"<GrpSts>RJCT</GrpSts>{why}"))
    assert event["data"]["kind"] == "ORDER_UNKNOWN"
    assert (event["data"]["reference"], event["data"]["text"]) == ("M-0", "bad file")


def test_a_group_with_answers_below_it_speaks_by_those(tmp_path: Path) -> None:
    found = events_of(tmp_path, pain002(status("RJCT", reason="AC01"), group="<GrpSts>ACTC</GrpSts>"))
    assert [event["type"] for event in found] == ["payout.failed"]


def test_the_same_answer_in_another_file_is_the_same_event(tmp_path: Path) -> None:
    once = events_of(tmp_path, pain002(status("RJCT", reason="AC01")))
    again = events_of(tmp_path, pain002(status("RJCT", reason="AC01")).replace("R-1", "R-2"))
    assert [event["id"] for event in once] == [event["id"] for event in again]


# The ACH ---------------------------------------------------------------------------------------------------------

ONE = Orders(individual=individual_id(PAYOUT), payout=PAYOUT)


@pytest.mark.parametrize("ends", ["\n", "\r\n", ""])
def test_a_return_of_the_ach_is_a_return_with_a_code_of_iso_20022(tmp_path: Path, ends: str) -> None:
    (event,) = events_of(tmp_path, ach(returned("R02", individual_id(PAYOUT)), ends=ends), ONE)
    assert event["type"] == "payout.returned"
    assert event["data"] == {
        "payout_id": PAYOUT,
        "at": "2026-03-04T00:00:00Z",
        "bank_reference": "231380100000001",
        "reason": "AC04",
        "amount": {"amount": "100.00", "currency": "USD"},
    }


@pytest.mark.parametrize(
    ("code", "individual", "transaction", "kind"),
    [
        ("R02", "SOMEBODY ELSE", "21", "ORDER_UNKNOWN"),
        ("R01", individual_id(PAYOUT), "26", "ORDER_UNKNOWN"),
        ("R68", individual_id(PAYOUT), "21", "RETURN_DISPUTED"),
    ],
)
def test_what_is_no_return_of_a_payout_is_a_notice(
    tmp_path: Path, code: str, individual: str, transaction: str, kind: str
) -> None:
    (event,) = events_of(tmp_path, ach(returned(code, individual, transaction=transaction)), ONE)
    assert (event["type"], event["data"]["kind"]) == ("bank.notice_given", kind)


def test_a_notification_of_change_masks_what_is_right(tmp_path: Path) -> None:
    six, _ = returned("R02", individual_id(PAYOUT), 0)
    change = f"798C01{'231380100000007':15}{'':6}12345678{'1918171614':29}{'':15}123456780000009"
    (event,) = events_of(tmp_path, ach((six, change)), ONE)
    assert event["data"]["kind"] == "ACCOUNT_CHANGED"
    assert (event["data"]["text"], event["data"]["payout_id"]) == ("...1614", PAYOUT)


def test_a_file_of_the_ach_whose_sums_do_not_hold_is_refused_whole(tmp_path: Path) -> None:
    file = ach(returned("R02", individual_id(PAYOUT)))
    broken = file.replace("000000010000", "000000010001")
    with pytest.raises(BankFileRefused, match=r"record 5: says 000000010001 for its credits in cents and has 10000"):
        read(written(tmp_path, broken))
    with pytest.raises(BankFileRefused, match="has no file control"):
        read(written(tmp_path, "\n".join(file.splitlines()[:-1])))


# What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        ("date;amount\n2026-03-04;1,00\n", "is neither XML nor a file of the ACH"),
        ("<html><body>Sign in</body></html>", "<html> is no message of a bank that is read"),
        (
            "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:pain.001.001.09'><CstmrCdtTrfInitn/></Document>",
            "is an order",
        ),
        ("<Document><BkToCstmrStmt><Stmt></BkToCstmrStmt></Document>", "no well-formed XML"),
        ("<Document><BkToCstmrStmt><Stmt><Ntry>", "no well-formed XML"),
    ],
)
def test_what_is_no_file_of_a_bank_is_refused_with_a_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(BankFileRefused, match=sentence):
        read(written(tmp_path, content))


def test_a_message_in_an_envelope_is_found(tmp_path: Path) -> None:
    inner = pain002(status("ACSP"))
    assert brief(told(written(tmp_path, f"<Envelope><Body>{inner}</Body></Envelope>"))) == [("payout.accepted", "")]  # type: ignore[arg-type]


BOMB = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "document_type",
    [
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE d [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>',
        '<!DOCTYPE d [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
        '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">',
        f'<!DOCTYPE d [<!ENTITY a0 "boom">{BOMB}]>',
    ],
)
@pytest.mark.parametrize("use", ["", "&x;", "&a11;"])
def test_entities_and_document_types_are_refused_and_nothing_is_fetched(
    tmp_path: Path, document_type: str, use: str
) -> None:
    content = f"{document_type}<Document><BkToCstmrStmt><Stmt><Id>{use}</Id></Stmt></BkToCstmrStmt></Document>"
    with pytest.raises(BankFileRefused) as refused:
        read(written(tmp_path, content))
    assert "document type" in str(refused.value) or "no well-formed XML" in str(refused.value)
    assert "root:" not in str(refused.value)


def test_endless_depth_and_endless_texts_are_refused(tmp_path: Path) -> None:
    deep = "<a>" * 100_000
    with pytest.raises(BankFileRefused, match="no well-formed XML"):
        read(written(tmp_path, f"<Document><BkToCstmrStmt><Stmt>{deep}"))
    long = "x" * 11_000_000
    with pytest.raises(BankFileRefused, match="no well-formed XML"):
        read(written(tmp_path, f"<Document><BkToCstmrStmt><Stmt><Id>{long}</Id></Stmt></BkToCstmrStmt></Document>"))


def test_answers_name_payouts_in_either_form(tmp_path: Path) -> None:
    for name in (IN_FILE, PAYOUT):
        assert events_of(tmp_path, pain002(status("ACSP", name)))[0]["data"]["payout_id"] == PAYOUT
