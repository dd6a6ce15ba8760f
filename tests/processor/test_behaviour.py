"""What the bank does with a transfer, and what the processor answers of it."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.processor.driving import Driven
from tests.processor.orders import end_to_end_id, payout_id, records
from wattledger.processor.behaviour import Behaviour, Conduct
from wattledger.processor.errors import BehaviourRefused
from wattledger.processor.processor import Clock


@pytest.mark.parametrize(
    ("conduct", "words", "debits"),
    [
        ("pay", ["accepted", "paid"], 1),
        ("accept", ["accepted"], 0),
        ("reject", ["failed"], 0),
        ("return", ["accepted", "paid", "returned"], 0),
        ("partial", ["accepted", "paid", "returned"], 0),
        ("silent", [], 0),
        ("twice", ["accepted", "accepted", "paid", "paid"], 1),
        ("return+shuffled", ["returned", "paid", "accepted"], 0),
        ("unknown", ["accepted", "paid"], 1),
        ("reject+unknown", ["failed"], 0),
        ("duplicate", ["accepted", "paid"], 1),
    ],
)
def test_each_conduct_is_answered_and_booked_as_it_says(
    conduct: str, words: list[str], debits: int, folder: Path
) -> None:
    driven = Driven(folder, f"otherwise={conduct}")
    driven.take(records())
    driven.run()
    assert driven.words == words
    assert sum(driven.debits.values()) == debits
    assert len({each["id"] for each in driven.heard}) == len(words)


def test_an_answer_says_when_the_bank_booked_what_came_back_and_why(folder: Path) -> None:
    driven = Driven(folder, "otherwise=partial", "charges=7.50")
    driven.take(records())
    driven.run()
    assert driven.heard[-1]["data"] == {
        "payout_id": payout_id(),
        "at": "2026-03-03T02:00:03Z",
        "bank_reference": f"{end_to_end_id().upper()}-R",
        "reason": "AC06",
        "amount": {"amount": "117.90", "currency": "EUR"},
    }
    assert "amount" not in driven.heard[1]["data"]


def test_what_comes_back_of_less_than_the_charges_comes_back_whole() -> None:
    behaviour, partial = Behaviour.parse(["charges=5.00"]), Conduct.parse("partial")
    assert behaviour.comes_back(partial, Decimal("5.01")) == Decimal("0.01")
    assert behaviour.comes_back(partial, Decimal("5.00")) == Decimal("5.00")
    assert str(behaviour.comes_back(partial, Decimal(1_000))) == "995"
    assert behaviour.comes_back(Conduct.parse("return"), Decimal("90.00")) == Decimal("90.00")


def test_the_clock_of_the_events_makes_the_same_answers_at_any_time(folder: Path) -> None:
    heard = []
    for number, seconds in enumerate((5, 100_000)):
        driven = Driven(folder / str(number), "otherwise=return", clock=Clock.EVENTS)
        driven.now += timedelta(days=number)
        driven.take(records())
        driven.run(seconds)
        heard.append(driven.heard)
    assert heard[0] == heard[1]
    assert heard[0][1]["data"]["at"] == "2026-03-03T01:00:01Z"


def test_shares_are_drawn_by_the_seed_and_are_the_same_each_time() -> None:
    ids = [end_to_end_id(f"OP-{number}") for number in range(2_000)]

    def drawn(*wishes: str) -> list[Conduct]:
        behaviour = Behaviour.parse(wishes)
        return [behaviour.conduct_of(id_, "OP-1", 1) for id_ in ids]

    found = drawn("reject=0.05", "return:AC03=0.10")
    assert found == drawn("reject=0.05", "return:AC03=0.10") != drawn("reject=0.05", "return:AC03=0.10", "seed=2")
    assert abs(found.count(Conduct.parse("reject:AC04")) - 100) < 40
    assert abs(found.count(Conduct.parse("return:AC03")) - 200) < 60


def test_an_operator_has_a_conduct_for_each_attempt_and_a_file_says_what_words_say(folder: Path) -> None:
    wishes = {"operator:OP-1": "reject:AC01,return+twice,pay", "otherwise": "accept", "seed": 7}
    (folder / "bank.json").write_text(json.dumps(wishes), "utf-8")
    behaviour = Behaviour.parse([str(folder / "bank.json")])
    assert behaviour == Behaviour.parse([f"{name}={value}" for name, value in wishes.items()])
    told = [behaviour.conduct_of("any", "OP-1", attempt) for attempt in (1, 2, 3, 4)]
    assert told == [Conduct.parse(each) for each in ("reject:AC01", "return+twice", "pay", "pay")]
    assert behaviour.conduct_of("any", "OP-2", 1) == Conduct.parse("accept")


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ("pays=0.1", "'pays' is no conduct of a bank"),
        ("pay+return+pay=0.1", "is no conduct of a bank"),
        ("reject=much", "no number of its kind"),
        ("reject=1.1", "come to more than 1"),
        ("paid_after=soon", "no number of its kind"),
        ("no-such-file.json", "neither NAME=VALUE nor a file"),
    ],
)
def test_a_wish_that_cannot_be_understood_is_refused_in_a_sentence(wish: str, sentence: str) -> None:
    with pytest.raises(BehaviourRefused, match=sentence):
        Behaviour.parse([wish])
