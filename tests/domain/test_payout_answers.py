"""What the payout processor's answers make of a payout, in whatever order they come."""

from datetime import date
from itertools import permutations
from uuid import NAMESPACE_URL, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.book.posting import entries_of
from domain.payout.payout import (
    Payout,
    PayoutAnswer,
    PayoutAnswered,
    PayoutCreated,
    PayoutKey,
    PayoutStatus,
    create,
    parse_answer,
    payout_stream,
    take_answers,
)
from tests.domain.builders import CAUSE, OPERATOR, Amounts, amounts, at

KEY = PayoutKey(OPERATOR, "EUR", date(2026, 3, 2), 1)
TRANSIT, TO_BE_FIXED = f"2050/{KEY.payout_id}", f"2060/{OPERATOR}"


def answer(word: str, when: str) -> PayoutAnswered:
    reason = "AC04" if word in ("failed", "returned") else None
    return PayoutAnswered(at=at(when), source="bank", id=f"{word} {when}", answer=PayoutAnswer(word), reason=reason)


def made(status: PayoutStatus = PayoutStatus.IN_TRANSIT) -> PayoutCreated:
    return PayoutCreated(
        payout_id=KEY.payout_id,
        batch_id=KEY.batch_id,
        operator_id=OPERATOR,
        currency="EUR",
        business_date=KEY.business_date,
        attempt=1,
        amount=1080,
        reserve=0,
        status=status,
        fired_at=at("03 00:00"),
        bank_account={"iban": "NL91ABNA0417164300"},
        holder_name="Operator",
        country_code="NL",
        entry_ids=("e",),
    )


def payout(*answers: PayoutAnswered, status: PayoutStatus = PayoutStatus.IN_TRANSIT) -> Payout:
    """A payout that was made, and then answered."""
    found = Payout(KEY.payout_id)
    create(found, made(status))
    for each in answers:
        found.learn(each)
        take_answers(found)
    return found


def booked(found: Payout) -> list[tuple[str, str, Amounts]]:
    entries = [
        entry
        for booked in found.standing
        for entry in entries_of(booked.booking, payout_stream(found.payout_id), booked.revision, CAUSE)
    ]
    entries.sort(key=lambda entry: (entry.effective_at, entry.kind))
    return [(entry.kind, f"{entry.effective_at:%d %H:%M}", amounts(entry)) for entry in entries]


INITIATED = ("J35", "03 00:00", {"2010/OP": 1080, TRANSIT: -1080})


def test_a_payout_without_answers_is_in_transit() -> None:
    assert payout().status == PayoutStatus.IN_TRANSIT
    assert booked(payout()) == [INITIATED]


def test_accepted_is_no_news_for_the_book() -> None:
    found = payout(answer("accepted", "03 01:00"))
    assert found.status == PayoutStatus.IN_TRANSIT
    assert booked(found) == [INITIATED]


def test_paid_takes_it_off_the_bank_account() -> None:
    found = payout(answer("accepted", "03 01:00"), answer("paid", "03 09:00"))
    assert (found.status, found.status_at) == (PayoutStatus.PAID, at("03 09:00"))
    assert booked(found) == [INITIATED, ("J36", "03 09:00", {TRANSIT: 1080, "1010": -1080})]


def test_failed_keeps_it_for_another_account() -> None:
    found = payout(answer("failed", "03 09:00"))
    assert found.status == PayoutStatus.FAILED
    assert found.failed
    assert booked(found) == [INITIATED, ("J38", "03 09:00", {TRANSIT: 1080, TO_BE_FIXED: -1080})]


def test_returned_after_paid_brings_it_back() -> None:
    found = payout(answer("paid", "03 09:00"), answer("returned", "05 09:00"))
    assert found.status == PayoutStatus.RETURNED
    assert booked(found)[1:] == [
        ("J36", "03 09:00", {TRANSIT: 1080, "1010": -1080}),
        ("J39", "05 09:00", {"1010": 1080, TO_BE_FIXED: -1080}),
    ]


