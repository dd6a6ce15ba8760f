"""Payouts that wait for people: approved by as many as it takes, rejected or lapsed; the first by its time counts."""

import json
from datetime import date
from typing import Any

from domain.payout.content import decided_content
from ledger.events.codec import decode
from tests.intake.test_far_ahead import notices
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import event, operator, session, tariff

# What the operator has of a session: 12.10 gross less 1.00 commission and 0.21 VAT on it.
SHARE = 1089
TWO = {"payout_requires_approval": True, "payout_approvals": [{"from": "0", "approvals": 2}]}
MADE = "2026-03-03T00:00:00Z"


def network(**terms: Any) -> list[dict[str, Any]]:
    """An operator whose payouts wait for approval; a session on 2 March, paid by the run of 3 March, 0 h UTC."""
    return [operator(time_zone="UTC", **({"payout_requires_approval": True} | terms)), tariff(), *session()]


def payouts(engine: Engine) -> list[tuple[str, int, str, int]]:
    """(day, attempt, status, amount) of every payout, by the stored events."""
    found: dict[str, Any] = {}
    for topic, state in engine.rows(
        "SELECT topic, state FROM event_store.stored_events WHERE topic LIKE 'Payout%%' ORDER BY notification_id"
    ):
        each = decode(topic, bytes(state))
        if topic == "PayoutCreated":
            found[each.payout_id] = [each, each.status]
        elif topic == "PayoutStatusChanged":
            found[each.payout_id][1] = each.status
    made = [(each.business_date, each.attempt, str(status), each.amount) for each, status in found.values()]
    return sorted((f"{day:%d}", attempt, status, amount) for day, attempt, status, amount in made)


def created(engine: Engine, day: str = "02", attempt: int = 1) -> Any:
    """A payout as it was made."""
    for (state,) in engine.rows("SELECT state FROM event_store.stored_events WHERE topic = 'PayoutCreated'"):
        each = decode("PayoutCreated", bytes(state))
        if (each.business_date, each.attempt) == (date(2026, 3, int(day)), attempt):
            return each
    raise LookupError(day)


def decided(word: str, payout: Any, at: str, by: str = "m.ortega", **data: Any) -> dict[str, Any]:
    """A person's decision about a payout, at a moment of March."""
    time = f"2026-03-{at.replace(' ', 'T')}:00Z"
    told = {"payout_id": payout.payout_id, "content_hash": decided_content(payout), f"{word}_at": time, "by": by}
    if word == "rejected":
        told["reason"] = "it is twice what it was"
    return event(f"payout.{word}", payout.payout_id, time, told | data, f"{word}:{payout.payout_id}:{at}:{by}")


def refusals(engine: Engine) -> list[str]:
    """What is refused, in its order."""
    rows = engine.rows(
        "SELECT state FROM event_store.stored_events WHERE topic = 'DecisionRefused' ORDER BY notification_id"
    )
    return [json.loads(bytes(state))["sentence"] for (state,) in rows]


def waiting(engine: Engine, **terms: Any) -> Any:
    """A payout that waits for approval."""
    engine.feed(network(**terms))
    engine.advance(MADE)
    assert payouts(engine) == [("02", 1, "AWAITING_APPROVAL", created(engine).amount)]
    return created(engine)


def test_an_approved_payout_is_handed_off_when_it_is_approved(engine: Engine) -> None:
    payout = waiting(engine, payout_reserve_percent="10", payout_reserve_days=3)
    engine.feed([decided("approved", payout, "04 09:30")])
    assert payouts(engine) == [("02", 1, "IN_TRANSIT", 980)]
    kinds = engine.rows("SELECT kind, effective_at FROM book.entry WHERE kind IN ('J31', 'J35') ORDER BY kind")
    assert [(kind, f"{at:%d %H:%M}") for kind, at in kinds] == [("J31", "04 09:30"), ("J35", "04 09:30")]
    engine.advance("2026-03-08T00:00:00Z")
    assert payouts(engine) == [("02", 1, "IN_TRANSIT", 980), ("05", 1, "AWAITING_APPROVAL", 109)]
    assert verify(engine.dsn).passed, verify(engine.dsn).failed


