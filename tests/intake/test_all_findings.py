"""All that is open, as a command and a file: each kind, sums as on the accounts, the same in any order."""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from domain.book.findings import CURES, FindingKind
from projections.export import export
from tests.projections.builders import PLATFORM
from tests.support import aftermath
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import (
    TOKEN,
    captured,
    cdr_answer,
    corrected,
    ended,
    event,
    money,
    operator,
    partner,
    session,
    started,
    tariff,
)
from wattledger.cli import main

DAY = "2026-03-02"
UNTIL = "2026-03-05T12:00:00Z"
PAID = aftermath.payout_id("OP-1", DAY)
APPROVED = aftermath.payout_id("OP-2", DAY)


def begun(session_id: str, **fields: Any) -> dict[str, Any]:
    """The start of a session at a plug of its own."""
    return started(session_id, evse_uid=session_id, **fields)


def account(iban: str) -> dict[str, str]:
    """A bank account of an operator's own."""
    return {"holder": "Grachtenlader BV", "iban": iban}


def reviewed(session_id: str, at: str, verdict: str) -> dict[str, Any]:
    """The word of a person about a session."""
    data = {"session_id": session_id, "at": at, "verdict": verdict, "reason": "looked at it", "by": "ann"}
    return event("charging.session.reviewed", session_id, at, data)


HISTORY: list[dict[str, Any]] = [
    operator(),
    tariff(),
    operator("OP-2", payout_requires_approval=True, bank_account=account("NL20INGB0001234567")),
    tariff("OP-2", "T-2"),
    operator("OP-3", bank_account=account("DE89370400440532013000")),
    tariff("OP-3", "T-3"),
    operator("OP-4", fund_release="ON_SETTLEMENT", bank_account=account("BE68539007547034")),
    tariff("OP-4", "T-4"),
    partner("PAY_WHEN_PAID"),
    # All is well with the first, and its payout is with the bank.
    *session("S-1"),
    begun("S-2"),
    ended("S-2"),
    begun("S-3"),
    ended("S-3"),
    captured("S-3", amount="10.00"),
    begun("S-4"),
    captured("S-4", amount="5.00"),
    begun("S-5", tariff_id="T-NONE"),
    ended("S-5"),
    begun("S-6"),
    ended("S-6"),
    ended("S-6", "2026-03-02T11:30:00Z", 22_000),
    aftermath.refunded("R-1", "S-7", "2026-03-03T08:00:00Z", money("3.00"), "OPERATOR"),
    begun("S-8", operator_id="OP-2", tariff_id="T-2"),
    ended("S-8"),
    captured("S-8"),
    begun("S-9", operator_id="OP-3", tariff_id="T-3"),
    ended("S-9"),
    captured("S-9"),
    aftermath.payout_answer("failed", aftermath.payout_id("OP-3", DAY), "2026-03-03T10:00:00Z"),
    # Of a price that fell after it was paid the driver gets the difference; one that was none is closed.
    begun("S-10", operator_id="OP-4", tariff_id="T-4"),
    ended("S-10"),
    captured("S-10"),
    corrected("S-10", "2026-03-04T08:00:00Z", 18_000),
    begun("S-11", operator_id="OP-4", tariff_id="T-4"),
    ended("S-11"),
    reviewed("S-11", "2026-03-04T08:00:00Z", "VOID"),
    aftermath.refunded("R-9", "S-9", "2026-03-04T09:00:00Z", money("2.00"), "OPERATOR"),
    # Of three roaming sessions one is accepted.
    *(each for name in ("A", "B", "C") for each in (begun(f"R-{name}", token=TOKEN), ended(f"R-{name}"))),
    cdr_answer("R-A", "2026-03-03T12:00:00Z", accepted=True),
    cdr_answer("R-B", "2026-03-03T12:00:00Z", accepted=False),
    aftermath.settled("ST-1", "2026-03-04T06:00:00Z", "other-psp", [captured("S-99", amount="7.00")["data"]]),
    aftermath.invoice_paid("I-1", "DE-ABC", "2026-03-04T07:00:00Z", [aftermath.cdr_id("S-77")], money("9.00")),
]
# Kind, subject, account, operator, amount, and since when.
EXPECTED: list[tuple[Any, ...]] = [
    ("CAPTURE_DIFFERS", "S-3", "1105/S-3", "OP-1", "2.10", "2026-03-02T11:00:00Z"),
    ("CAPTURE_UNRATED", "S-4", "1105/S-4", "OP-1", "-5.00", "2026-03-02T11:01:00Z"),
    ("INVOICE_DIFFERS", "I-1", "1210/DE-ABC", None, "-9.00", "2026-03-04T07:00:00Z"),
    ("LEAKAGE", "R-B", None, "OP-1", "12.10", "2026-03-02T11:15:00Z"),
    ("LEAKAGE", "R-C", None, "OP-1", "12.10", "2026-03-02T11:15:00Z"),
    ("NEGATIVE_BALANCE", "OP-3", "2010/OP-3", "OP-3", "-2.00", "2026-03-04T09:00:00Z"),
    ("OVERSETTLED", "other-psp", "1110/other-psp", None, "-6.70", "2026-03-04T06:00:00Z"),
    ("PAYOUT_AWAITS_APPROVAL", APPROVED, "2010/OP-2", "OP-2", "10.89", "2026-03-02T23:00:00Z"),
    (
        "PAYOUT_TO_FIX",
        aftermath.payout_id("OP-3", DAY),
        "2060/OP-3",
        "OP-3",
        "10.89",
        "2026-03-03T10:00:00Z",
    ),
    ("PAYOUT_UNANSWERED", PAID, f"2050/{PAID}", "OP-1", "10.89", "2026-03-02T23:00:00Z"),
    ("REFUND_DUE", "P-S-10", "2080/P-S-10", "OP-4", "-1.21", "2026-03-04T08:00:00Z"),
    ("REFUND_WITHOUT_CAPTURE", "P-S-7", None, None, "3.00", "2026-03-03T08:00:00Z"),
    ("SESSION_INVALID", "S-6", None, "OP-1", None, "2026-03-02T10:00:00Z"),
    ("SESSION_SUSPENDED", "S-5", None, "OP-1", None, "2026-03-02T10:00:00Z"),
    ("SETTLEMENT_ITEM_UNKNOWN", "P-S-99", None, None, "7.00", "2026-03-04T06:00:00Z"),
    ("UNCAPTURED", "S-2", "1105/S-2", "OP-1", "12.10", "2026-03-02T11:00:00Z"),
    ("UNSETTLED", "acme-psp", "1110/acme-psp", None, "59.60", "2026-03-02T11:01:00Z"),
]


