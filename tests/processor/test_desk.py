"""What the processor takes for an order, what it refuses, and that nothing makes it hand anything in twice."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.processor.driving import Driven
from tests.processor.orders import end_to_end_id, payout_id, records
from wattledger.processor.bank import Bank, Message


def changed(value: bytes, **data: Any) -> bytes:
    """A record with other data."""
    event = json.loads(value)
    return json.dumps({**event, "data": event["data"] | data}).encode()


@pytest.fixture
def driven(folder: Path) -> Driven:
    return Driven(folder)


def test_an_order_of_many_entries_is_paid_once_all_parts_are_there_in_any_order(driven: Driven) -> None:
    told = records(entries=11, parts=3)
    Random(3).shuffle(told)
    driven.take(told[:-1])
    driven.run()
    assert driven.words == []
    driven.take(told[-1:] * 2)
    driven.take(told)
    driven.run()
    assert driven.words == ["accepted", "paid"]
    (instruction,) = driven.processor.desk.instructions()
    assert len(instruction.entry_ids) == 11


@pytest.mark.parametrize(
    "change",
    [
        {"amount": {"amount": "999.00", "currency": "EUR"}},
        {"creditor": {"holder": "Somebody else", "iban": "NL02ABNA0123456789"}},
        {"execution_date": "2031-01-01"},
        {"entry_ids": ["another"]},
        {"entry_count": 3},
        {"content_hash": "0" * 64},
        {"amount": None},
        {"creditor": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_somebody_changed_on_the_way_is_not_paid_and_told(driven: Driven, change: dict[str, Any]) -> None:
    (right,) = records()
    driven.take([changed(right, **change)])
    driven.run()
    assert driven.words == []
    assert driven.debits == {}
    (sentence,) = driven.processor.desk.refusals()
    assert payout_id() in sentence
    assert "not paid" in sentence
    # The right one that comes afterwards is paid.
    driven.take([right])
    driven.run()
    assert driven.words == ["accepted", "paid"]


def test_what_is_no_event_is_told_and_holds_up_nothing(driven: Driven) -> None:
    driven.take(
        [b"no json", b"[]", b'{"type": "settlement.batch.created"}', b'{"type": "other", "data": {}}', *records()]
    )
    driven.run()
    assert driven.words == ["accepted", "paid"]
    assert len(driven.processor.desk.refusals()) == 3
    assert driven.processor.positions() == {0: 5}


def test_another_order_under_the_same_id_is_refused_and_the_first_stands(driven: Driven) -> None:
    driven.take([*records(), *records(), *records(amount="999.00")])
    driven.run()
    assert driven.words == ["accepted", "paid"]
    (sentence,) = driven.processor.desk.refusals()
    assert "the first stands" in sentence


def test_an_attempt_waits_until_the_one_that_it_repeats_has_ended(folder: Path) -> None:
    driven = Driven(folder, "otherwise=return", "returned_after=86400")
    driven.take([*records(), *records(attempt=2)])
    driven.run()
    assert set(driven.debits) == {end_to_end_id()}
    driven.run(90_000)
    driven.run()
    assert driven.debits == {end_to_end_id(): 0, end_to_end_id(attempt=2): 1}


def test_of_an_attempt_that_came_to_nothing_before_it_was_heard_of_the_next_one_is_paid(driven: Driven) -> None:
    driven.take(records(attempt=2))
    driven.run()
    assert driven.words == ["accepted", "paid"]


class Broken(Exception):
    """Stands for `kill -9` at the worst moment."""


@pytest.mark.parametrize("arrived", [True, False])
def test_killed_while_it_hands_in_it_asks_the_bank_before_it_does_so_again(
    driven: Driven, arrived: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Bank.hand_in

    def break_down(bank: Bank, messages: list[Message]) -> set[str]:
        if arrived:
            real(bank, messages)
        raise Broken

    driven.take(records())
    with monkeypatch.context() as patched:
        patched.setattr(Bank, "hand_in", break_down)
        with pytest.raises(Broken):
            driven.processor.work()
    driven.kill()
    driven.run()
    assert driven.words == ["accepted", "paid"]
    assert driven.debits == {end_to_end_id(): 1}


def test_answers_that_nobody_noted_are_sent_again_with_their_ids(driven: Driven) -> None:
    driven.take(records())
    driven.processor.work()
    driven.hear(killed=True)
    first = list(driven.heard)
    driven.run()
    assert driven.heard[: 2 * len(first)] == [*first, *first]
    driven.run()
    assert driven.words == ["accepted", "accepted", "paid"]


def test_the_bank_takes_a_file_and_a_transfer_once_whoever_hands_them_in(driven: Driven) -> None:
    driven.take(records())
    driven.run()
    bank = driven.processor.bank
    (order,) = driven.processor.desk.instructions()
    transfer = Message("x", (), driven.now)
    assert bank.hand_in([transfer]) == {"x"}
    assert bank.hand_in([transfer]) == set()
    (refused,) = [each for each in bank.reports(0) if each.word == "refused"]
    assert (refused.reason, refused.message_id) == ("DU01", "x")
    assert [each.end_to_end_id for each in bank.bookings()] == [order.end_to_end_id]
