"""What should be open and is not listed, or is listed and not open, is found; so is what nobody looked for."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from domain.book.findings import Finding, FindingChange, OpenFindings
from projections.movements import Movements
from projections.runner import catch_up
from tests.audit.forgery import unguarded
from tests.support import aftermath
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import captured, ended, money, operator, session, started, tariff


def begun(session_id: str, **fields: Any) -> dict[str, Any]:
    """The start of a session at a plug of its own."""
    return started(session_id, evse_uid=session_id, **fields)


REFUND = aftermath.refunded("R-1", "S-2", "2026-03-03T10:00:00Z", money("4.00"), "OPERATOR")
HISTORY = [operator(), tariff(), *session("S-1"), begun("S-2"), ended("S-2"), REFUND]


def failed(engine: Engine) -> set[str]:
    return {check.name for check in verify(engine.dsn).failed}


def sentences(engine: Engine) -> list[str]:
    return [finding.sentence for check in verify(engine.dsn).failed for finding in check.findings]


def tamper(engine: Engine, statement: str) -> int:
    guarded = ("book.balance", "event_store.stored_events")
    with psycopg.connect(engine.dsn) as connection, unguarded(connection, *guarded):
        return connection.execute(statement.encode()).rowcount


TAMPERING: dict[str, tuple[str, set[str]]] = {
    "a finding is not listed": ("DELETE FROM projection.finding_row", {"findings"}),
    "a finding is listed with another amount": (
        "UPDATE projection.finding_row SET amount = amount - 1",
        {"findings"},
    ),
    "a finding is listed as another operator's": (
        "UPDATE projection.finding_row SET operator_id = 'OP-9'",
        {"findings"},
    ),
    "a finding is listed that nobody opened": (
        (
            "INSERT INTO projection.finding_row SELECT generation, stream, 'other', kind, subject, operator_id, "
            "since, sentence, currency, amount FROM projection.finding_row"
        ),
        {"findings"},
    ),
    "an open item is less than its account": (
        "UPDATE projection.open_item_row SET amount = amount - 1 WHERE account = '1105/S-2'",
        {"open_items"},
    ),
    "an open item is not listed": (
        "DELETE FROM projection.open_item_row WHERE account = '1110/acme-psp'",
        {"open_items"},
    ),
    "an item is open of an account that is not": (
        (
            "INSERT INTO projection.open_item_row SELECT generation, '1105/S-1', currency, document, effective_at, 1 "
            "FROM projection.open_item_row WHERE account = '1105/S-2'"
        ),
        {"open_items"},
    ),
    "nobody is told of the first opening": (
        (
            "UPDATE event_store.stored_events SET state = convert_to(jsonb_set(convert_from(state, 'UTF8')::jsonb, "
            "'{first}', 'false')::text, 'UTF8') WHERE topic = 'FindingOpened'"
        ),
        {"findings", "outbox"},
    ),
    "what was opened says another amount": (
        (
            "UPDATE event_store.stored_events SET state = convert_to(jsonb_set(convert_from(state, 'UTF8')::jsonb, "
            "'{finding,amount}', '399')::text, 'UTF8') WHERE topic = 'FindingOpened'"
        ),
        {"findings"},
    ),
    "what was opened says that it has ended": (
        "UPDATE event_store.stored_events SET topic = 'FindingEnded' WHERE topic = 'FindingOpened'",
        {"findings"},
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_is_found(engine: Engine, what: str) -> None:
    statement, checks = TAMPERING[what]
    engine.feed(HISTORY)
    catch_up(engine.dsn)
    assert failed(engine) == set()
    assert tamper(engine, statement) == 1
    assert failed(engine) == checks


def test_read_models_that_are_behind_are_no_failure(engine: Engine) -> None:
    engine.feed(HISTORY[:-1])
    catch_up(engine.dsn)
    engine.feed([HISTORY[-1]])
    assert failed(engine) == set()


def test_a_refund_that_nobody_looks_for_is_missed_by_the_engine_and_not_by_the_audit(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: Any, **__: Any) -> Sequence[FindingChange]:
        return []

    monkeypatch.setattr(OpenFindings, "towards", nothing)
    engine.feed(HISTORY)
    catch_up(engine.dsn)
    assert failed(engine) == {"findings"}
    assert "has no capture, and nobody was told" in sentences(engine)[0]


def test_a_finding_that_does_not_end_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.feed(HISTORY)
    monkeypatch.setattr(OpenFindings, "towards", lambda *_, **__: [])
    engine.feed([captured("S-2")])
    catch_up(engine.dsn)
    assert failed(engine) == {"findings"}


def test_an_amount_of_a_finding_that_is_none_of_the_facts_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    towards = OpenFindings.towards

    def halved(known: OpenFindings, wanted: Iterable[Finding], *others: Any, **named: Any) -> list[FindingChange]:
        return towards(known, [replace(each, amount=(each.amount or 0) // 2) for each in wanted], *others, **named)

    monkeypatch.setattr(OpenFindings, "towards", halved)
    engine.feed(HISTORY)
    catch_up(engine.dsn)
    assert failed(engine) == {"findings"}


def test_open_items_that_leave_out_what_is_captured_are_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Movements.add

    def without_captures(moved: Movements, decision: Any, drafts: Any) -> None:
        if type(decision.booking).__name__ != "PaymentCaptured":
            add(moved, decision, drafts)

    monkeypatch.setattr(Movements, "add", without_captures)
    engine.feed(HISTORY)
    catch_up(engine.dsn)
    assert failed(engine) == {"open_items"}
