"""Faults in how settlements are read, put back one by one: the audit, which shares no reading, sees each."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from contracts.messages import Ref
from domain import receipt
from domain.session.driver import settlements
from domain.session.payment_facts import PaymentFacts
from tests.audit.forgery import unguarded
from tests.intake.test_settlements import CATALOGUE, DAY_AFTER, LATE, SHARED, line, of_provider, settled
from tests.support.aftermath import disputed
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import captured, money, session

Put = Callable[[pytest.MonkeyPatch], None]


def patch(module: Any, name: str, wrong: Callable[..., Any]) -> Put:
    return lambda monkeypatch: monkeypatch.setattr(module, name, wrong)


def everything(line: Any) -> int:
    return 10**6 if (line.gross or 0) > 0 else 0


def twice(line: Any) -> int:
    return 2 * (line.gross or 0)


def nothing(*_: Any) -> tuple[()]:
    return ()


def whoever(payments: PaymentFacts) -> list[Any]:
    """Lines as if they were the provider's of the first capture."""
    return [replace(each, provider=payments.captures[0].provider) for each in payments.settled]


PART = [*session(), settled("7.90", line("P-S-1", "8.20"))]
HALF = [*session(), settled("5.75", line("P-S-1", "6.05"))]
TOLD_AGAIN = [
    *session(),
    *session("S-2"),
    settled("11.70", line("P-S-1", fee="0.40"), id_="later", at=DAY_AFTER),
    settled("11.80", line("P-S-1"), id_="first"),
]
OF_TWO = [
    *session(),
    of_provider(captured("S-1", "2026-03-02T11:05:00Z", payment_id="P-S-1", amount="5.00"), "other-psp", "there"),
    settled("11.75", line("P-S-1", fee="0.35"), provider="other-psp", id_="of the other"),
]
OF_A_STRANGER = [*session(), settled("11.80", line("P-S-1"), provider="other-psp", id_="of the other")]
DISPUTED = [
    *session(),
    disputed("D-1", "S-1", DAY_AFTER, money("12.10"), money("15.00")),
    settled("-15.20", line("P-S-1"), line("P-S-1", "-12.10", "15.00", dispute_id="D-1"), at="2026-03-05T06:00:00Z"),
]
OF_NOBODY = [settled("-4.00", {"kind": "FEE", "gross": money("0.00"), "fee": money("4.00")})]

FAULTS: dict[str, tuple[list[Any], Put, set[str]]] = {
    "8.20 of 12.10 release the share": (PART, patch(settlements, "settles", everything), {"settlements"}),
    "a line settles twice its gross": (HALF, patch(settlements, "settles", twice), {"settlements"}),
    "a settled share is not released": (
        [*session(), settled("11.80", line("P-S-1"))],
        patch(settlements, "settles", lambda line: 0),
        {"settlements"},
    ),
    "each session of a payment posts its fee": (
        SHARED,
        patch(settlements, "bears_its_fee", lambda *_: True),
        {"settlements", "captures"},
    ),
    "no session of a payment posts its fee": (
        SHARED,
        patch(settlements, "bears_its_fee", lambda *_: False),
        {"settlements", "captures"},
    ),
    "a withdrawn line still shows its fee": (
        TOLD_AGAIN,
        patch(settlements, "standing_lines", lambda p: p.settled),
        {"settlements"},
    ),
    "each telling is booked": (TOLD_AGAIN, patch(receipt, "_is_another_page", lambda *_: True), {"receipts"}),
    "a line counts whoever sent it": (OF_TWO, patch(settlements, "standing_lines", whoever), {"settlements"}),
    "a payment is known by its id alone": (
        OF_A_STRANGER,
        patch(Ref, "of", lambda ref, data: data[ref.field]),
        {"settled_lines"},
    ),
    "the fee of a dispute is posted again": (
        DISPUTED,
        patch(settlements, "fee_of", lambda line: 2 * line.fee),
        {"settlements"},
    ),
    "a refund is taken for a payment": (
        [*PART, settled("-3.90", line("P-S-1", "-3.90", "0.00"), settlement_id="B", id_="B")],
        patch(settlements, "settles", lambda line: abs(line.gross)),
        {"settlements"},
    ),
    "a fee of no payment is left out": (
        OF_NOBODY,
        patch(receipt, "_of_no_payment", lambda *_: ()),
        {"receipts"},
    ),
}


def settle(dsn: str, events: list[Any]) -> None:
    engine = Engine(dsn)
    engine.feed(CATALOGUE)
    engine.feed(events, batch=1)
    engine.advance(LATE)
    engine.close()


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("is_put", [False, True], ids=["sound", "put back"])
def test_the_audit_sees_that(what: str, is_put: bool, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    events, put, expected = FAULTS[what]
    with monkeypatch.context() as wrong:
        if is_put:
            put(wrong)
        settle(database_url, events)
    report = verify(database_url)
    found = {check.name for check in report.failed}
    assert (expected <= found) if is_put else not found, [
        finding.sentence for check in report.checks for finding in check.findings
    ]


def test_a_shared_payment_of_which_more_was_taken_back_than_settled_has_all_fees_that_were_told(
    database_url: str,
) -> None:
    taken_back = settled("-4.25", line("P", "-4.00", "0.25", kind="PAYMENT"), id_="taken back")
    settle(database_url, [*(each for each in SHARED if each["type"] != "payment.settled"), taken_back])
    report = verify(database_url)
    assert report.passed, [finding.sentence for check in report.failed for finding in check.findings]


def test_a_line_that_was_changed_or_lost_on_its_way_is_found(database_url: str) -> None:
    settle(
        database_url,
        [*HALF, *session("S-2"), settled("1.00", line("P-X", "1.00", "0.00"), id_="2", settlement_id="2")],
    )
    assert verify(database_url).passed
    changed = (
        "UPDATE event_store.stored_events SET state = replace(convert_from(state, 'UTF8'), '6.05', '6.06')::bytea "
        "WHERE topic = 'payment.settled.item'"
    )
    for statement in (changed, "DELETE FROM intake.parked"):
        with psycopg.connect(database_url) as connection, unguarded(connection, "event_store.stored_events"):
            assert connection.execute(statement.encode()).rowcount == 1
        assert "settled_lines" in {check.name for check in verify(database_url).failed}
