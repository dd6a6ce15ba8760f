"""What the payout processor's answers make of a payout and of its attempts, in whatever order they come."""

from datetime import date
from itertools import permutations
from random import Random
from uuid import NAMESPACE_URL, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.book.posting import entries_of
from domain.payout.answers import PayoutAnswer, PayoutAnswered, parse_payout_fact
from domain.payout.events import PayoutCreated, PayoutKey, PayoutStatus, payout_stream
from domain.payout.findings import find_in_attempts, find_in_facts
from domain.payout.payout import Payout
from domain.payout.steps import count_twice, create, supersede, take_answers
from tests.domain.builders import CAUSE, OPERATOR, Amounts, amounts, at

KEY = PayoutKey(OPERATOR, "EUR", date(2026, 3, 2), 1)
TRANSIT, TO_BE_FIXED = f"2050/{KEY.payout_id}", f"2060/{OPERATOR}"


def answer(
    word: str, when: str, back: int | None = None, currency: str = "EUR", reason: str = "AC04"
) -> PayoutAnswered:
    """An answer of the bank; `back` is what came back, in cents."""
    return PayoutAnswered(
        at=at(when),
        source="bank",
        id=f"{word} {when} {back}",
        answer=PayoutAnswer(word),
        reason=reason if word in ("failed", "returned") else None,
        amount=back,
        currency=currency if back is not None else None,
    )


def made(
    status: PayoutStatus = PayoutStatus.IN_TRANSIT, key: PayoutKey = KEY, fired_at: str = "03 00:00"
) -> PayoutCreated:
    return PayoutCreated(
        payout_id=key.payout_id,
        batch_id=key.batch_id,
        operator_id=OPERATOR,
        currency="EUR",
        business_date=key.business_date,
        attempt=key.attempt,
        amount=1080,
        reserve=0,
        status=status,
        fired_at=at(fired_at),
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
        find_in_facts(found)
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


def test_paid_after_failed_withdraws_the_failure() -> None:
    found = payout(answer("failed", "03 09:00"), answer("paid", "05 09:00"))
    assert (found.status, found.status_at) == (PayoutStatus.PAID, at("05 09:00"))
    assert not found.failed
    assert booked(found) == [INITIATED, ("J36", "05 09:00", {TRANSIT: 1080, "1010": -1080})]


def test_a_payment_told_again_after_a_failure_that_followed_it_makes_it_none() -> None:
    found = payout(answer("paid", "03 09:00"), answer("failed", "04 09:00"), answer("paid", "05 09:00"))
    assert (found.status, found.status_at) == (PayoutStatus.PAID, at("03 09:00"))
    assert [kind for kind, _, _ in booked(found)] == ["J35", "J36"]


def test_returned_after_failed_was_paid_in_between() -> None:
    found = payout(answer("failed", "03 09:00"), answer("returned", "05 09:00"))
    assert found.status == PayoutStatus.RETURNED
    assert [(kind, when) for kind, when, _ in booked(found)][1:] == [("J36", "05 09:00"), ("J39", "05 09:00")]


def test_of_two_failures_the_first_stands() -> None:
    found = payout(answer("failed", "04 09:00", reason="AM04"), answer("failed", "03 09:00", reason="AC04"))
    assert (found.status_at, found.reason) == (at("03 09:00"), "AC04")
    assert [kind for kind, _, _ in booked(found)] == ["J35", "J38"]


def test_what_came_back_stays_back_whatever_is_told_later() -> None:
    found = payout(answer("returned", "04 09:00"), answer("paid", "05 09:00"), answer("failed", "06 09:00"))
    assert (found.status, found.status_at) == (PayoutStatus.RETURNED, at("04 09:00"))


def test_at_one_moment_answers_count_in_the_order_of_what_happens() -> None:
    words = [answer(word, "03 09:00") for word in ("accepted", "paid", "failed", "returned")]
    assert payout(*words[:2]).status == PayoutStatus.PAID
    assert payout(words[2], words[1]).status == PayoutStatus.RETURNED
    assert payout(words[3], words[2], words[1], words[0]).status == PayoutStatus.RETURNED


@pytest.mark.parametrize("word", ["paid", "failed", "returned"])
def test_nothing_is_booked_before_the_hand_off(word: str) -> None:
    found = payout(answer(word, "02 12:00"))
    assert found.status_at == at("03 00:00")
    assert {when for _, when, _ in booked(found)} == {"03 00:00"}


def test_what_banks_kept_of_a_return_is_a_charge_of_the_platform() -> None:
    found = payout(answer("paid", "03 09:00"), answer("returned", "05 09:00", back=1000))
    assert booked(found)[2:] == [
        ("J37b", "05 09:00", {"5090": 80, "1010": -80}),
        ("J39", "05 09:00", {"1010": 1080, TO_BE_FIXED: -1080}),
    ]


def test_what_came_back_may_be_told_by_the_second_word_of_a_return() -> None:
    told = [answer("paid", "03 09:00"), answer("failed", "04 09:00"), answer("returned", "05 09:00", back=1000)]
    for order in permutations(told):
        assert [(kind, when) for kind, when, _ in booked(payout(*order))][2:] == [
            ("J37b", "04 09:00"),
            ("J39", "04 09:00"),
        ]


@pytest.mark.parametrize(("back", "currency"), [(1080, "EUR"), (1200, "EUR"), (900, "SEK")])
def test_of_a_return_that_is_whole_or_cannot_be_nothing_is_charged(back: int, currency: str) -> None:
    found = payout(answer("returned", "05 09:00", back=back, currency=currency))
    assert [kind for kind, _, _ in booked(found)] == ["J35", "J36", "J39"]


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
    answer("failed", "05 09:00", reason="AM04"),
    answer("returned", "05 09:00", back=1000),
    answer("returned", "06 09:00", back=900),
    answer("failed", "03 08:00"),
    answer("failed", "03 09:00", reason="NARR"),
    answer("paid", "02 09:00"),
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(ANSWERS), max_size=5, unique_by=lambda each: each.id))
def test_answers_come_to_the_same_in_any_order(told: list[PayoutAnswered]) -> None:
    outcomes = [payout(*order) for order in permutations(told)]
    assert len({(each.status, each.status_at, each.reason) for each in outcomes}) == 1
    assert all(booked(each) == booked(outcomes[0]) for each in outcomes)
    assert len({tuple(sorted(finding.key for finding in each.findings)) for each in outcomes}) == 1