def written(engine: Engine, folder: Path) -> list[dict[str, Any]]:
    export(engine.dsn, folder, PLATFORM)
    return [json.loads(line) for line in (folder / "findings.jsonl").read_text().splitlines()]


def told(finding: dict[str, Any]) -> tuple[Any, ...]:
    amount = finding["amount"] and finding["amount"]["amount"]
    return (finding["kind"], finding["subject"], finding["account"], finding["operator_id"], amount, finding["since"])


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert main(["findings", *words, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_everything_that_is_open_stands_in_the_file_with_its_cure(engine: Engine, tmp_path: Path) -> None:
    engine.feed(HISTORY)
    engine.advance(UNTIL)
    found = written(engine, tmp_path)
    assert [told(each) for each in found] == EXPECTED
    assert all(each["cure"] == CURES[FindingKind(each["kind"])] for each in found)
    assert {each["amount"]["currency"] for each in found if each["amount"]} == {"EUR"}
    by_kind = {each["kind"]: each["sentence"] for each in found}
    assert by_kind["CAPTURE_DIFFERS"] == "session S-3 costs 12.10 EUR and 10.00 EUR was paid for it"
    assert by_kind["INVOICE_DIFFERS"] == "partner DE-ABC paid 9.00 EUR more for I-1 than is billed by it"
    assert by_kind["NEGATIVE_BALANCE"] == "operator OP-3 has 2.00 EUR less than nothing (available)"
    assert by_kind["LEAKAGE"].startswith("partner DE-ABC has not answered CDR ")
    assert "failed (AC04) and was not paid again" in by_kind["PAYOUT_TO_FIX"]
    assert verify(engine.dsn).passed


def test_sums_are_those_of_the_accounts(engine: Engine, tmp_path: Path) -> None:
    engine.feed(HISTORY)
    engine.advance(UNTIL)
    sums: dict[str, int] = {}
    for each in written(engine, tmp_path):
        if each["account"] and each["account"][:4] in ("1105", "1110", "1210", "2410"):
            name = f"{each['account']} {each['amount']['currency']}"
            sums[name] = sums.get(name, 0) + int(each["amount"]["amount"].replace(".", ""))
    assert sums == {
        name: amount
        for name, amount in engine.balances().items()
        if name[:4] in ("1105", "1110", "1210", "2410") and amount
    }


@pytest.mark.parametrize("seed", range(4))
def test_in_any_order_of_arrival_the_file_is_the_same(engine: Engine, tmp_path: Path, seed: int) -> None:
    shuffled = Random(seed).sample(HISTORY, len(HISTORY))
    for first in range(0, len(shuffled), 7):
        engine.feed(shuffled[first : first + 7])
    engine.advance(UNTIL)
    assert [told(each) for each in written(engine, tmp_path)] == EXPECTED


def test_what_is_cured_is_open_no_more(engine: Engine, tmp_path: Path) -> None:
    engine.feed(HISTORY)
    engine.advance(UNTIL)
    cured: Sequence[dict[str, Any]] = (
        captured("S-2", "2026-03-05T09:00:00Z"),
        captured("S-3", "2026-03-05T09:00:00Z", "2.10", payment_id="P-3b"),
        tariff("OP-1", "T-NONE"),
        captured("S-5"),
        aftermath.payout_answer("paid", PAID, "2026-03-04T10:00:00Z"),
        captured("S-7", "2026-03-02T11:01:00Z", "3.00"),
    )
    engine.feed(cured)
    kinds = [each["kind"] for each in written(engine, tmp_path)]
    assert not {"UNCAPTURED", "CAPTURE_DIFFERS", "SESSION_SUSPENDED", "PAYOUT_UNANSWERED"} & set(kinds)
    engine.feed([begun("S-7"), ended("S-7", register_wh=5_000)])
    engine.feed([corrected("S-4", "2026-03-05T10:00:00Z", 9_000), ended("S-4")])
    kinds = [each["kind"] for each in written(engine, tmp_path)]
    assert not {"REFUND_WITHOUT_CAPTURE", "CAPTURE_UNRATED"} & set(kinds)


def test_a_session_that_was_none_is_open_no_more_once_its_driver_has_the_money_back(
    engine: Engine, tmp_path: Path
) -> None:
    two_ends = [begun("S-1"), ended("S-1"), ended("S-1", "2026-03-02T11:30:00Z", 22_000), captured("S-1")]
    data = {"session_id": "S-1", "at": "2026-03-03T09:00:00Z", "verdict": "VOID", "reason": "none", "by": "I. Jansen"}
    was_none = event("charging.session.reviewed", "S-1", "2026-03-03T09:00:00Z", data)
    paid_back = aftermath.refunded("R-1", "S-1", "2026-03-04T09:00:00Z", money("12.10"), "OPERATOR")
    for events, kinds in (
        ([operator(), tariff(), *two_ends], ["CAPTURE_UNRATED", "SESSION_INVALID", "UNSETTLED"]),
        ([was_none], ["CAPTURE_UNRATED", "UNSETTLED"]),
        ([paid_back], ["OVERSETTLED"]),
    ):
        engine.feed(events)
        assert [each["kind"] for each in written(engine, tmp_path)] == kinds
    assert verify(engine.dsn).passed


def test_the_command_lists_them_with_their_age_and_by_operator_and_kind(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.feed(HISTORY)
    engine.advance(UNTIL)
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", engine.dsn)
    monkeypatch.setenv("WATTLEDGER_DATA_DIR", str(tmp_path))
    everything = asked(capsys)
    assert [told(each) for each in everything] == EXPECTED
    assert all(each["age_days"] >= 0 for each in everything)
    assert [told(each) for each in asked(capsys, "--operator", "OP-3")] == [
        each for each in EXPECTED if each[3] == "OP-3"
    ]
    assert [told(each) for each in asked(capsys, "--kind", "UNSETTLED")] == EXPECTED[-1:]
    assert [told(each) for each in asked(capsys, "--kind", "unsettled")] == EXPECTED[-1:]
    assert main(["findings", "--kind", "NONE"]) == 1
    assert "there is no kind 'NONE'; choose among" in capsys.readouterr().err
    assert main(["findings"]) == 0
    page = capsys.readouterr().out
    assert "CAPTURE_DIFFERS: 1, in all 2.10 EUR" in page
    assert CURES[FindingKind.UNSETTLED] in page


def test_a_store_without_findings_says_so(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", engine.dsn)
    monkeypatch.setenv("WATTLEDGER_DATA_DIR", str(tmp_path))
    assert main(["findings"]) == 0
    assert capsys.readouterr().out == "Findings: none\n"


def test_an_attempt_that_failed_beside_one_that_was_paid_after_all_has_nothing_to_fix(
    engine: Engine, tmp_path: Path
) -> None:
    answers = [
        aftermath.payout_answer(word, aftermath.payout_id("OP-1", DAY, attempt), at)
        for word, attempt, at in (
            ("failed", 1, "2026-03-03T09:00:00Z"),
            ("failed", 2, "2026-03-05T10:00:00Z"),
            ("paid", 1, "2026-03-06T09:00:00Z"),
        )
    ]
    moved = operator(changed=True, time="2026-03-03T12:00:00Z", bank_account=account("NL20INGB0001234567"))
    engine.feed([operator(), tariff(), *session("S-1"), answers[0], moved])
    engine.advance("2026-03-05T00:00:00Z")
    engine.feed(answers[1:2])
    assert "PAYOUT_TO_FIX" in kinds_in_file(engine, tmp_path)
    engine.feed(answers[2:])
    # The first one was paid: the balance of 2060 is nothing, and no run pays the second again.
    assert not [account for account in engine.balances() if account.startswith(("2050/", "2060/"))]
    assert "PAYOUT_TO_FIX" not in kinds_in_file(engine, tmp_path)


def kinds_in_file(engine: Engine, directory: Path) -> list[str]:
    """The kinds of what `findings.jsonl` lists."""
    export(engine.dsn, directory, PLATFORM)
    return [json.loads(line)["kind"] for line in (directory / "findings.jsonl").read_text().splitlines()]
