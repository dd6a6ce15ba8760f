"""Bank files of every profile are valid by somebody else's reading, and add up to the payouts that they are of."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, get_args
from uuid import NAMESPACE_URL, UUID, uuid5
from xml.etree import ElementTree

import pytest
import xmlschema
from achkit import validate
from achkit.parse import parse
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.bank.ach_records import RECORD
from contracts.bank.names import creditor_reference, ids_of, individual_id
from contracts.run_terms import BankProfile
from domain.payout.bank_profiles import DEFAULT, EVERY_BANK, PROFILES, Form, profile_for
from projections.bank_file import Instruction, OwnAccount, Platform, bank_file
from projections.bank_list import list_file
from projections.bank_nacha import nacha_file
from projections.errors import BankFileRefused
from tests.projections.builders import ACH_ACCOUNT, IBAN_ACCOUNT, OWN_ACCOUNT

FILE_ID = UUID("0b0b5d0e-3c5e-4a5e-8f37-6f1c1a2b3c4d")
MADE_AT = datetime(2026, 3, 3, 4, 30, tzinfo=UTC)
PLATFORM = Platform("Wätt & Ledger, Demo", OWN_ACCOUNT, company_id="1987654321")
NEFT_ACCOUNT = {"holder": "=Volt & Söhne", "account_number": "50100", "routing_code": "HDFC0000001", "scheme": "neft"}
ACCOUNTS = {"EUR": IBAN_ACCOUNT, "USD": ACH_ACCOUNT, "INR": NEFT_ACCOUNT}
CURRENCY_OF = {Form.NACHA: "USD", Form.CSV: "INR"}
NAMED = sorted(set(PROFILES) - {DEFAULT})


def payout(number: int, profile: str, amount: int = 108_100, **others: Any) -> Instruction:
    currency = CURRENCY_OF.get(PROFILES[profile].form, "EUR")
    return Instruction(
        payout_id=str(uuid5(NAMESPACE_URL, f"payout {number}")),
        operator_id=f"OP-{number}",
        business_date=date(2026, 3, 2),
        currency=currency,
        amount=amount,
        fired_at=MADE_AT,
        holder_name="Ladestrom",
        country_code="NL",
        bank_account=others.pop("bank_account", ACCOUNTS[currency]),
        execution_date=others.pop("day", date(2026, 3, 4)),
        bank_profile=profile,
    )


def made(payouts: Sequence[Instruction], platform: Platform = PLATFORM) -> bytes:
    writers = {Form.NACHA: nacha_file, Form.CSV: list_file}
    write = writers.get(PROFILES[payouts[0].bank_profile].form, bank_file)
    return write(FILE_ID, payouts, platform, MADE_AT)


@cache
def schema(form: str) -> Any:
    """The XSD of a message as ISO 20022 publishes it, out of the sepaxml distribution."""
    return xmlschema.XMLSchema(str(files("sepaxml") / "schemas" / f"{form}.xsd"))


def document(content: bytes, form: str) -> ElementTree.Element:
    """A message that was found valid, its names without their space."""
    schema(form).validate(content.decode())
    root = ElementTree.fromstring(content)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def test_the_contract_names_the_profiles_that_there_are() -> None:
    assert set(get_args(BankProfile)) == {*NAMED, EVERY_BANK}


AMOUNTS = st.lists(st.integers(1, 99_999_999_99), min_size=1, max_size=25)


@settings(max_examples=25, deadline=None)
@given(AMOUNTS, st.sampled_from([each for each in NAMED if PROFILES[each].suffix == "xml"]))
def test_every_pain_file_is_valid_and_adds_up(amounts: list[int], profile: str) -> None:
    told = PROFILES[profile]
    root = document(made([payout(number, profile, amount) for number, amount in enumerate(amounts)]), told.form)
    assert root.findtext(".//GrpHdr/NbOfTxs") == str(len(amounts))
    assert Decimal(root.findtext(".//GrpHdr/CtrlSum") or "") * 100 == sum(amounts)
    references = [each.text for each in root.iter("Ref")]
    assert len(references) == (len(amounts) if told.reference else 0)
    assert (root.find(".//RmtInf/Ustrd") is None) == told.reference


def test_an_instant_transfer_is_asked_for_of_the_block() -> None:
    root = document(made([payout(1, "SEPA_INST")]), "pain.001.001.09")
    assert root.findtext(".//PmtInf/PmtTpInf/SvcLvl/Cd") == "SEPA"
    assert root.findtext(".//PmtInf/PmtTpInf/LclInstrm/Cd") == "INST"
    assert root.find(".//CdtTrfTxInf/PmtTpInf") is None


def test_version_3_says_what_version_9_says() -> None:
    paths = ("PmtId/EndToEndId", "Amt/InstdAmt", "Cdtr/Nm", "CdtrAcct/Id/IBAN", "RmtInf/Ustrd")
    old = document(made([payout(1, "PAIN_001_03")]), "pain.001.001.03")
    new = document(made([payout(1, DEFAULT)]), "pain.001.001.09")
    for path in paths:
        assert old.findtext(f".//CdtTrfTxInf/{path}") == new.findtext(f".//CdtTrfTxInf/{path}") is not None
    assert old.findtext(".//ReqdExctnDt") == new.findtext(".//ReqdExctnDt/Dt") == "2026-03-04"
    assert old.findtext(".//CdtrAgt/FinInstnId/BIC") == new.findtext(".//CdtrAgt/FinInstnId/BICFI") == "ABNANL2AXXX"


def test_a_bic_that_version_3_does_not_take_is_left_out() -> None:
    account = IBAN_ACCOUNT | {"bic": "4BNANL2AXXX"}
    root = document(made([payout(1, "PAIN_001_03", bank_account=account)]), "pain.001.001.03")
    assert root.findtext(".//CdtrAgt/FinInstnId/Othr/Id") == "NOTPROVIDED"


def test_a_reference_checks_out_and_leads_back_to_its_payout() -> None:
    # The example of ISO 11649: RF18 5390 0754 7034.
    assert int("".join(str(int(each, 36)) for each in "539007547034RF18")) % 97 == 1
    for number in range(200):
        payout_id = str(uuid5(NAMESPACE_URL, str(number)))
        reference = creditor_reference(payout_id)
        assert int("".join(str(int(each, 36)) for each in reference[4:] + reference[:4])) % 97 == 1
        low, high = ids_of(reference[4:]) or ("", "")
        assert low <= payout_id <= high


@settings(max_examples=40, deadline=None)
@given(AMOUNTS, st.sampled_from([each for each in NAMED if PROFILES[each].form is Form.NACHA]), st.integers(1, 3))
def test_every_file_of_the_ach_is_valid_by_another_parser(amounts: list[int], profile: str, days: int) -> None:
    payouts = [
        payout(number, profile, amount, day=date(2026, 3, 4 + number % days)) for number, amount in enumerate(amounts)
    ]
    text = made(payouts).decode("ascii")
    found = validate(text)
    assert found == {"ok": True, "errors": []}
    read = parse(text)
    credits = [entry for batch in read["batches"] for entry in batch["entries"] if entry["txn_code"] == 22]
    assert sorted(each["amount_cents"] for each in credits) == sorted(amounts)
    assert read["control"]["total_credit"] == sum(amounts)
    assert read["control"]["total_debit"] == (sum(amounts) if PROFILES[profile].balanced else 0)
    assert all(len(line) == RECORD for line in text.splitlines())
    assert text.count("\n") % 10 == 0


def test_an_entry_of_the_ach_names_its_payout_as_its_return_will() -> None:
    one = payout(1, "NACHA_CCD")
    lines = made([one]).decode("ascii").splitlines()
    entry, addendum = lines[2], lines[3]
    assert lines[0][3:23] == " 0210000211987654321"
    assert lines[1][50:53] == "CCD"
    assert lines[1][69:75] == "260304"
    assert entry[39:54] == individual_id(one.payout_id)
    assert entry[54:76] == f"{'Volt + Sons':22}"
    assert addendum[3:83].rstrip() == f"Payout {one.payout_id} OP-1 2026-03-02"
    assert entry[79:94] == f"02100002{1 + FILE_ID.int % (9_999_999 - 2):07}"


def test_what_the_ach_cannot_say_is_refused_with_what_to_do() -> None:
    with pytest.raises(BankFileRefused, match="another bank_profile"):
        made([payout(1, "NACHA_CCD", 10**10)])
    with pytest.raises(BankFileRefused, match="WATTLEDGER_PLATFORM_ACCOUNTS"):
        made([payout(1, "NACHA_CCD")], Platform("A", OwnAccount("NL91ABNA0417164300")))


def test_a_sum_that_one_batch_cannot_say_stands_in_several() -> None:
    payouts = [payout(number, "NACHA_PPD", 9_999_999_999) for number in range(99)]
    assert validate(made(payouts).decode())["ok"]
    with pytest.raises(BankFileRefused, match="the most that a file of the ACH can say"):
        made([payout(number, "NACHA_PPD", 9_999_999_999) for number in range(101)])


def test_a_list_has_a_line_for_each_payout_and_their_sum() -> None:
    payouts = [payout(1, "NEFT_CSV", 150), payout(2, "NEFT_CSV", 5_000_000)]
    content = made(payouts).decode()
    rows = list(csv.DictReader(content.splitlines(), strict=True))
    assert [row["amount"] for row in rows] == ["1.50", "50000.00", "50001.50"]
    assert rows[0] == {
        "record": "D",
        "payment_type": "NEFT",
        "debit_account": OWN_ACCOUNT.account_number,
        "beneficiary_name": ".Volt + Sohne",
        "beneficiary_account": "50100",
        "ifsc": "HDFC0000001",
        "amount": "1.50",
        "currency": "INR",
        "value_date": "2026-03-04",
        "reference": payouts[0].payout_id.replace("-", ""),
        "remarks": "Payout OP-1 2026-03-02",
    }
    assert (rows[-1]["record"], rows[-1]["remarks"], rows[-1]["reference"]) == ("T", "2", FILE_ID.hex)


def test_no_name_begins_as_a_formula_does() -> None:
    account = NEFT_ACCOUNT | {"holder": "-2+3 Volt"}
    rows = list(csv.DictReader(made([payout(1, "NEFT_CSV", bank_account=account)]).decode().splitlines()))
    assert rows[0]["beneficiary_name"] == "2+3 Volt"


@pytest.mark.parametrize(
    ("term", "currency", "account", "expected"),
    [
        (None, "EUR", IBAN_ACCOUNT, DEFAULT),
        (EVERY_BANK, "USD", ACH_ACCOUNT, DEFAULT),
        ("SEPA_INST", "EUR", IBAN_ACCOUNT, "SEPA_INST"),
        ("SEPA_INST", "EUR", IBAN_ACCOUNT | {"iban": "US123456789012345678"}, DEFAULT),
        (None, "USD", ACH_ACCOUNT, "NACHA_CCD"),
        (None, "USD", ACH_ACCOUNT | {"account_number": "9" * 18}, DEFAULT),
        (None, "USD", ACH_ACCOUNT | {"scheme": "NEFT"}, DEFAULT),
        ("NACHA_PPD", "USD", ACH_ACCOUNT, "NACHA_PPD"),
        ("NACHA_PPD", "USD", IBAN_ACCOUNT, DEFAULT),
        ("NEFT_CSV", "INR", NEFT_ACCOUNT, "NEFT_CSV"),
    ],
)
def test_a_payout_goes_by_its_terms_then_by_country_or_currency_and_only_where_it_can(
    term: str | None, currency: str, account: dict[str, str], expected: str
) -> None:
    assert profile_for(term, {"USD": "NACHA_CCD"}, "NL", currency, account) == expected


def test_the_country_comes_before_the_currency() -> None:
    rules = {"NL": "SEPA", "EUR": "SEPA_03"}
    assert profile_for(None, rules, "NL", "EUR", IBAN_ACCOUNT) == "SEPA"
    assert profile_for(None, rules, "DE", "EUR", IBAN_ACCOUNT) == "SEPA_03"


def test_the_same_payouts_give_the_same_bytes() -> None:
    for profile in NAMED:
        payouts = [payout(number, profile) for number in range(3)]
        assert made(payouts) == made([replace(each) for each in payouts])