def test_returned_implies_that_it_was_paid_before() -> None:
    found = payout(answer("returned", "05 09:00"))
    assert found.status == PayoutStatus.RETURNED
    assert [(kind, when) for kind, when, _ in booked(found)] == [
        ("J35", "03 00:00"),
        ("J36", "05 09:00"),
        ("J39", "05 09:00"),
    ]


def test_failed_after_paid_is_a_return() -> None:
    found = payout(answer("paid", "03 09:00"), answer("failed", "05 09:00"))
    assert found.status == PayoutStatus.RETURNED
    assert [kind for kind, _, _ in booked(found)] == ["J35", "J36", "J39"]


def test_a_failure_that_came_before_a_payment_stands() -> None:
    found = payout(answer("failed", "03 09:00"), answer("paid", "05 09:00"))
    assert found.status == PayoutStatus.FAILED
    assert [kind for kind, _, _ in booked(found)] == ["J35", "J38"]


def test_a_second_paid_changes_nothing() -> None:
    found = payout(answer("paid", "03 09:00"), answer("paid", "04 09:00"))
    assert found.status_at == at("03 09:00")
    assert len(booked(found)) == 2


def test_answers_to_a_payout_that_does_not_exist_yet_wait_for_it() -> None:
    found = Payout(KEY.payout_id)
    found.learn(answer("paid", "03 09:00"))
    assert take_answers(found) == []
    create(found, made())
    assert found.status == PayoutStatus.PAID
    assert [kind for kind, _, _ in booked(found)] == ["J35", "J36"]


def test_a_payout_that_awaits_approval_takes_no_answer() -> None:
    found = payout(answer("paid", "03 09:00"), status=PayoutStatus.AWAITING_APPROVAL)
    assert found.status == PayoutStatus.AWAITING_APPROVAL
    assert booked(found) == []


ANSWERS = [
    answer("accepted", "03 01:00"),
    answer("paid", "03 09:00"),
    answer("paid", "04 09:00"),
    answer("failed", "05 09:00"),
    answer("returned", "05 09:00"),
    answer("failed", "03 08:00"),
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(ANSWERS), max_size=5, unique_by=lambda each: each.id))
def test_answers_come_to_the_same_in_any_order(told: list[PayoutAnswered]) -> None:
    outcomes = [payout(*order) for order in permutations(told)]
    assert len({(each.status, each.status_at) for each in outcomes}) == 1
    assert all(booked(each) == booked(outcomes[0]) for each in outcomes)


@settings(deadline=None)
@given(st.lists(st.sampled_from(ANSWERS), max_size=5, unique_by=lambda each: each.id))
def test_nothing_is_left_in_transit_once_the_bank_has_spoken(told: list[PayoutAnswered]) -> None:
    found = payout(*told)
    in_transit = sum(each.get(TRANSIT, 0) for _, _, each in booked(found))
    assert in_transit == (-1080 if found.status == PayoutStatus.IN_TRANSIT else 0)


@pytest.mark.parametrize("word", ["accepted", "paid", "failed", "returned"])
def test_the_word_of_an_answer_is_the_last_of_its_type(word: str) -> None:
    found = parse_answer(f"payout.{word}", {"at": "2026-03-03T09:00:00Z", "reason": "AC04"}, "bank", "1")
    assert (found.answer, found.at, found.reason) == (word, at("03 09:00"), "AC04")


def test_a_payout_id_is_what_everybody_can_compute() -> None:
    assert KEY.payout_id == str(uuid5(NAMESPACE_URL, "wattledger:payout:OP:EUR:2026-03-02:1"))
    again = PayoutKey(OPERATOR, "EUR", date(2026, 3, 2), 2)
    assert len({KEY.payout_id, KEY.batch_id, again.payout_id, again.batch_id}) == 4
