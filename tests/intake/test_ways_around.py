"""Ways around the people who decide, all of which come to nothing: spellings, pauses, messages sent again."""

from typing import Any

import pytest

from contracts.signatures import SIGNATURE, message_name
from tests.intake.test_approvals import SHARE, TWO, created, decided, payouts, refusals, waiting
from tests.intake.test_holds_and_stops import OTHER, switch
from tests.intake.test_instant_payouts import FEE, paid, request
from tests.intake.test_run_terms import days
from tests.support.audited import verify
from tests.support.decisions import SIGNER
from tests.support.engine import Engine
from tests.support.events import event, operator


def sound(engine: Engine) -> None:
    assert [finding for check in verify(engine.dsn).failed for finding in check.findings] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("m.ortega", "M.ORTEGA"),
        ("m.ortega", "m.ortega "),
        ("m. ortega", " m.  ortega"),
        ("m.ortega", "m.ortega\u200b"),
        ("m.ortega", "m.\uff4frtega"),
        ("jos\u00e9", "jose\u0301"),
        ("stra\u00dfe", "STRASSE"),
    ],
)
def test_one_person_in_two_spellings_is_one(engine: Engine, one: str, other: str) -> None:
    payout = waiting(engine, **TWO)
    first, second = decided("approved", payout, "03 09:00", one), decided("approved", payout, "03 10:00", other)
    engine.feed([first | {"id": "first"}, second | {"id": "second"}])
    assert engine.refusals() == []
    assert payouts(engine) == [("02", 1, "AWAITING_APPROVAL", SHARE)]
    assert len(refusals(engine)) == 1
    sound(engine)


def test_a_payout_approved_while_all_are_stopped_stays_when_its_operator_is_held_by_the_end(engine: Engine) -> None:
    payout = waiting(engine)
    engine.feed(
        [
            switch("payouts.stopped", "03 08:00"),
            decided("approved", payout, "03 09:00"),
            switch("operator.payouts_held", "03 10:00", "OP-1"),
            switch("payouts.resumed", "03 12:00"),
        ]
    )
    engine.advance("2026-03-03T13:00:00Z")
    assert payouts(engine) == [("02", 1, "AWAITING_APPROVAL", SHARE)]
    assert refusals(engine)[0].startswith("when payouts were resumed at 2026-03-03T12:00:00Z, the payouts of OP-1")
    engine.feed(
        [switch("operator.payouts_released", "03 14:00", "OP-1"), decided("approved", payout, "03 15:00", "a.keller")]
    )
    assert payouts(engine) == [("02", 1, "IN_TRANSIT", SHARE)]
    sound(engine)


def test_a_payout_approved_while_all_are_stopped_does_not_go_to_an_account_of_before(engine: Engine) -> None:
    payout = waiting(engine)
    terms: dict[str, Any] = {"time_zone": "UTC", "payout_requires_approval": True, "bank_account": OTHER}
    engine.feed(
        [
            switch("payouts.stopped", "03 08:00"),
            decided("approved", payout, "03 09:00"),
            operator(changed=True, time="2026-03-03T10:00:00Z", **terms),
            switch("payouts.resumed", "03 12:00"),
        ]
    )
    engine.advance("2026-03-03T13:00:00Z")
    assert payouts(engine) == [("02", 1, "AWAITING_APPROVAL", SHARE)]
    assert "another bank account by then" in refusals(engine)[0]
    sound(engine)


def test_who_has_a_payout_go_out_again_does_not_approve_it(engine: Engine) -> None:
    payout = waiting(engine)
    failed = {"payout_id": payout.payout_id, "at": "2026-03-03T12:00:00Z", "reason": "AC04"}
    retried = {"payout_id": payout.payout_id, "at": "2026-03-03T13:00:00Z", "reason": "open again", "by": "B.Rossi"}
    engine.feed(
        [
            decided("approved", payout, "03 09:00"),
            event("payout.failed", payout.payout_id, failed["at"], failed),
            event("payout.retried", payout.payout_id, retried["at"], retried),
        ]
    )
    engine.advance("2026-03-04T00:00:00Z")
    again = created(engine, "02", 2)
    engine.feed([decided("approved", again, "04 09:00", "b.rossi")])
    assert payouts(engine)[1] == ("02", 2, "AWAITING_APPROVAL", SHARE)
    assert refusals(engine) == [f"b.rossi asked for payout {again.payout_id}: another person has to approve it"]
    engine.feed([decided("approved", again, "04 10:00")])
    assert payouts(engine)[1] == ("02", 2, "IN_TRANSIT", SHARE)
    sound(engine)


def test_a_request_that_is_sent_again_as_another_message_is_paid_once(engine: Engine) -> None:
    asked = request("2026-03-02T14:00:00Z", "3.00")
    engine.feed([*days(instant_fee=FEE), asked, asked | {"id": "R-2"}])
    engine.advance("2026-03-03T23:30:00Z")
    engine.feed([asked | {"source": "urn:test:again"}])
    engine.advance("2026-03-04T12:00:00Z")
    assert [attempt for _, attempt, _, _ in paid(engine)] == [1001, 1, 1]
    assert len(refusals(engine)) == 2
    assert {sentence[:39] for sentence in refusals(engine)} == {"that was asked for by another message, "}
    sound(engine)


def test_a_signature_made_for_one_message_is_good_in_no_other(engine: Engine) -> None:
    asked = switch("payouts.stopped", "03 08:00")
    bound = asked | {SIGNATURE: SIGNER.sign(asked["type"], asked["data"], message_name(asked["source"], asked["id"]))}
    engine.feed([bound | {"id": "again"}, bound | {"source": "urn:other"}, bound])
    assert engine.refusals() == ["NOT_SIGNED", "NOT_SIGNED"]
    assert engine.tally()[0] == 1
