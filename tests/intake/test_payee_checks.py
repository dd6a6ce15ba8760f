"""Accounts that their banks know under another name: payouts to them wait for two people."""

from itertools import permutations
from typing import Any

import pytest

from domain.payout.circumstances import Circumstances
from tests.intake.test_approvals import MADE, created, decided, network, payouts, waiting
from tests.intake.test_instant_payouts import FEE, request
from tests.intake.test_run_terms import days
from tests.intake.test_run_terms import made as states
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import event, operator, session, tariff

ACCOUNT = {"holder": "Grachtenlader BV", "iban": "NL91ABNA0417164300", "bic": "ABNANL2A"}
OTHER = {"holder": "Grachtenlader BV", "iban": "DE02120300000000202051"}


def verified(result: str, at: str, account: dict[str, str] = ACCOUNT, **told: Any) -> dict[str, Any]:
    """An answer about an account at a moment of March."""
    time = f"2026-03-{at.replace(' ', 'T')}:00Z"
    data = {"operator_id": "OP-1", "bank_account": account, "result": result, "provider": "acme-vop", "at": time}
    return event("payee.verified", "OP-1", time, data | told, f"payee:{result}:{at}:{account['iban']}")


def made(engine: Engine) -> tuple[str, tuple[str, ...], int]:
    """How the payout of 2 March was made: its status, why it waits, and for how many people."""
    payout = created(engine)
    return str(payout.status), tuple(map(str, payout.doubts)), payout.approvals


def run(engine: Engine, *answers: dict[str, Any]) -> tuple[str, tuple[str, ...], int]:
    engine.feed([*network(payout_requires_approval=False), *answers])
    engine.advance(MADE)
    assert verify(engine.dsn).passed, verify(engine.dsn).failed
    return made(engine)


WAITS = ("AWAITING_APPROVAL", ("PAYEE_NO_MATCH",), 2)
LEAVES = ("IN_TRANSIT", (), 0)


def test_a_payout_to_an_account_of_another_name_waits_for_two_people(engine: Engine) -> None:
    assert run(engine, verified("NO_MATCH", "02 12:00")) == WAITS
    payout = created(engine)
    engine.feed([decided("approved", payout, "03 09:00")])
    assert payouts(engine)[0][2] == "AWAITING_APPROVAL"
    engine.feed([decided("approved", payout, "03 10:00", "a.keller")])
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    assert verify(engine.dsn).passed, verify(engine.dsn).failed


@pytest.mark.parametrize(
    "answers",
    [
        [verified("MATCH", "02 12:00")],
        [verified("CLOSE_MATCH", "02 12:00", suggested_name="Grachtenlader B.V.")],
        [verified("NOT_POSSIBLE", "02 12:00")],
        [verified("NO_MATCH", "03 00:01")],
        [verified("NO_MATCH", "02 12:00", OTHER)],
    ],
    ids=["match", "close", "not possible", "only later", "another account"],
)
def test_no_other_answer_holds_it_up(engine: Engine, answers: list[dict[str, Any]]) -> None:
    assert run(engine, *answers) == LEAVES


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_last_answer_by_its_own_time_counts(engine: Engine, order: tuple[int, ...]) -> None:
    answers = [verified("NO_MATCH", "02 08:00"), verified("MATCH", "02 09:00"), verified("NO_MATCH", "02 10:00")]
    assert run(engine, *(answers[index] for index in order)) == WAITS


def test_terms_that_ask_for_more_people_are_kept(engine: Engine) -> None:
    engine.feed([verified("NO_MATCH", "02 08:00")])
    three = {"payout_requires_approval": True, "payout_approvals": [{"from": "0", "approvals": 3}]}
    waiting(engine, **three)
    assert made(engine) == ("AWAITING_APPROVAL", ("TERMS", "PAYEE_NO_MATCH"), 3)
    assert verify(engine.dsn).passed, verify(engine.dsn).failed


def test_it_is_seen_when_an_answer_is_not_looked_at(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Circumstances, "is_another_payee", lambda *_: False)
    engine.feed([operator(time_zone="UTC"), tariff(), *session(), verified("NO_MATCH", "02 12:00")])
    engine.advance(MADE)
    assert {check.name for check in verify(engine.dsn).failed} == {"decided", "run_amounts"}


def test_it_is_seen_when_one_person_is_asked_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.payout.circumstances.PAYEE_APPROVALS", 1)
    engine.feed([verified("NO_MATCH", "02 12:00")])
    payout = waiting(engine)
    engine.feed([decided("approved", payout, "03 09:00")])
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    assert {check.name for check in verify(engine.dsn).failed} == {"decided"}


def test_it_waits_also_where_it_is_asked_for_at_once_or_paid_again(engine: Engine) -> None:
    no_match = verified("NO_MATCH", "02 12:00")
    engine.feed([*days(instant_fee=FEE), no_match, request("2026-03-02T14:00:00Z")])
    engine.advance("2026-03-02T15:00:00Z")
    (instant,) = states(engine)
    assert (instant["requested"] != [], instant["status"], instant["doubts"]) == (True, WAITS[0], list(WAITS[1]))
    engine.feed([verified("MATCH", "03 12:00")])
    engine.advance("2026-03-03T23:30:00Z")
    first = states(engine)[-1]
    assert first["status"] == "IN_TRANSIT"
    failed = {"payout_id": first["payout_id"], "at": "2026-03-04T08:00:00Z", "reason": "AM04"}
    engine.feed([event("payout.failed", first["payout_id"], failed["at"], failed), verified("NO_MATCH", "04 12:00")])
    engine.advance("2026-03-04T23:30:00Z")
    (again,) = (each for each in states(engine) if each["reissue_of"] == first["payout_id"])
    assert (again["status"], again["doubts"], again["approvals"]) == (WAITS[0], list(WAITS[1]), 2)
    assert verify(engine.dsn).passed, verify(engine.dsn).failed