@settings(deadline=None)
@given(st.lists(st.sampled_from(ANSWERS), max_size=5, unique_by=lambda each: each.id))
def test_nothing_is_left_in_transit_once_the_bank_has_spoken(told: list[PayoutAnswered]) -> None:
    found = payout(*told)
    in_transit = sum(each.get(TRANSIT, 0) for _, _, each in booked(found))
    assert in_transit == (-1080 if found.status == PayoutStatus.IN_TRANSIT else 0)


@settings(deadline=None)
@given(st.lists(st.sampled_from(ANSWERS), max_size=6, unique_by=lambda each: each.id))
def test_the_account_at_the_bank_is_what_left_and_what_came_back(told: list[PayoutAnswered]) -> None:
    found = payout(*told)
    at_bank = sum(each.get("1010", 0) for _, _, each in booked(found))
    charged = sum(each.get("5090", 0) for _, _, each in booked(found))
    assert at_bank == (-1080 if found.status == PayoutStatus.PAID else -charged)
    assert charged == 0 or found.status == PayoutStatus.RETURNED


# Attempts ------------------------------------------------------------------------------------------------------

SECOND = PayoutKey(OPERATOR, "EUR", date(2026, 3, 2), 2)
THIRD = PayoutKey(OPERATOR, "EUR", date(2026, 3, 2), 3)


def attempts(*told: tuple[int, PayoutAnswered], made_of: int = 2) -> list[Payout]:
    """Attempts that were handed off on the 3rd, 5th and 7th, since each but the last failed, and then answered."""
    keys = [(KEY, "03 00:00"), (SECOND, "05 00:00"), (THIRD, "07 00:00")][:made_of]
    found = [Payout(key.payout_id) for key, _ in keys]
    for each, (key, fired_at) in zip(found, keys, strict=True):
        create(each, made(key=key, fired_at=fired_at))
    for each, following, day in zip(found, found[1:], (3, 5), strict=False):
        each.learn(answer("failed", f"{day:02d} 09:00"))
        take_answers(each)
        supersede(each, following.payout_id, at(f"{day + 2:02d} 00:00"))
    for number, fact in told:
        found[number - 1].learn(fact)
        take_answers(found[number - 1])
        count_twice(found)
        find_in_attempts(found)
    return found


