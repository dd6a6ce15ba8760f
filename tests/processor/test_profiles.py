"""Bank files of every profile are handed in, whole, and none that says otherwise than what was ordered."""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from domain.payout.bank_profiles import PROFILES, Form
from projections.bank_file import Instruction, Platform, bank_file
from projections.bank_list import list_file
from projections.bank_nacha import nacha_file
from tests.processor.driving import Driven
from tests.processor.orders import HOLDER, end_to_end_id, payout_id, records
from tests.projections.builders import ACH_ACCOUNT, OWN_ACCOUNT
from wattledger.processor.bank_files import read_bank_file

FIRED = datetime(2026, 3, 3, 1, tzinfo=UTC)
AMOUNTS = {"OP-1": 12540, "OP-2": 9900, "OP-3": 1}
PLATFORM = Platform("Watt Ledger", OWN_ACCOUNT, company_id="1987654321")
INDIA = {"holder": "Volt Ltd", "account_number": "50100", "routing_code": "HDFC0000001", "scheme": "NEFT"}
# Of each form: what writes it, how its files end, in which currency, and to what account.
FORMS: dict[Form, tuple[Any, str, str, dict[str, str]]] = {
    Form.PAIN_001_09: (bank_file, "xml", "EUR", HOLDER),
    Form.PAIN_001_03: (bank_file, "xml", "EUR", HOLDER),
    Form.NACHA: (nacha_file, "ach", "USD", ACH_ACCOUNT),
    Form.CSV: (list_file, "csv", "INR", INDIA),
}


def id_of(operator_id: str, profile: str, of: Any = payout_id) -> str:
    """The id of a payout in the currency of a profile."""
    return str(of(operator_id, currency=FORMS[PROFILES[profile].form][2]))


def made(profile: str) -> bytes:
    """The file of a run, as WattLedger makes it, for two days."""
    write, _, currency, account = FORMS[PROFILES[profile].form]
    payouts = [
        Instruction(
            payout_id=id_of(operator_id, profile),
            operator_id=operator_id,
            business_date=date(2026, 3, 2),
            currency=currency,
            amount=amount,
            fired_at=FIRED,
            holder_name="Volt",
            country_code="NL",
            bank_account=account,
            execution_date=date(2026, 3, 4 + (operator_id == "OP-3")),
            bank_profile=profile,
        )
        for operator_id, amount in AMOUNTS.items()
    ]
    return bytes(write(UUID(int=5), payouts, PLATFORM, FIRED))


def driven_by(folder: Path, profile: str, content: bytes, **options: Any) -> Driven:
    """A processor that has the orders and the file."""
    _, suffix, currency, creditor = FORMS[PROFILES[profile].form]
    batches = folder / "batches"
    batches.mkdir(exist_ok=True)
    (batches / f"file.{suffix}").write_bytes(content)
    driven = Driven(folder / "state", bank_files=batches, **options)
    for operator_id, amount in AMOUNTS.items():
        driven.take(records(operator_id, amount=f"{amount / 100:.2f}", currency=currency, creditor=creditor))
    driven.run()
    return driven


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_file_of_every_profile_is_paid_once(folder: Path, profile: str) -> None:
    driven = driven_by(folder, profile, made(profile))
    driven.kill()
    driven.run()
    assert driven.debits == {id_of(each, profile, end_to_end_id): 1 for each in AMOUNTS}
    assert Counter(driven.words) == {"accepted": 3, "paid": 3}


@pytest.mark.parametrize("profile", ["NACHA_PPD_BALANCED", "NEFT_CSV", "SEPA_INST"])
def test_the_bank_answers_by_files_whatever_the_form_of_the_order(folder: Path, profile: str) -> None:
    answers = folder / "answers"
    answers.mkdir()
    driven = driven_by(folder, profile, made(profile), writes_to=answers)
    driven.run(86_400)
    assert {each.name.partition(".")[2] for each in answers.iterdir()} == {
        "pain.002.xml",
        "camt.054.xml",
        "camt.053.xml",
    }


@pytest.mark.parametrize(
    ("profile", "old", "new", "sentence"),
    [
        ("NACHA_CCD", b"0000009900", b"0000009901", "says"),
        ("NACHA_CCD", b"9876543 ", b"9876544 ", "was ordered as"),
        ("NACHA_CCD", b"705Payout ", b"705Payoff ", "no addendum that names a payout"),
        ("NACHA_CCD", b"\n8220000004", b"\n8220000005", "says"),
        ("NACHA_CCD", b"\n9000", b"\n8000", "no file control"),
        ("NACHA_CCD", b"260304", b"260303", "was ordered as"),
        ("NEFT_CSV", b",99.00,", b",98.00,", "CtrlSum"),
        ("NEFT_CSV", b",50100,", b",50101,", "was ordered as"),
        ("NEFT_CSV", b"\r\nT,", b"\r\nX,", "no last line"),
    ],
)
def test_a_file_that_says_otherwise_than_it_was_ordered_or_than_it_holds_is_not_handed_in(
    folder: Path, profile: str, old: bytes, new: bytes, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    content = made(profile)
    changed = content.replace(old, new)
    assert changed != content
    assert driven_by(folder, profile, changed).debits == {}
    assert sentence in caplog.text


def test_an_individual_number_that_is_not_the_payouts_is_seen(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = made("NACHA_CCD").decode().splitlines()
    at = next(number for number, line in enumerate(lines) if line[0] == "6")
    lines[at] = lines[at][:39] + "A" * 15 + lines[at][54:]
    assert driven_by(folder, "NACHA_CCD", "\n".join(lines).encode()).debits == {}
    assert "names another payout" in caplog.text


def test_what_the_offset_of_a_balanced_file_is_drawn_from_is_the_account_that_pays(folder: Path) -> None:
    (folder / "file.ach").write_bytes(made("NACHA_CCD_BALANCED"))
    assert {each.debtor for each in read_bank_file(folder / "file.ach").transactions} == {OWN_ACCOUNT.account_number}
