"""The forms in which banks send one and the same: envelopes, encodings, prefixes, line ends; and what is no such."""

import gzip
import re
from pathlib import Path

import pytest

from contracts.bank.names import individual_id
from contracts.bank.reading import read
from contracts.bank.values import BankFileRefused, Refused
from tests.bank.files import (
    IN_FILE,
    PAYOUT,
    Orders,
    ach,
    brief,
    camt,
    detail,
    entry,
    events_of,
    pain002,
    returned,
    status,
    told,
    written,
)

BARE = camt(entry("1.00", "DBIT", detail("1.00", EndToEndId=IN_FILE), ref="R-1")).replace('<?xml version="1.0"?>', "")
PAID = [("PAYOUT", "-1.00"), ("payout.paid", "1.00"), ("bank.statement_told",)]
HEAD = '<AppHdr xmlns="urn:iso:std:iso:20022:tech:xsd:head.001.001.02"><Fr><FIId/></Fr></AppHdr>'
FORMS = {
    "a byte order mark": b"\xef\xbb\xbf" + BARE.encode(),
    "UTF-16": f'<?xml version="1.0" encoding="UTF-16"?>{BARE}'.encode("utf-16"),
    "UTF-16 of the other order": b"\xfe\xff" + f'<?xml version="1.0" encoding="UTF-16"?>{BARE}'.encode("utf-16-be"),
    "Latin-1": f'<?xml version="1.0" encoding="ISO-8859-1"?><!-- é -->{BARE}'.encode("latin-1"),
    "a prefix": re.sub(r"<(/?)([A-Z])", r"<\1bank:\2", BARE).replace("xmlns=", "xmlns:bank=").encode(),
    "no name space": re.sub(r' xmlns="[^"]*"', "", BARE).encode(),
    "a bank's own name space": re.sub(r'xmlns="[^"]*"', 'xmlns="http://bank/camt.053.ch.02.xsd"', BARE).encode(),
    "a business message": f"<BizData><Hdr>{HEAD}</Hdr><Pyld>{BARE}</Pyld></BizData>".encode(),
    "a request": f"<RequestPayload>{HEAD}{BARE}</RequestPayload>".encode(),
    "SWIFT": f"<DataPDU><Revision>2</Revision><Header/><Body>{HEAD}{BARE}</Body></DataPDU>".encode(),
    "SOAP": f"<e:Envelope xmlns:e='urn:e'><e:Header/><e:Body><Get>{BARE}</Get></e:Body></e:Envelope>".encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_message_is_the_same_in_whatever_form_it_comes(tmp_path: Path, form: str) -> None:
    assert brief(events_of(tmp_path, FORMS[form])) == PAID


@pytest.mark.parametrize("version", ["02", "03", "04", "06", "08", "10", "11", "12", "13"])
def test_statements_of_all_versions_are_read(tmp_path: Path, version: str) -> None:
    assert brief(events_of(tmp_path, BARE.replace("001.08", f"001.{version}"))) == PAID


def test_an_amount_may_be_any_decimal_of_xml(tmp_path: Path) -> None:
    found = events_of(tmp_path, camt(entry("+1.00"), entry("2."), entry(".5"), entry("1000.00", ccy="JPY")))
    assert brief(found)[:4] == [("UNALLOCATED", each) for each in ("1.00", "2.00", "0.50", "1000")]


RETURNED = ach(returned("R02", individual_id(PAYOUT)))
ONE = Orders(individual=individual_id(PAYOUT), payout=PAYOUT)
ENDS = {
    "a byte order mark": "\ufeff" + RETURNED,
    "carriage returns alone": RETURNED.replace("\n", "\r"),
    "no end of the last line": RETURNED.rstrip("\n"),
    "blocks filled with nines": RETURNED.replace("\n", "\r\n") + f"{'9' * 94}\r\n" * 5,
    "one line": RETURNED.replace("\n", "") + "9" * 94 * 5,
    "blanks cut off": "\n".join(each.rstrip() for each in RETURNED.splitlines()),
    "blanks added": RETURNED.replace("\n", "   \n") + "\n\n",
    "a name in UTF-8": RETURNED.replace("A Company", "Á Cömpany"),
}


@pytest.mark.parametrize("ends", ENDS)
def test_a_file_of_the_ach_is_the_same_in_whatever_form_it_comes(tmp_path: Path, ends: str) -> None:
    assert brief(events_of(tmp_path, ENDS[ends], ONE)) == [("payout.returned", "100.00", "AC04")]


def test_a_name_of_the_ach_may_be_in_latin_1(tmp_path: Path) -> None:
    content = RETURNED.replace("A Company", "Á Cömpan").encode("latin-1")
    assert len(events_of(tmp_path, content.replace(b"mpan ", b"mpan  "), ONE)) == 1


@pytest.mark.parametrize(("code", "kind"), [("R85", "payout.returned"), ("R80", "payout.returned")])
def test_what_a_gateway_returns_is_a_return_and_no_dispute(tmp_path: Path, code: str, kind: str) -> None:
    (event,) = events_of(tmp_path, ach(returned(code, individual_id(PAYOUT))), ONE)
    assert event["type"] == kind


def test_an_entry_that_comes_back_under_its_first_code_is_of_a_credit_as_well(tmp_path: Path) -> None:
    (event,) = events_of(tmp_path, ach(returned("R03", individual_id(PAYOUT), transaction="22")), ONE)
    assert event["type"] == "payout.returned"


ABROAD = f"710ANN{'000000000000100000928383-23938':82}"


def test_addenda_of_entries_from_abroad_are_part_of_them(tmp_path: Path) -> None:
    six, seven = returned("R01", "")
    records = ach((six, seven)).splitlines()
    records[1] = f"{records[1][:50]}IAT{records[1][53:]}"
    records[3:3] = [f"{ABROAD[:87]:87}0000001"] * 2
    records[-2] = records[-2].replace("8220000002", "8220000004")
    records[-1] = records[-1][:13] + "00000004" + records[-1][21:]
    (event,) = events_of(tmp_path, "\n".join(records), ONE)
    assert event["data"]["kind"] == "ORDER_UNKNOWN"


def test_an_entry_of_the_ach_that_nothing_is_said_of_is_passed_over_with_a_sentence(tmp_path: Path) -> None:
    six, seven = returned("R02", individual_id(PAYOUT))
    records = ach((six, seven)).splitlines()
    records.insert(2, six)
    sums = ("0024691356", "000000020000")
    records[-2] = f"8220000003{sums[0]}{'0' * 12}{sums[1]}{records[-2][44:]}"
    records[-1] = f"{records[-1][:13]}00000003{sums[0]}{'0' * 12}{sums[1]}{records[-1][55:]}"
    refused, event = told(written(tmp_path, "\n".join(records)), ONE)
    assert refused == Refused("record 3", "is an entry that neither comes back nor is corrected")
    assert isinstance(event, dict)


ORDER = "\n".join(each for each in RETURNED.splitlines() if each[0] != "7").replace("8220000002", "8220000001")
ORDER = ORDER.replace("900000100000100000002", "900000100000100000001")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (ORDER, r"is an order to a bank \(NACHA, 1 entries of which none comes back\)"),
        (RETURNED.replace("\n5220", "\n5280"), r"record 2: has advices \(ADV\)"),
        (RETURNED + RETURNED, "record 7: stands behind the file control"),
        (RETURNED.replace("\n5220", f"\n{RETURNED[:94]}\n5220"), "record 2: another file begins here"),
        ("\n".join(RETURNED.splitlines()[1:]), "is a piece of a file of the ACH"),
        (RETURNED.replace("A Company ", "A Company and more"), "record 3: has 102 characters"),
        (RETURNED.replace("2603041201A094", "2613041201A094"), "'261304' and no date"),
        (RETURNED.replace("2603041201A094", "²²03041201A094").encode("latin-1"), "[?]{2}0304' and no date"),
        (RETURNED.replace("62112345678", "62113345678"), "says .* for its entry hash"),
        (b"PK\x03\x04", "is a ZIP archive"),
        (gzip.compress(BARE.encode()), r"is compressed \(gzip\): unpack it"),
        (":20:STARTUMSE\r\n:25:10010010/1\r\n", r"is a message of SWIFT \(MT940"),
        ("{1:F01BANKDEFF}{2:O9400000}", r"is a message of SWIFT \(MT940"),
        ("01,122099999,123456789,040621,0200,1,65,,2/", "in the form of BAI2"),
        ("%PDF-1.7", "is a PDF"),
        ("<Document><BkToCstmrStmt><GrpHdr/></BkToCstmrStmt></Document>", "has no statement, report or notification"),
        (f"{BARE}{BARE}", "no well-formed XML"),
        ("<Document><FIToFIPmtStsRpt/></Document>", "<FIToFIPmtStsRpt> is no message of a bank"),
    ],
)
def test_what_is_not_read_is_refused_with_what_to_do(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    with pytest.raises(BankFileRefused, match=sentence):
        read(written(tmp_path, content))


@pytest.mark.parametrize("code", ["", "XXXX", "PART"])
def test_an_answer_that_says_nothing_which_is_known_is_refused(tmp_path: Path, code: str) -> None:
    (refused,) = told(written(tmp_path, pain002(status(code))))
    assert isinstance(refused, Refused)
    assert refused.where == "line 1, OrgnlPmtInfAndSts[1]/TxInfAndSts[1]"


def test_what_a_transaction_leaves_out_is_as_its_block_and_its_file_say(tmp_path: Path) -> None:
    why = "<StsRsnInf><Rsn><Cd>AC06</Cd></Rsn></StsRsnInf>"
    bare = status("RJCT")
    for around in ({"block": f"<PmtInfSts>RJCT</PmtInfSts>{why}"}, {"group": f"<GrpSts>RJCT</GrpSts>{why}"}):
        for one in (bare, bare.replace("<TxSts>RJCT</TxSts>", "")):
            (event,) = events_of(tmp_path, pain002(one, **around))
            assert (event["type"], event["data"]["reason"]) == ("payout.failed", "AC06")
    (event,) = events_of(tmp_path, pain002(status("ACSC"), group=f"<GrpSts>RJCT</GrpSts>{why}"))
    assert event["type"] == "payout.accepted"


def test_of_several_reasons_that_of_a_duplicate_counts(tmp_path: Path) -> None:
    second = "<StsRsnInf><Rsn><Cd>DU04</Cd></Rsn></StsRsnInf></TxInfAndSts>"
    several = status("RJCT", reason="NARR").replace("</TxInfAndSts>", second)
    (event,) = events_of(tmp_path, pain002(several))
    assert event["data"]["kind"] == "DUPLICATE_ORDER"
