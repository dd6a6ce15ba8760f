"""Answers about payouts and their attempts as the engine takes them in: what runs make of them, what comes twice."""

import json
from datetime import datetime
from itertools import permutations
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import psycopg
import pytest

import engine.payouts as engine_payouts
from consumers.outgoing import outgoing
from domain.calendar import instant
from domain.payout import booked, steps
from domain.payout import payout as payouts
from domain.payout.answers import BankWord, PayoutAnswered, answers_in_turn, word_of
from ledger.events.codec import decode
from ledger.intake.outbox import PendingEvent, pending
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import captured, ended, event, money, operator, started, tariff

# What the operator has of a session: 12.10 gross less 1.00 commission and 0.21 VAT on it.
SHARE = 1089


def payout_id(attempt: int = 1, day: str = "02") -> str:
    return str(uuid5(NAMESPACE_URL, f"wattledger:payout:OP-1:EUR:2026-03-{day}:{attempt}"))


def answer(word: str, at: str, attempt: int = 1, day: str = "02", **data: Any) -> dict[str, Any]:
    """An answer about an attempt of the payout for a day, at a moment of March."""
    time = f"2026-03-{at.replace(' ', 'T')}:00Z"
    if word in ("failed", "returned"):
        data = {"reason": "AM04", **data}
    if word == "retried":
        data = {"reason": "there is cover again", "by": "m.ortega", **data}
    told = {"payout_id": payout_id(attempt, day), "at": time, **data}
    return event(f"payout.{word}", told["payout_id"], time, told)


def one_session(session_id: str = "S-1", day: str = "02") -> list[dict[str, Any]]:
    return [
        started(session_id, f"2026-03-{day}T10:00:00Z"),
        ended(session_id, f"2026-03-{day}T11:00:00Z"),
        captured(session_id, f"2026-03-{day}T11:01:00Z"),
    ]


BEGINNING = [operator(time_zone="UTC"), tariff(), *one_session()]


def made(engine: Engine) -> list[tuple[str, int, str, int]]:
    """(day, attempt, status, amount) of every payout, as the stored events have it."""
    rows = engine.rows(
        "SELECT made.body ->> 'business_date', (made.body ->> 'attempt')::int, coalesce(last.status, "
        "made.body ->> 'status'), (made.body ->> 'amount')::int "
        "FROM (SELECT originator_id, convert_from(state, 'UTF8')::jsonb AS body FROM event_store.stored_events "
        "WHERE topic = 'PayoutCreated') AS made LEFT JOIN LATERAL (SELECT convert_from(state, 'UTF8')::jsonb ->> "
        "'status' AS status FROM event_store.stored_events AS other WHERE other.originator_id = made.originator_id "
        "AND topic = 'PayoutStatusChanged' ORDER BY originator_version DESC LIMIT 1) AS last ON true ORDER BY 1, 2"
    )
    return [(day[-2:], attempt, status, amount) for day, attempt, status, amount in rows]


def settled(engine: Engine) -> dict[str, int]:
    """The balances of the bank, of what is under way or to be fixed, of what is owed, and of bank charges."""
    return {
        account: amount
        for account, amount in engine.balances().items()
        if account.startswith(("1010 ", "2010/", "2050/", "2060/", "5090 "))
    }


def findings(engine: Engine) -> dict[str, list[str]]:
    """What the audit finds, by check."""
    return {check.name: [found.sentence for found in check.findings] for check in verify(engine.dsn).failed}


def paid_twice(engine: Engine) -> None:
    """The first attempt fails, the second is handed off, then both are paid."""
    engine.feed([*BEGINNING, answer("failed", "03 09:00")])
    engine.advance("2026-03-04T00:00:00Z")
    engine.feed([answer("paid", "04 09:00", 2), answer("paid", "05 09:00")])


