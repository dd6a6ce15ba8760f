"""What `verify` finds is told in major units, each amount with its currency."""

from collections.abc import Callable

import pytest

from ledger.audit import verify
from ledger.audit.report import AuditReport

Tamper = Callable[[str], int]


def sentences(report: AuditReport, name: str) -> list[str]:
    (check,) = [check for check in report.checks if check.name == name]
    return [finding.sentence for finding in check.findings]


def test_what_drivers_owe_is_told_in_euros_and_in_yen(book: str, tamper: Tamper) -> None:
    receivable = "account LIKE '1105/%%' AND currency = '{}' AND entry_id IN (SELECT entry_id FROM book.entry"
    for currency in ("EUR", "JPY"):
        changed = tamper(
            "UPDATE book.posting SET amount_minor = 123400 WHERE ctid = (SELECT ctid FROM book.posting "
            f"WHERE {receivable.format(currency).replace('%%', '%')} WHERE kind = 'J01') ORDER BY account LIMIT 1)"
        )
        assert changed == 1
    told = sentences(verify(book), "receivables")
    assert any(" EUR is not paid yet" in sentence for sentence in told)
    amounts = [sentence.split(": ")[1].split(" ")[0] for sentence in told if "EUR" in sentence]
    assert amounts
    assert all(amount[-3] == "." for amount in amounts)
    assert all("." not in sentence.split(": ")[1] for sentence in told if "JPY" in sentence)


@pytest.mark.parametrize(
    ("statement", "check", "told"),
    [
        (
            "UPDATE book.balance SET debits = debits + 12345678900 WHERE account = '5040' AND currency = 'EUR'",
            "trial_balance",
            "EUR: the sum of all kept balances should be 0.00 EUR and is 123456789.00 EUR",
        ),
        (
            (
                "UPDATE book.posting SET amount_minor = -99900 WHERE line = 1 AND entry_id = (SELECT entry_id "
                "FROM book.entry WHERE kind = 'J09' AND currency = 'EUR' ORDER BY entry_id LIMIT 1)"
            ),
            "entries",
            "the sum of its postings should be 0.00 EUR and is -",
        ),
    ],
)
def test_a_difference_is_told_in_major_units(
    statement: str, check: str, told: str, book: str, tamper: Tamper
) -> None:
    assert tamper(statement) >= 1
    assert any(told in sentence for sentence in sentences(verify(book), check))


def test_cover_is_told_in_major_units(book: str, tamper: Tamper) -> None:
    assert tamper("UPDATE book.posting SET amount_minor = -50000000 WHERE account LIKE '2010/%' AND currency = 'EUR'")
    (sentence,) = [each for each in sentences(verify(book), "cover") if each.startswith("EUR: ")]
    words = sentence.replace(",", "").split()
    amounts = [float(words[at - 1]) for at, word in enumerate(words) if at and word.rstrip(":") == "EUR"]
    owed, there, short = amounts[:3]
    assert owed - there == pytest.approx(short)
    assert owed >= 500_000
