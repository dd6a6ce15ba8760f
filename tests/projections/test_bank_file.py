"""Bank files are valid pain.001.001.09, say exactly what the payout says, and are the same bytes every time."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.bank_file import NAMESPACE, Instruction, OwnAccount, Platform, bank_file
from projections.errors import BankFileRefused
from tests.projections.builders import ACH_ACCOUNT, IBAN_ACCOUNT, OWN_ACCOUNT, PLATFORM, payout_key
from tests.support.processor import processor_seconds

SPACE = {"p": NAMESPACE}
KEY = payout_key()
PAYOUT = Instruction(
    payout_id=KEY.payout_id,
    operator_id="OP-1",
    business_date=date(2026, 3, 2),
    currency="EUR",
    amount=108_100,
    fired_at=datetime(2026, 3, 3, 4, 30, tzinfo=UTC),
    holder_name="Ladestrom",
    country_code="NL",
    bank_account=IBAN_ACCOUNT,
)


@cache
def schema() -> Any:
    """The XSD of the message as ISO 20022 publishes it, out of the sepaxml distribution."""
    return xmlschema.XMLSchema(str(files("sepaxml") / "schemas" / "pain.001.001.09.xsd"))


FILE_ID = UUID("0b0b5d0e-3c5e-4a5e-8f37-6f1c1a2b3c4d")
FIRED_AT = datetime(2026, 3, 3, 4, 30, tzinfo=UTC)


def made(*payouts: Instruction, platform: Platform = PLATFORM) -> bytes:
    """The file of some payouts, made when their run fired."""
    return bank_file(FILE_ID, payouts, platform, FIRED_AT)


def read(payout: Instruction, platform: Platform = PLATFORM) -> ElementTree.Element:
    """The file of a payout, after it was found valid."""
    content = made(payout, platform=platform)
    schema().validate(content.decode())
    return ElementTree.fromstring(content)


def text(root: ElementTree.Element, path: str) -> str | None:
    """The text at a path of names."""
    return root.findtext("/".join(f"p:{name}" for name in path.split("/")), namespaces=SPACE)


HEADER, BLOCK = "CstmrCdtTrfInitn/GrpHdr", "CstmrCdtTrfInitn/PmtInf"
TRANSFER = f"{BLOCK}/CdtTrfTxInf"


def test_a_file_says_what_the_payout_says() -> None:
    root = read(PAYOUT)
    transfer_id = KEY.payout_id.replace("-", "")
    expected = {
        f"{HEADER}/MsgId": FILE_ID.hex,
        f"{HEADER}/CreDtTm": "2026-03-03T04:30:00Z",
        f"{HEADER}/NbOfTxs": "1",
        f"{HEADER}/CtrlSum": "1081.00",
        f"{HEADER}/InitgPty/Nm": "WattLedger Demo",
        f"{BLOCK}/PmtInfId": f"{FILE_ID.hex}-1",
        f"{BLOCK}/BtchBookg": "true",
        f"{BLOCK}/NbOfTxs": "1",
        f"{BLOCK}/PmtMtd": "TRF",
        f"{BLOCK}/CtrlSum": "1081.00",
        f"{BLOCK}/PmtTpInf/SvcLvl/Cd": "SEPA",
        f"{BLOCK}/ReqdExctnDt/Dt": "2026-03-03",
        f"{BLOCK}/DbtrAcct/Id/IBAN": OWN_ACCOUNT.iban,
        f"{BLOCK}/DbtrAgt/FinInstnId/BICFI": OWN_ACCOUNT.bic,
        f"{BLOCK}/ChrgBr": "SLEV",
        f"{TRANSFER}/PmtId/InstrId": transfer_id,
        f"{TRANSFER}/PmtId/EndToEndId": transfer_id,
        f"{TRANSFER}/Amt/InstdAmt": "1081.00",
        f"{TRANSFER}/CdtrAgt/FinInstnId/BICFI": "ABNANL2AXXX",
        f"{TRANSFER}/Cdtr/Nm": "Ladestrom Sud GmbH",
        f"{TRANSFER}/CdtrAcct/Id/IBAN": "NL91ABNA0417164300",
        f"{TRANSFER}/RmtInf/Ustrd": "Payout OP-1 2026-03-02",
    }
    assert {path: text(root, path) for path in expected} == expected
    amount = root.find(".//p:InstdAmt", SPACE)
    assert amount is not None
    assert amount.attrib == {"Ccy": "EUR"}


def test_payouts_of_a_run_are_booked_as_one_amount_for_each_day_and_kind_of_transfer() -> None:
    elsewhere = IBAN_ACCOUNT | {"iban": "US123456789012345678"}
    payouts = [
        replace(PAYOUT, payout_id=str(UUID(int=1)), amount=100),
        replace(PAYOUT, payout_id=str(UUID(int=2)), amount=20, execution_date=date(2026, 3, 4)),
        replace(PAYOUT, payout_id=str(UUID(int=3)), amount=3, operator_id="OP-2"),
        replace(PAYOUT, payout_id=str(UUID(int=4)), amount=4000, bank_account=elsewhere),
    ]
    content = made(*payouts)
    schema().validate(content.decode())
    root = ElementTree.fromstring(content)
    assert (text(root, f"{HEADER}/NbOfTxs"), text(root, f"{HEADER}/CtrlSum")) == ("4", "41.23")
    blocks = [
        (
            block.findtext("p:PmtInfId", namespaces=SPACE),
            block.findtext("p:NbOfTxs", namespaces=SPACE),
            block.findtext("p:CtrlSum", namespaces=SPACE),
            block.findtext("p:ReqdExctnDt/p:Dt", namespaces=SPACE),
            block.findtext("p:ChrgBr", namespaces=SPACE),
            [each.text for each in block.findall("p:CdtTrfTxInf/p:Amt/p:InstdAmt", SPACE)],
        )
        for block in root.iter(f"{{{NAMESPACE}}}PmtInf")
    ]
    assert blocks == [
        (f"{FILE_ID.hex}-1", "1", "40.00", "2026-03-03", "DEBT", ["40.00"]),
        (f"{FILE_ID.hex}-2", "2", "1.03", "2026-03-03", "SLEV", ["1.00", "0.03"]),
        (f"{FILE_ID.hex}-3", "1", "0.20", "2026-03-04", "SLEV", ["0.20"]),
    ]


def test_an_account_without_a_bic_says_so() -> None:
    account = {key: value for key, value in IBAN_ACCOUNT.items() if key != "bic"}
    root = read(replace(PAYOUT, bank_account=account))
    assert text(root, f"{TRANSFER}/CdtrAgt/FinInstnId/Othr/Id") == "NOTPROVIDED"


@pytest.mark.parametrize(
    ("scheme", "where", "code"),
    [
        ("ACH", "Cd", "USABA"),
        ("FedNow", "Cd", "USABA"),
        ("RTP", "Cd", "USABA"),
        ("NEFT", "Cd", "INFSC"),
        ("neft", "Cd", "INFSC"),
        ("BARTER", "Prtry", "BARTER"),
    ],
)
def test_an_account_number_goes_with_its_routing_code_and_clearing_system(scheme: str, where: str, code: str) -> None:
    root = read(replace(PAYOUT, currency="USD", bank_account=ACH_ACCOUNT | {"scheme": scheme}))
    member = f"{TRANSFER}/CdtrAgt/FinInstnId/ClrSysMmbId"
    assert text(root, f"{member}/ClrSysId/{where}") == code
    assert text(root, f"{member}/MmbId") == "121000358"
    assert text(root, f"{TRANSFER}/CdtrAcct/Id/Othr/Id") == "9876543"
    assert text(root, f"{TRANSFER}/Cdtr/Nm") == "Volt + Sons"
    assert text(root, f"{BLOCK}/DbtrAcct/Id/Othr/Id") == OWN_ACCOUNT.account_number
    assert text(root, f"{BLOCK}/DbtrAgt/FinInstnId/ClrSysMmbId/MmbId") == OWN_ACCOUNT.routing_code
    assert text(root, f"{BLOCK}/PmtTpInf/LclInstrm/Prtry") == scheme
    assert text(root, f"{BLOCK}/ChrgBr") == "DEBT"


@pytest.mark.parametrize("payee", [ACH_ACCOUNT, IBAN_ACCOUNT])
def test_each_currency_is_paid_from_its_own_account(payee: dict[str, str]) -> None:
    numbered = OwnAccount(account_number="7001", routing_code="026009593")
    swiss = OwnAccount(iban="CH9300762011623852957", bic="POFICHBEXXX")
    platform = Platform("WattLedger", OWN_ACCOUNT, {"USD": numbered, "CHF": swiss})
    in_usd = read(replace(PAYOUT, currency="USD", bank_account=payee), platform)
    assert text(in_usd, f"{BLOCK}/DbtrAcct/Id/Othr/Id") == "7001"
    assert text(in_usd, f"{BLOCK}/DbtrAgt/FinInstnId/ClrSysMmbId/MmbId") == "026009593"
    in_chf = read(replace(PAYOUT, currency="CHF", bank_account=payee), platform)
    assert text(in_chf, f"{BLOCK}/DbtrAcct/Id/IBAN") == "CH9300762011623852957"
    assert text(in_chf, f"{BLOCK}/DbtrAgt/FinInstnId/BICFI") == "POFICHBEXXX"
    in_sek = read(replace(PAYOUT, currency="SEK", bank_account=payee), platform)
    assert text(in_sek, f"{BLOCK}/DbtrAcct/Ccy") == "SEK"
    assert text(in_sek, f"{BLOCK}/DbtrAcct/Id/IBAN") != "CH9300762011623852957"


def test_the_bank_is_asked_to_pay_on_the_execution_date_of_the_payout() -> None:
    root = read(replace(PAYOUT, execution_date=date(2026, 4, 7)))
    assert text(root, f"{BLOCK}/ReqdExctnDt/Dt") == "2026-04-07"


@pytest.mark.parametrize(("currency", "shown"), [("JPY", "108100"), ("EUR", "1081.00"), ("KWD", "108.100")])
def test_amounts_have_the_decimals_of_their_currency(currency: str, shown: str) -> None:
    root = read(replace(PAYOUT, currency=currency))
    assert text(root, f"{TRANSFER}/Amt/InstdAmt") == text(root, f"{HEADER}/CtrlSum") == shown
    assert (text(root, f"{BLOCK}/PmtTpInf/SvcLvl/Cd") == "SEPA") == (currency == "EUR")


def test_the_same_payout_gives_the_same_bytes_wherever_it_is_written() -> None:
    elsewhere = datetime.fromisoformat("2026-03-03T10:00:00+05:30")
    assert made(PAYOUT) == made(replace(PAYOUT, fired_at=elsewhere))


@settings(deadline=None)
@given(amount=st.integers(1, 10**15), holder=st.text(max_size=300), currency=st.sampled_from(["EUR", "INR", "JPY"]))
def test_every_file_is_valid_and_its_sum_is_the_amount(amount: int, holder: str, currency: str) -> None:
    account = IBAN_ACCOUNT | {"holder": holder}
    root = read(replace(PAYOUT, amount=amount, currency=currency, bank_account=account))
    units = Decimal(amount).scaleb(0 if currency == "JPY" else -2)
    assert Decimal(text(root, f"{HEADER}/CtrlSum") or "") == units
    assert 1 <= len(text(root, f"{TRANSFER}/Cdtr/Nm") or "") <= 70


@pytest.mark.parametrize("field", ["account_number", "routing_code", "scheme"])
@pytest.mark.parametrize("value", ["", "9" * 36])
def test_an_account_that_does_not_fit_is_refused_and_never_cut(field: str, value: str) -> None:
    with pytest.raises(BankFileRefused, match=rf"has no {field} of 1 to 3[45] characters.*operator.changed for OP-1"):
        replace(PAYOUT, bank_account=ACH_ACCOUNT | {field: value})


def test_nothing_and_less_are_not_paid() -> None:
    with pytest.raises(BankFileRefused, match="more than zero"):
        replace(PAYOUT, amount=0)


def test_hundreds_of_files_take_seconds() -> None:
    made(PAYOUT)
    assert processor_seconds(lambda: [made(PAYOUT) for _ in range(100)]) / 100 < 0.01