def test_what_was_paid_twice_comes_off_the_next_payouts(engine: Engine) -> None:
    paid_twice(engine)
    assert made(engine) == [("02", 1, "PAID", SHARE), ("02", 2, "PAID", SHARE)]
    assert settled(engine) == {"1010 EUR": -2 * SHARE, "2010/OP-1 EUR": SHARE}
    engine.feed([*one_session("S-2", "05"), *one_session("S-3", "06"), *one_session("S-4", "07")])
    engine.advance("2026-03-08T00:00:00Z")
    # What the session of the 5th earned is what was owed.
    assert made(engine)[2:] == [("06", 1, "IN_TRANSIT", SHARE), ("07", 1, "IN_TRANSIT", SHARE)]
    assert findings(engine) == {}


def test_nothing_is_owed_once_the_other_attempt_failed_though_it_was_taken_off_already(engine: Engine) -> None:
    engine.feed([*BEGINNING, answer("failed", "03 09:00")])
    engine.advance("2026-03-04T00:00:00Z")
    engine.feed([answer("paid", "05 09:00"), *one_session("S-2", "05"), *one_session("S-3", "06")])
    engine.advance("2026-03-07T00:00:00Z")
    assert made(engine) == [("02", 1, "PAID", SHARE), ("02", 2, "IN_TRANSIT", SHARE), ("06", 1, "IN_TRANSIT", SHARE)]
    engine.feed([answer("failed", "07 09:00", 2)])
    engine.advance("2026-03-09T00:00:00Z")
    # The first attempt was paid: nothing is tried again, and what was taken off is paid out.
    assert made(engine)[1:] == [
        ("02", 2, "FAILED", SHARE),
        ("06", 1, "IN_TRANSIT", SHARE),
        ("07", 1, "IN_TRANSIT", SHARE),
    ]
    assert not {account for account in settled(engine) if account.startswith(("2060/", "2010/"))}
    assert findings(engine) == {}


def test_once_every_attempt_came_to_nothing_it_goes_again(engine: Engine) -> None:
    engine.feed([*BEGINNING, answer("failed", "03 09:00")])
    engine.advance("2026-03-04T00:00:00Z")
    engine.feed([answer("paid", "05 09:00"), answer("failed", "04 09:00", 2), answer("returned", "06 09:00")])
    engine.advance("2026-03-07T00:00:00Z")
    assert made(engine) == [("02", 1, "RETURNED", SHARE), ("02", 2, "FAILED", SHARE), ("02", 3, "IN_TRANSIT", SHARE)]
    assert settled(engine) == {f"2050/{payout_id(3)} EUR": -SHARE}
    assert findings(engine) == {}


def test_three_attempts_fail_and_the_fourth_waits_for_a_person(engine: Engine) -> None:
    refusals = [answer("failed", f"0{attempt + 2} 09:00", attempt) for attempt in (1, 2, 3)]
    engine.feed([*BEGINNING, *refusals])
    engine.advance("2026-03-09T00:00:00Z")
    assert [attempt for _, attempt, _, _ in made(engine)] == [1, 2, 3]
    assert settled(engine) == {"2060/OP-1 EUR": -SHARE}
    engine.feed([answer("retried", "09 08:00", 3)])
    engine.advance("2026-03-10T00:00:00Z")
    assert made(engine)[3:] == [("02", 4, "IN_TRANSIT", SHARE)]
    assert findings(engine) == {}


def test_less_that_comes_back_is_a_bank_charge(engine: Engine) -> None:
    engine.feed(BEGINNING)
    engine.advance("2026-03-03T00:00:00Z")
    engine.feed([answer("returned", "05 09:00", amount=money("9.39"))])
    assert settled(engine) == {"1010 EUR": -150, "2060/OP-1 EUR": -SHARE, "5090 EUR": 150}
    assert findings(engine) == {}