def test_a_rejected_payout_leaves_its_lines_to_the_next_run(engine: Engine) -> None:
    payout = waiting(engine)
    engine.feed([decided("rejected", payout, "03 09:30")])
    assert payouts(engine) == [("02", 1, "REJECTED", SHARE)]
    engine.advance("2026-03-04T00:00:00Z")
    assert payouts(engine) == [("02", 1, "REJECTED", SHARE), ("03", 1, "AWAITING_APPROVAL", SHARE)]
    assert verify(engine.dsn).passed, verify(engine.dsn).failed


def test_two_people_have_to_approve_where_the_terms_ask_for_two(engine: Engine) -> None:
    payout = waiting(engine, **TWO)
    engine.feed([decided("approved", payout, "03 09:00"), decided("approved", payout, "03 10:00", "M.Ortega")])
    assert payouts(engine)[0][2] == "AWAITING_APPROVAL"
    assert refusals(engine) == ["M.Ortega had approved it at 2026-03-03T09:00:00Z: another person has to"]
    engine.feed([decided("approved", payout, "03 11:00", "a.keller")])
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    told = [each["sentence"].rpartition(": ")[2] for each in notices(engine, "PAYOUT_APPROVED")]
    assert told == ["1 of 2", "2 of 2"]
    assert verify(engine.dsn).passed, verify(engine.dsn).failed


def test_of_an_approval_and_a_rejection_the_first_by_its_own_time_counts(engine: Engine) -> None:
    payout = waiting(engine)
    # They come together, the later one first.
    engine.feed([decided("approved", payout, "03 10:00"), decided("rejected", payout, "03 09:00", "a.keller")])
    assert payouts(engine)[0][2] == "REJECTED"
    assert refusals(engine) == [f"a.keller had rejected payout {payout.payout_id} at 2026-03-03T09:00:00Z"]


def test_a_rejection_that_comes_too_late_is_refused(engine: Engine) -> None:
    payout = waiting(engine)
    engine.feed([decided("approved", payout, "03 10:00")])
    engine.feed([decided("rejected", payout, "03 09:00", "a.keller"), decided("rejected", payout, "03 11:00")])
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    assert sorted(refusals(engine)) == [
        f"payout {payout.payout_id} had been handed off, as of 2026-03-03T10:00:00Z, when this came",
        f"payout {payout.payout_id} had been handed off, as of 2026-03-03T10:00:00Z, when this came",
    ]
    assert verify(engine.dsn).passed, verify(engine.dsn).failed


def test_an_approval_before_a_rejection_that_comes_after_it_counts_while_the_lines_are_free(engine: Engine) -> None:
    payout = waiting(engine)
    engine.feed([decided("rejected", payout, "03 10:00")])
    engine.feed([decided("approved", payout, "03 09:00", "a.keller")])
    assert payouts(engine) == [("02", 1, "IN_TRANSIT", SHARE)]
    engine.advance("2026-03-05T00:00:00Z")
    assert payouts(engine) == [("02", 1, "IN_TRANSIT", SHARE)]
    assert verify(engine.dsn).passed, verify(engine.dsn).failed


def test_an_approval_that_comes_when_the_lines_are_paid_by_another_payout_is_refused(engine: Engine) -> None:
    payout = waiting(engine)
    engine.feed([decided("rejected", payout, "03 10:00")])
    engine.advance("2026-03-04T00:00:00Z")
    engine.feed([decided("approved", payout, "03 09:00", "a.keller")])
    assert [status for _, _, status, _ in payouts(engine)] == ["REJECTED", "AWAITING_APPROVAL"]
    assert refusals(engine) == [
        f"payout {payout.payout_id} had been rejected, and its lines are paid by another, when this came"
    ]
    assert verify(engine.dsn).passed, verify(engine.dsn).failed


def test_an_approval_of_another_content_or_before_the_payout_was_made_counts_for_nothing(engine: Engine) -> None:
    payout = waiting(engine)
    engine.feed(
        [decided("approved", payout, "03 09:00", content_hash="0" * 64), decided("approved", payout, "02 23:59")]
    )
    assert payouts(engine)[0][2] == "AWAITING_APPROVAL"
    assert sorted(refusals(engine)) == [
        f"payout {payout.payout_id} has another content than the one decided about: look at it again",
        f"payout {payout.payout_id} was not made by then, but at {MADE}",
    ]


