"""What people decided between operators and the platform: whatever is booked otherwise, `verify` sees it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from domain.book.matter_bookings import AdjustmentCharged, CreditWrittenOff
from domain.book.refusals import OpenRefusals
from domain.matter import adjustment, hold, saas_invoice, two_people, write_off
from domain.matter.judgement import Judgement, Surroundings
from domain.money import largest_remainder
from engine.errors import RunsFailed
from tests.audit.forgery import unguarded
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.matters import (
    approved,
    balance_collected,
    balance_funded,
    invoiced,
    proposed,
    rejected,
    reserve_held,
    reserve_released,
    write_off_approved,
    write_off_proposed,
)

# Before some of what the clock books.
UNTIL = "2026-03-05T12:00:00Z"
Plant = Callable[[pytest.MonkeyPatch], None]


def everything() -> list[dict[str, Any]]:
    """One of each matter, with what does not count of it."""
    return [
        operator(),
        tariff(),
        *session(),
        proposed(),
        approved(by="m.ortega", at="2026-03-02T12:30:00Z"),
        approved(),
        rejected(at="2026-03-02T14:00:00Z", by="k.third"),
        reserve_held(until="2026-03-06T00:00:00Z"),
        reserve_released(amount="3.00"),
        reserve_released(amount="6.00", at="2026-03-04T12:00:00Z"),
        write_off_proposed(amount="1.00", at="2026-03-05T10:00:00Z"),
        write_off_approved(at="2026-03-05T11:00:00Z"),
        write_off_proposed("W-2", "1105/S-9", "2.00", at="2026-03-04T09:00:00Z"),
        write_off_approved("W-2", at="2026-03-04T10:00:00Z"),
        balance_funded(),
        balance_collected(),
        invoiced(net="10.00", period=("2026-01-20", "2026-03-31")),
    ]


def failed(engine: Engine) -> set[str]:
    """The checks that fail."""
    return {check.name for check in verify(engine.dsn).failed}


def settled(engine: Engine) -> None:
    engine.feed(everything())
    engine.advance(UNTIL)


def test_the_audit_agrees_about_all_of_it(engine: Engine) -> None:
    settled(engine)
    assert failed(engine) == set()


def _maker_approves(patch: pytest.MonkeyPatch) -> None:
    asked = two_people._why_not

    def lenient(noun: str, id_: str, found: Any, verdict: Any) -> str | None:
        why = asked(noun, id_, found, verdict)
        return None if why and "may not approve" in why else why

    patch.setattr(two_people, "_why_not", lenient)


def _last_decision_counts(patch: pytest.MonkeyPatch) -> None:
    asked = two_people._why_not

    def lenient(noun: str, id_: str, found: Any, verdict: Any) -> str | None:
        why = asked(noun, id_, found, verdict)
        return None if why and " before, by " in why else why

    patch.setattr(two_people, "_why_not", lenient)


def _acts_when_it_was_proposed(patch: pytest.MonkeyPatch) -> None:
    made = adjustment._head
    patch.setattr(adjustment, "_head", lambda proposal, verdict: made(proposal, proposal) | {"key": adjustment.KEY})


def _granted_in_place_of_charged(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(adjustment, "AdjustmentGranted", AdjustmentCharged)


def _against_another_account(patch: pytest.MonkeyPatch) -> None:
    def another(account: str, **head: Any) -> Any:
        return CreditWrittenOff(account=account, **head)

    patch.setattr(write_off, "ReceivableWrittenOff", another)


def _all_is_released(patch: pytest.MonkeyPatch) -> None:
    released = hold._Hold._release

    def whole(of: Any, release: Any) -> None:
        data = {name: told for name, told in release.data.items() if name != "amount"}
        released(of, release._replace(data=data))

    patch.setattr(hold._Hold, "_release", whole)


def _more_than_is_left_is_released(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hold._Hold, "_refuse", lambda *_: None)


def _nobody_looks_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Judgement, "look_again", lambda *_: None)


def _earned_in_equal_parts(patch: pytest.MonkeyPatch) -> None:
    def equal(total: int, weights: list[int]) -> tuple[int, ...]:
        return largest_remainder(total, [1] * len(weights))

    patch.setattr(saas_invoice, "largest_remainder", equal)


def _earned_in_the_next_month(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(saas_invoice, "_BEFORE_MIDNIGHT", timedelta(0))


def _not_netted(patch: pytest.MonkeyPatch) -> None:
    judge = saas_invoice.judge_saas_invoice

    def without(told: Any, around: Any) -> Judgement:
        found = judge(told, around)
        found.bookings = [booking for booking in found.bookings if booking.key != saas_invoice.NETTED_KEY]
        return found

    _judged_by(patch, "saas.invoiced", without)


def _twice(patch: pytest.MonkeyPatch) -> None:
    judge = adjustment.judge_adjustment

    def twice(told: Any, around: Any) -> Judgement:
        found = judge(told, around)
        found.bookings += [replace(booking, key="again", share="again") for booking in found.bookings]
        return found

    for name in ("proposed", "approved", "rejected"):
        _judged_by(patch, f"adjustment.{name}", twice)


def _judged_by(patch: pytest.MonkeyPatch, type_: str, judge: Any) -> None:
    from domain.matter import matter

    patch.setattr(matter, "JUDGES", {**matter.JUDGES, type_: judge})


def _nothing_is_refused(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OpenRefusals, "towards", lambda *_: [])


PLANTED: list[Plant] = [
    _maker_approves,
    _last_decision_counts,
    _acts_when_it_was_proposed,
    _granted_in_place_of_charged,
    _against_another_account,
    _all_is_released,
    _more_than_is_left_is_released,
    _nobody_looks_again,
    _earned_in_equal_parts,
    _earned_in_the_next_month,
    _not_netted,
    _twice,
    _nothing_is_refused,
]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__.strip("_"))
def test_a_rule_that_is_broken_is_seen(engine: Engine, monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    plant(monkeypatch)
    settled(engine)
    assert "matters" in failed(engine)


def test_lines_that_wait_without_a_reason_are_seen_and_nothing_is_paid_meanwhile(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Surroundings, "release_of", lambda *_: None)
    with pytest.raises(RunsFailed, match="it is payable from its own time on, and not released"):
        settled(engine)
    assert "matters" in failed(engine)


def _stored(topic: str, path: str, value: str) -> str:
    """Change a field of one stored event of a topic."""
    return f"""
        UPDATE event_store.stored_events AS event
        SET state = convert_to(jsonb_set(body, '{{{path}}}', '{value}')::text, 'UTF8')
        FROM (SELECT notification_id, convert_from(state, 'UTF8')::jsonb AS body FROM event_store.stored_events
              WHERE topic = '{topic}' ORDER BY notification_id LIMIT 1) AS chosen
        WHERE event.notification_id = chosen.notification_id
    """


TAMPERED = {
    "an amount that was approved": _stored("adjustment.proposed", "data,amount,amount", '"99.00"'),
    "who proposed": _stored("adjustment.proposed", "data,by", '"j.lind"'),
    "what was booked": _stored("Booked.HoldPlaced", "booking,amount", "1"),
    "an account that was written off": _stored("write_off.proposed", "data,account", '"2410/X"'),
    "where it stands": _stored("MatterJudged", "state", '"REJECTED"'),
    "what an invoice was over": _stored("saas.invoiced", "data,vat,amount", '"9.00"'),
    "when money was collected": _stored("operator.balance_collected", "data,at", '"2026-03-04T11:00:00Z"'),
}


@pytest.fixture
def superuser(engine: Engine) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to the settled store."""
    settled(engine)
    with psycopg.connect(engine.dsn) as connection:
        yield connection


@pytest.mark.parametrize("statement", TAMPERED.values(), ids=TAMPERED)
def test_what_is_changed_afterwards_is_seen(
    engine: Engine, superuser: psycopg.Connection[Any], statement: str
) -> None:
    with unguarded(superuser, "event_store.stored_events"):
        assert superuser.execute(statement.encode()).rowcount == 1
    superuser.commit()
    assert "matters" in failed(engine)