def test_a_payout_is_answered_under_its_id_at_the_bank(engine: Engine) -> None:
    engine.feed(BEGINNING)
    engine.advance("2026-03-03T00:00:00Z")
    at_the_bank = payout_id().replace("-", "").upper()
    engine.feed([answer("paid", "03 09:00") | {"id": "by end-to-end id"}])
    told = answer("paid", "03 09:00", payout_id=at_the_bank)
    engine.feed([told | {"id": "again"}])
    assert made(engine) == [("02", 1, "PAID", SHARE)]
    assert engine.rows(
        "SELECT count(DISTINCT originator_id) FROM event_store.stored_events WHERE topic LIKE 'payout.%%'"
    ) == [(1,)]


AFTER_THE_RUN = [
    answer("paid", "05 09:00"),
    answer("paid", "06 09:00", 2),
    answer("returned", "07 09:00", 2, amount=money("10.00")),
]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_is_told_after_a_run_comes_to_one_book_in_any_order(engine: Engine, order: tuple[int, ...]) -> None:
    """What a run did is history; the book by effective time is what it did and what was told, however it arrived."""
    engine.feed([*BEGINNING, answer("failed", "03 09:00")])
    engine.advance("2026-03-04T00:00:00Z")
    engine.feed((AFTER_THE_RUN[number] for number in order), batch=1)
    assert [status for _, _, status, _ in made(engine)] == ["PAID", "RETURNED"]
    rows = engine.rows(
        "SELECT to_char(effective_at AT TIME ZONE 'UTC', 'DD HH24:MI'), account, sum(amount_minor)::int "
        "FROM book.entry JOIN book.posting USING (entry_id) "
        "WHERE kind IN ('J36', 'J37b', 'J38', 'J39', 'J40', 'J40x') GROUP BY 1, 2 "
        "HAVING sum(amount_minor) <> 0 ORDER BY 1, 2"
    )
    first, second = f"2050/{payout_id()}", f"2050/{payout_id(2)}"
    assert sorted(rows) == sorted(
        [
            ("04 00:00", "2060/OP-1", SHARE),
            ("04 00:00", second, -SHARE),
            ("05 09:00", "1010", -SHARE),
            ("05 09:00", first, SHARE),
            ("06 09:00", "1010", -SHARE),
            ("06 09:00", second, SHARE),
            ("07 09:00", "1010", 1000),
            ("07 09:00", "2060/OP-1", -SHARE),
            ("07 09:00", "5090", 89),
        ]
    )
    assert findings(engine) == {}


# What is found, and told ---------------------------------------------------------------------------------------


def open_findings(engine: Engine) -> list[tuple[str, str, int | None]]:
    """(kind, subject, amount) of what is open by the stored decisions, cover apart: nothing is settled here."""
    found: dict[tuple[str, str], tuple[str, str, int | None] | None] = {}
    for topic, state in engine.rows(
        "SELECT topic, state FROM event_store.stored_events WHERE topic IN ('FindingOpened', 'FindingEnded') "
        "ORDER BY notification_id"
    ):
        change = decode(topic, state)
        told = (str(change.finding.kind), change.finding.subject, change.finding.amount)
        found[change.stream, change.finding.key] = told if topic == "FindingOpened" else None
    return sorted(each for each in found.values() if each is not None and each[0] != "COVER_SHORT")


def notices(engine: Engine) -> list[str]:
    """The kinds of what is sent to people about findings."""
    with psycopg.connect(engine.dsn) as connection, connection.cursor() as cursor:
        rows = [row for row in pending(cursor, 1_000) if isinstance(row, PendingEvent)]
    sent = [json.loads(each.value or b"") for row in rows for each in [outgoing(row)]]
    return [each["data"]["kind"] for each in sent if each["type"] == "settlement.notification.raised"]


def test_an_answer_about_an_unknown_payout_is_found_until_it_is_made(engine: Engine) -> None:
    engine.feed([answer("paid", "03 09:00")])
    assert open_findings(engine) == [("PAYOUT_UNKNOWN", payout_id(), None)]
    engine.feed(BEGINNING)
    engine.advance("2026-03-03T00:00:00Z")
    assert open_findings(engine) == []
    assert made(engine) == [("02", 1, "PAID", SHARE)]
    assert [kind for kind in notices(engine) if "UNKNOWN" in kind] == ["PAYOUT_UNKNOWN", "PAYOUT_UNKNOWN_ENDED"]
    assert findings(engine) == {}