def test_an_approval_that_nobody_joins_lapses_after_72_hours_and_is_told(engine: Engine) -> None:
    payout = waiting(engine, **TWO)
    engine.feed([decided("approved", payout, "03 09:00")])
    engine.advance("2026-03-06T08:59:59Z")
    assert notices(engine, "PAYOUT_APPROVAL_LAPSED") == []
    engine.advance("2026-03-06T09:00:00Z")
    assert len(notices(engine, "PAYOUT_APPROVAL_LAPSED")) == 1
    engine.feed([decided("approved", payout, "06 10:00", "a.keller")])
    assert payouts(engine)[0][2] == "AWAITING_APPROVAL"
    engine.feed([decided("approved", payout, "06 11:00")])
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    assert verify(engine.dsn).passed, verify(engine.dsn).failed


def test_a_payout_that_did_not_wait_for_approval_is_not_decided_about(engine: Engine) -> None:
    engine.feed([operator(time_zone="UTC"), tariff(), *session()])
    engine.advance(MADE)
    payout = created(engine)
    engine.feed([decided("rejected", payout, "03 09:00")])
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    assert refusals(engine) == [f"payout {payout.payout_id} did not wait for approval"]


def test_who_changed_the_terms_lately_approves_nothing(engine: Engine) -> None:
    payout = waiting(engine)
    change = operator(changed=True, time="2026-03-03T08:00:00Z", time_zone="UTC", by="M.Ortega")
    engine.feed([change, decided("approved", payout, "03 09:00")])
    assert payouts(engine)[0][2] == "AWAITING_APPROVAL"
    assert "changed the terms or the account of OP-1 in the seven days before" in refusals(engine)[0]
    engine.feed([decided("approved", payout, "10 08:00")])
    assert payouts(engine)[0][2] == "IN_TRANSIT"


def test_a_payout_to_an_account_that_is_no_longer_the_operators_is_not_handed_off(engine: Engine) -> None:
    payout = waiting(engine)
    other = {"holder": "Grachtenlader BV", "iban": "NL20INGB0001234567"}
    change = operator(
        changed=True, time="2026-03-03T08:00:00Z", time_zone="UTC", payout_requires_approval=True, bank_account=other
    )
    engine.feed([change, decided("approved", payout, "03 09:00")])
    assert payouts(engine)[0][2] == "AWAITING_APPROVAL"
    assert refusals(engine)[0].startswith("OP-1 had another bank account by then: reject the payout")
    engine.feed([decided("rejected", payout, "03 10:00")])
    engine.advance("2026-03-04T00:00:00Z")
    again = created(engine, "03")
    assert again.bank_account["iban"] == other["iban"]


def test_an_attempt_that_is_rejected_is_made_again(engine: Engine) -> None:
    payout = waiting(engine)
    engine.feed([decided("approved", payout, "03 09:00")])
    failed = {"payout_id": payout.payout_id, "at": "2026-03-03T12:00:00Z", "reason": "AM04"}
    engine.feed([event("payout.failed", payout.payout_id, failed["at"], failed)])
    engine.advance("2026-03-04T00:00:00Z")
    engine.feed([decided("rejected", created(engine, "02", 2), "04 09:00")])
    assert payouts(engine)[1] == ("02", 2, "REJECTED", SHARE)
    assert verify(engine.dsn).passed, verify(engine.dsn).failed
    engine.advance("2026-03-05T00:00:00Z")
    assert payouts(engine)[2] == ("02", 3, "AWAITING_APPROVAL", SHARE)
    engine.feed([decided("approved", created(engine, "02", 3), "05 09:00")])
    assert payouts(engine)[2] == ("02", 3, "IN_TRANSIT", SHARE)
    assert engine.balances()["2050/" + created(engine, "02", 3).payout_id + " EUR"] == -SHARE
    assert verify(engine.dsn).passed, verify(engine.dsn).failed
