"""Payouts that left, or wait, otherwise than people decided are found by `verify`, and what nobody has signed."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.messages import SIGNED_TYPES
from contracts.signatures import Keyring
from domain.calendar import instant
from domain.catalogue import account_changes
from domain.payout import approvals, circumstances, deciding
from domain.payout.circumstances import Circumstances
from domain.payout.payout import Payout
from ledger.audit.signatures import SIGNED
from tests.intake.test_approvals import TWO, created, decided, payouts, waiting
from tests.intake.test_decisions_in_any_order import account
from tests.intake.test_holds_and_stops import switch
from tests.support.audited import verify
from tests.support.decisions import PUBLIC_KEYS
from tests.support.engine import Engine
from tests.support.events import event, operator, session, tariff


def failed(engine: Engine) -> set[str]:
    """The checks that fail, signatures among them."""
    return {check.name for check in verify(engine.dsn, decision_keys=PUBLIC_KEYS).failed}


def test_a_second_approval_by_the_same_person_that_counts_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approvals._Walk, "_is_barred", lambda *_: "")
    payout = waiting(engine, **TWO)
    engine.feed([decided("approved", payout, "03 09:00"), decided("approved", payout, "03 10:00", "M.Ortega")])
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    assert failed(engine) == {"decided"}


def test_one_approval_where_two_are_asked_for_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circumstances, "approvals_needed", lambda *_: 1)
    payout = waiting(engine, **TWO)
    engine.feed([decided("approved", payout, "03 09:00")])
    assert failed(engine) == {"decided"}


def test_an_approval_of_another_content_that_counts_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals._Walk, "_is_about_other", lambda *_: "")
    payout = waiting(engine)
    engine.feed([decided("approved", payout, "03 09:00", content_hash="0" * 64)])
    assert failed(engine) == {"decided"}


def test_an_approval_that_had_lapsed_and_counts_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals, "APPROVAL_LASTS", timedelta(days=30))
    monkeypatch.setattr(deciding, "APPROVAL_LASTS", timedelta(days=30))
    payout = waiting(engine, **TWO)
    engine.feed([decided("approved", payout, "03 09:00"), decided("approved", payout, "08 10:00", "a.keller")])
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    assert failed(engine) == {"decided"}


def test_an_approval_by_whoever_changed_the_terms_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Circumstances, "barred", lambda *_: frozenset())
    payout = waiting(engine)
    change = operator(changed=True, time="2026-03-03T08:00:00Z", time_zone="UTC", by="m.ortega")
    engine.feed([change, decided("approved", payout, "03 09:00")])
    assert failed(engine) == {"decided"}


def test_a_run_that_pays_while_payouts_are_held_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Circumstances, "is_held", lambda *_: False)
    engine.feed(
        [operator(time_zone="UTC"), tariff(), *session(), switch("operator.payouts_held", "02 12:00", "OP-1")]
    )
    engine.advance("2026-03-03T00:00:00Z")
    assert failed(engine) == {"decided"}


def test_a_run_that_pays_while_all_payouts_are_stopped_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Circumstances, "is_stopped", lambda *_: False)
    monkeypatch.setattr(Circumstances, "leaves_at", lambda _, moment: moment)
    engine.feed([operator(time_zone="UTC"), tariff(), *session(), switch("payouts.stopped", "02 12:00")])
    engine.clock.advance(instant("2026-03-03T00:00:00Z"), by_event_time=True)
    assert failed(engine) == {"decided"}


def test_a_hand_off_while_all_payouts_are_stopped_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    payout = waiting(engine)
    monkeypatch.setattr(Circumstances, "leaves_at", lambda _, moment: moment)
    engine.feed([switch("payouts.stopped", "03 08:00"), decided("approved", payout, "03 09:00")])
    assert failed(engine) == {"decided"}


def test_an_account_that_one_person_changed_alone_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def alone(walk: Any, fact: Any) -> str:
        walk.account = fact.account
        return ""

    monkeypatch.setattr(account_changes._Walk, "_propose", alone)
    engine.feed([operator(time_zone="UTC", account_change="CONFIRM"), tariff(), *session()])
    engine.feed([account("proposed", "02 12:00", "m.ortega")])
    engine.feed([operator(changed=True, time="2026-03-02T13:00:00Z", time_zone="UTC", account_change="CONFIRM")])
    engine.advance("2026-03-03T00:00:00Z")
    assert "decided" in failed(engine)


def test_an_account_that_did_not_cool_off_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.clock._known.catalogue.cooling_off = timedelta(0)
    engine.clock._known.cooling_off = timedelta(0)
    engine.feed([operator(time_zone="UTC", account_change="CONFIRM"), tariff(), *session()])
    engine.feed([account("proposed", "02 12:00", "m.ortega"), account("confirmed", "02 13:00", "a.keller")])
    engine.advance("2026-03-03T00:00:00Z")
    assert created(engine).bank_account["holder"] == "Two"
    assert failed(engine) == {"decided"}


def test_a_payout_that_people_rejected_and_that_waits_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "_decided", lambda *_: [])
    payout = waiting(engine)
    engine.feed([decided("rejected", payout, "03 09:00")])
    assert failed(engine) == {"decided"}


def test_a_payout_that_enough_people_approved_and_that_waits_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "_decided", lambda *_: [])
    payout = waiting(engine)
    engine.feed([decided("approved", payout, "03 09:00")])
    assert failed(engine) == {"decided"}


def test_a_decision_that_was_altered_or_that_nobody_signed_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keyring, "is_signed", lambda *_: True)
    payout = waiting(engine)
    forged = decided("approved", payout, "03 09:00")
    forged["data"] = forged["data"] | {"by": "a.keller"}
    engine.feed([forged])
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    assert failed(engine) == {"signatures"}


def test_decisions_as_they_were_signed_pass(engine: Engine) -> None:
    payout = waiting(engine)
    engine.feed([decided("approved", payout, "03 09:00")])
    checks = {check.name: check for check in verify(engine.dsn, decision_keys=PUBLIC_KEYS).checks}
    assert checks["signatures"].examined == 1
    assert checks["signatures"].passed
    assert checks["decided"].passed


def test_a_payout_that_leaves_when_payouts_are_resumed_and_its_operator_is_held_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Circumstances, "why_not", lambda *_: "")
    payout = waiting(engine)
    engine.feed(
        [
            switch("payouts.stopped", "03 08:00"),
            decided("approved", payout, "03 09:00"),
            switch("operator.payouts_held", "03 10:00", "OP-1"),
            switch("payouts.resumed", "03 12:00"),
        ]
    )
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    assert failed(engine) == {"decided"}


def test_an_approval_by_whoever_had_the_payout_go_out_again_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Payout, "retried_by", lambda *_: "")
    payout = waiting(engine)
    failure = {"payout_id": payout.payout_id, "at": "2026-03-03T12:00:00Z", "reason": "AM04"}
    retried = {"payout_id": payout.payout_id, "at": "2026-03-03T13:00:00Z", "reason": "open again", "by": "b.rossi"}
    engine.feed(
        [decided("approved", payout, "03 09:00"), event("payout.failed", payout.payout_id, failure["at"], failure)]
    )
    engine.feed([event("payout.retried", payout.payout_id, retried["at"], retried)])
    engine.advance("2026-03-04T00:00:00Z")
    engine.feed([decided("approved", created(engine, "02", 2), "04 09:00", "B.Rossi")])
    assert payouts(engine)[1][2] == "IN_TRANSIT"
    assert failed(engine) == {"decided"}


def test_a_second_spelling_of_one_person_that_counts_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approvals, "folded_name", lambda name: name)
    payout = waiting(engine, **TWO)
    engine.feed([decided("approved", payout, "03 09:00"), decided("approved", payout, "03 10:00", "m.ortega ")])
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    assert failed(engine) == {"decided"}


def test_every_type_that_is_signed_is_checked() -> None:
    assert set(SIGNED) == SIGNED_TYPES