def test_what_was_paid_twice_is_told_and_ends_when_one_of_them_comes_back(engine: Engine) -> None:
    paid_twice(engine)
    assert open_findings(engine) == [("PAYOUT_PAID_TWICE", payout_id(), SHARE)]
    engine.feed([answer("returned", "08 09:00", 2, reason="FOCR")])
    assert open_findings(engine) == []
    assert [kind for kind in notices(engine) if "TWICE" in kind] == ["PAYOUT_PAID_TWICE", "PAYOUT_PAID_TWICE_ENDED"]


def test_a_payout_that_failed_three_times_is_found_until_somebody_decides(engine: Engine) -> None:
    engine.feed([*BEGINNING, *(answer("failed", f"0{attempt + 2} 09:00", attempt) for attempt in (1, 2, 3))])
    engine.advance("2026-03-09T00:00:00Z")
    assert open_findings(engine) == [("PAYOUT_WAITS_FOR_PERSON", payout_id(3), SHARE)]
    engine.feed([answer("retried", "09 08:00", 3)])
    assert open_findings(engine) == []
    engine.feed([answer("failed", "10 09:00", 4)])
    engine.advance("2026-03-10T00:00:00Z")
    assert open_findings(engine) == [("PAYOUT_WAITS_FOR_PERSON", payout_id(4), SHARE)]


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ([answer("failed", "03 09:00", reason="account is closed")], "PAYOUT_REASON_UNKNOWN"),
        ([answer("returned", "03 09:00", amount=money("99.00"))], "PAYOUT_RETURN_AMOUNT"),
        ([answer("returned", "03 09:00", amount=money("9.00", "SEK"))], "PAYOUT_RETURN_AMOUNT"),
        ([answer("returned", "03 09:00"), answer("paid", "04 09:00")], "PAYOUT_ANSWER_WITHOUT_EFFECT"),
        ([answer("retried", "03 09:00")], "PAYOUT_RETRY_WITHOUT_EFFECT"),
        ([answer("failed", "03 09:00"), answer("retried", "03 08:00")], "PAYOUT_RETRY_WITHOUT_EFFECT"),
    ],
)
def test_what_has_no_effect_is_found(engine: Engine, told: list[dict[str, Any]], kind: str) -> None:
    engine.feed(BEGINNING)
    engine.advance("2026-03-03T00:00:00Z")
    engine.feed(told)
    (found,) = open_findings(engine)
    assert found[:2] == (kind, payout_id())
    assert findings(engine) == {}


@pytest.mark.parametrize("wrong_first", [True, False])
def test_a_decision_that_acts_ends_what_was_found_of_one_that_came_too_early(
    engine: Engine, *, wrong_first: bool
) -> None:
    engine.feed(BEGINNING)
    engine.advance("2026-03-03T00:00:00Z")
    early, right = answer("retried", "03 08:00"), answer("retried", "03 10:00")
    engine.feed([answer("failed", "03 09:00", reason="AC04"), *([early, right] if wrong_first else [right, early])])
    assert open_findings(engine) == []
    engine.advance("2026-03-04T00:00:00Z")
    assert open_findings(engine) == []
    assert made(engine)[1:] == [("02", 2, "IN_TRANSIT", SHARE)]
    assert findings(engine) == {}


