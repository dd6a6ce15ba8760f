"""`verify` reads bank files of every profile, and a fault that is planted in any of them is found."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from projections.bank_file import OwnAccount, Platform
from projections.export import export
from tests.conftest import Stores
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import captured, ended, operator, started, tariff

PLATFORM = Platform(
    "WattLedger", OwnAccount("NL91ABNA0417164300", "ABNANL2A", "000123456789", "021000021"), company_id="1987654321"
)
US = {"holder": "Volt Inc", "account_number": "9876543", "routing_code": "121000358", "scheme": "ACH"}
INDIA = {"holder": "Volt Ltd", "account_number": "50100", "routing_code": "HDFC0000001", "scheme": "NEFT"}
TERMS: dict[str, dict[str, Any]] = {
    "PAIN_001_03": {},
    "SEPA": {},
    "SEPA_03": {},
    "SEPA_INST": {},
    "NACHA_CCD": {"currency": "USD", "bank_account": US},
    "NACHA_PPD_BALANCED": {"currency": "USD", "bank_account": US},
    "NEFT_CSV": {"currency": "INR", "bank_account": INDIA},
}
# What is changed in a file, by its profile, and for what.
FAULTS = {
    "another account": (
        "PAIN_001_03",
        "<IBAN>NL91ABNA0417164300(</IBAN>\\s*</Id>\\s*</Cdtr)",
        "<IBAN>NL02ABNA0123456789\\1",
    ),
    "another sum": ("SEPA_03", "<CtrlSum>[0-9.]+", "<CtrlSum>1"),
    "another reference": ("SEPA", "<Ref>RF[0-9][0-9]", "<Ref>RF00"),
    "no instant transfer": ("SEPA_INST", "<Cd>INST</Cd>", "<Cd>TRF</Cd>"),
    "another entry hash": ("NACHA_CCD", "(\\n8220000002)001", "\\g<1>002"),
    "an offset of another amount": ("NACHA_PPD_BALANCED", "(\\n627.{26})0", "\\g<1>1"),
    "an addendum of another payout": ("NACHA_CCD", "(\\n705Payout ).", "\\g<1>0"),
    "another amount in a list": ("NEFT_CSV", "(D,NEFT.*,)[0-9]+[.]", "\\g<1>9."),
    "another count in a list": ("NEFT_CSV", ",1\\r\\n$", ",2\r\n"),
}


def history() -> Iterator[dict[str, Any]]:
    """An operator of each profile with a session that was paid for."""
    for number, (profile, terms) in enumerate(TERMS.items(), 1):
        operator_id, session_id, tariff_id = f"OP-{number}", f"S-{number}", f"T-{number}"
        currency = terms.get("currency", "EUR")
        within = "payout_bank_profile" if number % 2 else "bank_profile"
        yield operator(operator_id, **(terms | {within: profile}))
        yield tariff(operator_id, tariff_id, currency=currency)
        yield started(session_id, operator_id=operator_id, tariff_id=tariff_id)
        yield ended(session_id)
        yield captured(session_id, currency=currency)


@pytest.fixture(scope="module")
def paid(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A store in which each operator was paid by a file of its profile."""
    with stores() as dsn:
        engine = Engine(dsn)
        engine.feed(history())
        engine.advance("2026-03-04T23:00:00Z")
        export(engine.dsn, tmp_path_factory.mktemp("files"), PLATFORM)
        yield engine
        engine.close()


def failed(engine: Engine) -> set[str]:
    return {check.name for check in verify(engine.dsn).failed}


def test_each_operator_is_paid_by_a_file_of_its_profile(paid: Engine, tmp_path: Path) -> None:
    rows = paid.rows(
        "SELECT bank_profile, right(name, 3) FROM projection.payouts JOIN intake.bank_file_payout USING (payout_id)"
    )
    forms = {"NACHA": "ach", "NEFT": "csv"}
    assert dict(rows) == {profile: forms.get(profile.partition("_")[0], "xml") for profile in TERMS}
    assert failed(paid) == set()
    export(paid.dsn, tmp_path, PLATFORM, every_bank_file=True)
    assert len(list((tmp_path / "batches").iterdir())) == len(TERMS)


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_that_is_planted_in_a_bank_file_is_found(paid: Engine, what: str) -> None:
    profile, pattern, replacement = FAULTS[what]
    ((name, content),) = paid.rows(
        "SELECT name, content FROM intake.bank_file JOIN intake.bank_file_payout USING (name) "
        "JOIN projection.payouts USING (payout_id) WHERE bank_profile = %s",
        profile,
    )
    changed = re.sub(pattern, replacement, content.decode())
    assert changed != content.decode()
    put = "UPDATE intake.bank_file SET content = %s WHERE name = %s"
    with psycopg.connect(paid.dsn) as connection:
        connection.execute(put, (changed.encode(), name))
    try:
        assert failed(paid) == {"bank_files"}
    finally:
        with psycopg.connect(paid.dsn) as connection:
            connection.execute(put, (content, name))
