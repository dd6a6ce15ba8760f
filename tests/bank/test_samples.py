"""The public samples of bank files, read in place: each tells what it holds, or is refused with its sentence."""

from pathlib import Path

import pytest

from contracts.bank.reading import read
from contracts.bank.values import BankFileRefused
from tests.bank.files import brief, told

TOLD = ("bank.statement_told",)
NOTICE = ("bank.notice_given",)


def credits(*amounts: str) -> list[tuple[str, ...]]:
    return [("UNALLOCATED", amount) for amount in amounts]


EXPECTED = {
    "camt053-02-multi-statement.genkgo.xml": [*credits("8.85"), TOLD, *credits("-7.00"), TOLD],
    "camt053-02-five-decimals.genkgo.xml": [*credits("8.85"), TOLD],
    "camt053-04.genkgo.xml": [*credits("8.85"), TOLD],
    "camt053-08.genkgo.xml": [*credits("8.85"), TOLD],
    "camt054-04.genkgo.xml": [("REMAINDER", "-200000.00")],
    "camt054-08.genkgo.xml": [("REMAINDER", "-200000.00")],
    "camt053-ch-postfinance.moov.xml": [*credits("4.50", "-77.70", "1500.00", "1537.00", "1692.22"), TOLD],
    "camt053-us-goldman.svapnil.xml": [
        *credits("10.00", "-10.00", *["10.00"] * 4, "-10.00", "-29.06", "-10.00", *["10.00"] * 5, "-10.00"),
        TOLD,
    ],
    "camt054-fi.moov.xml": credits(
        *("1900.00", "100.00", "400.00", "100.00", "2500.00", "500.00"),
        *("-2000.02", "-1000.01", "-1230.02", "-500.00", "-500.00"),
    ),
    "camt054-returns-ch.moov.xml": credits("500.00"),
    "pain002-03-group-reject-nordea.svapnil.xml": [NOTICE],
    "pain002-03-txn-reject-nordea.svapnil.xml": [NOTICE] * 2,
    "pain002-txn-reject-crossriver.svapnil.xml": [NOTICE] * 3,
    "pain002-epo-ch.moov.xml": [NOTICE],
    "nacha-returns-web.moov.ach": [NOTICE] * 2,
    "nacha-dishonored-return.moov.ach": [NOTICE] * 2,
    "nacha-notification-of-change.moov.ach": [NOTICE],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_tells_what_it_holds(shared_dir: Path, name: str) -> None:
    assert brief(told(shared_dir / "bankfiles" / name)) == EXPECTED[name]  # type: ignore[arg-type]


def test_a_sample_of_an_order_is_refused(shared_dir: Path) -> None:
    file = shared_dir / "bankfiles" / "pain001-ch-postfinance.moov.xml"
    with pytest.raises(BankFileRefused, match=r"is an order to a bank .* import what the bank answers to it"):
        read(file)


def test_a_returned_sample_would_return_a_payout_of_ours(shared_dir: Path, tmp_path: Path) -> None:
    content = (shared_dir / "bankfiles" / "camt054-returns-ch.moov.xml").read_text()
    ours = tmp_path / "ours.xml"
    ours.write_text(content.replace("InstrId-001-03-04", "5a7a9bd27a7c5c0e8e5e2f6f1a2b3c4d"))
    assert brief(told(ours)) == [("PAYOUT", "500.00"), ("payout.returned", "500.00", "AC01")]  # type: ignore[arg-type]