@pytest.mark.parametrize("word", ["failed", "returned"])
def test_a_code_that_is_sent_afterwards_is_the_reason(engine: Engine, word: str) -> None:
    engine.feed(BEGINNING)
    engine.advance("2026-03-03T00:00:00Z")
    engine.feed([answer(word, "03 09:00", reason="account is closed")])
    assert [kind for kind, *_ in open_findings(engine)] == ["PAYOUT_REASON_UNKNOWN"]
    engine.feed([answer(word, "03 11:00", reason="AC04")])
    assert open_findings(engine) == []
    engine.advance("2026-03-05T00:00:00Z")
    # It is the account that is wrong: nothing goes there again.
    assert [attempt for _, attempt, _, _ in made(engine)] == [1]
    assert findings(engine) == {}


def test_an_answer_about_a_payout_that_awaits_approval_is_found(engine: Engine) -> None:
    engine.feed([operator(time_zone="UTC", payout_requires_approval=True), *BEGINNING[1:]])
    engine.advance("2026-03-03T00:00:00Z")
    engine.feed([answer("paid", "03 09:00")])
    assert open_findings(engine) == [
        ("PAYOUT_AWAITS_APPROVAL", payout_id(), SHARE),
        ("PAYOUT_NOT_HANDED_OFF", payout_id(), SHARE),
    ]


def test_a_run_mends_first_what_an_older_engine_left_as_failed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(steps, "word_of", first_word_stands)
        engine.feed(BEGINNING)
        engine.advance("2026-03-03T00:00:00Z")
        engine.feed([answer("failed", "03 09:00"), answer("paid", "03 10:00")])
        assert made(engine) == [("02", 1, "FAILED", SHARE)]
    engine.advance("2026-03-04T00:00:00Z")
    assert made(engine) == [("02", 1, "PAID", SHARE)]
    assert findings(engine) == {}


def first_word_stands(answers: list[PayoutAnswered], handed_off_at: datetime) -> BankWord:
    """Answers as an engine read them for which the first one was the last."""
    return word_of(answers_in_turn(answers)[:1], handed_off_at)


# Faults that the audit sees ------------------------------------------------------------------------------------


def test_the_audit_sees_what_was_paid_twice_and_is_not_owed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_payouts, "count_twice", lambda attempts: [])
    paid_twice(engine)
    assert findings(engine).keys() == {"paid_twice"}


def test_the_audit_sees_a_return_that_is_booked_whole(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booked, "_kept_by_banks", lambda created, word: 0)
    engine.feed(BEGINNING)
    engine.advance("2026-03-03T00:00:00Z")
    engine.feed([answer("returned", "05 09:00", amount=money("9.39"))])
    assert findings(engine).keys() == {"payouts"}


def test_the_audit_sees_a_fourth_attempt_that_nobody_asked_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payouts, "AUTOMATIC_ATTEMPTS", 9)
    engine.feed([*BEGINNING, *(answer("failed", f"0{attempt + 2} 09:00", attempt) for attempt in (1, 2, 3))])
    engine.advance("2026-03-09T00:00:00Z")
    (found,) = findings(engine)["attempts"]
    assert "is attempt 4 by itself" in found


def test_the_audit_sees_an_account_that_was_tried_again_though_it_was_wrong(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payouts, "is_of_the_account", lambda reason: False)
    engine.feed([*BEGINNING, answer("failed", "03 09:00", reason="AC04")])
    engine.advance("2026-03-05T00:00:00Z")
    (found,) = findings(engine)["attempts"]
    assert "the account to which" in found


def test_the_audit_sees_a_failure_that_was_kept_though_it_was_paid(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "word_of", first_word_stands)
    engine.feed([*BEGINNING])
    engine.advance("2026-03-03T00:00:00Z")
    engine.feed([answer("failed", "03 09:00"), answer("paid", "03 10:00")])
    assert findings(engine).keys() == {"payouts"}


def test_the_audit_sees_what_was_booked_before_the_hand_off(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        steps, "word_of", lambda answers, handed_off_at: word_of(answers, instant("2026-01-01T00:00:00Z"))
    )
    engine.feed([*BEGINNING, answer("paid", "02 12:00")])
    engine.advance("2026-03-03T00:00:00Z")
    assert findings(engine).keys() == {"payouts"}