def twice(found: list[Payout]) -> list[list[tuple[str, str, Amounts]]]:
    return [[entry for entry in booked(each) if entry[0] == "J40x"] for each in found]


OWED = {"2010/OP": 1080, TO_BE_FIXED: -1080}


def test_an_earlier_attempt_that_turns_out_to_be_paid_is_owed() -> None:
    found = attempts((1, answer("paid", "06 09:00")))
    assert [each.status for each in found] == [PayoutStatus.PAID, PayoutStatus.IN_TRANSIT]
    assert twice(found) == [[("J40x", "06 09:00", OWED)], []]


def test_it_is_owed_from_the_moment_at_which_both_were_out() -> None:
    assert twice(attempts((1, answer("paid", "04 09:00")))) == [[("J40x", "05 00:00", OWED)], []]


def test_it_is_owed_no_more_once_the_other_attempt_came_to_nothing() -> None:
    told = [(1, answer("paid", "06 09:00")), (2, answer("failed", "06 12:00"))]
    assert all(twice(attempts(*order)) == [[], []] for order in permutations(told))


def test_it_is_owed_no_more_once_it_came_back() -> None:
    told = [(1, answer("paid", "06 09:00")), (1, answer("returned", "08 09:00")), (2, answer("paid", "06 09:00"))]
    assert all(twice(attempts(*order)) == [[], []] for order in permutations(told))


def test_what_came_three_times_is_owed_twice() -> None:
    found = attempts((2, answer("paid", "08 09:00")), (1, answer("paid", "09 09:00")), made_of=3)
    assert twice(found) == [[("J40x", "09 09:00", OWED)], [("J40x", "08 09:00", OWED)], []]


CHAIN = [
    (number, answer(word, f"{day:02d} 09:00"))
    for number in (1, 2, 3)
    for word, day in (
        ("paid", 8),
        ("paid", 10),
        ("failed", 9),
        ("returned", 11),
    )
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(CHAIN), max_size=6, unique_by=lambda each: (each[0], each[1].id)), st.randoms())
def test_attempts_come_to_the_same_in_any_order_and_one_payment_is_paid_for(
    told: list[tuple[int, PayoutAnswered]], random: Random
) -> None:
    """What is to be fixed is nothing or one whole payout; more than one payment is owed by the operator."""
    found = attempts(*told, made_of=3)
    other = list(told)
    random.shuffle(other)
    again = attempts(*other, made_of=3)
    assert [(each.status, each.status_at) for each in found] == [(each.status, each.status_at) for each in again]
    assert [booked(each) for each in found] == [booked(each) for each in again]
    assert [sorted(each.findings, key=str) for each in found] == [sorted(each.findings, key=str) for each in again]
    entries = [posted for each in found for _, _, posted in booked(each)]
    # Here attempts are all booked as first ones; each but the first takes what is to be fixed (J40).
    to_be_fixed = sum(each.get(TO_BE_FIXED, 0) for each in entries) + 1080 * (len(found) - 1)
    out = sum(each.is_out for each in found)
    assert to_be_fixed == (0 if out else -1080)
    assert sum(each.get("2010/OP", 0) for each in entries) - 1080 * len(found) == 1080 * max(0, out - 1)


# Messages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["accepted", "paid", "failed", "returned"])
def test_the_word_of_an_answer_is_the_last_of_its_type(word: str) -> None:
    found = parse_payout_fact(f"payout.{word}", {"at": "2026-03-03T09:00:00Z", "reason": "AC04"}, "bank", "1")
    assert isinstance(found, PayoutAnswered)
    assert (found.answer, found.at, found.reason) == (word, at("03 09:00"), "AC04")


def test_what_came_back_is_read_in_minor_units() -> None:
    data = {"at": "2026-03-03T09:00:00Z", "reason": "AC04", "amount": {"amount": "9.3", "currency": "EUR"}}
    found = parse_payout_fact("payout.returned", data, "bank", "1")
    assert isinstance(found, PayoutAnswered)
    assert (found.amount, found.currency) == (930, "EUR")


def test_a_payout_id_is_what_everybody_can_compute() -> None:
    assert KEY.payout_id == str(uuid5(NAMESPACE_URL, "wattledger:payout:OP:EUR:2026-03-02:1"))
    again = PayoutKey(OPERATOR, "EUR", date(2026, 3, 2), 2)
    assert len({KEY.payout_id, KEY.batch_id, again.payout_id, again.batch_id}) == 4
