"""The load for measurements: valid, countable, exact in what it captures, and cheap to make."""

import time
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from contracts.decode import Message, decode
from contracts.messages import TOPIC_OF, partition_key
from wattledger.demo import load


def messages(*arguments: int, **named: int) -> list[Message]:
    found = []
    for topic, key, value in load(*arguments, **named):
        message = decode(value)
        assert isinstance(message, Message), message
        assert (TOPIC_OF[message.type], partition_key(message).encode()) == (topic, key)
        found.append(message)
    return found


def test_each_session_has_the_messages_asked_for_after_the_catalogue() -> None:
    told = messages(900, operators=7)
    assert [each.type for each in told[:14]] == ["operator.registered", "tariff.published"] * 7
    counts = Counter(each.data["session_id"] for each in told[14:])
    assert len(counts) == 900
    assert set(counts.values()) == {10}
    assert len({each.data["operator_id"] for each in told if each.type == "charging.session.started"}) == 7


@pytest.mark.parametrize("count", [4, 5, 16])
def test_the_number_of_messages_a_session_can_be_chosen(count: int) -> None:
    told = messages(3, messages_per_session=count, operators=1)
    kinds = Counter(each.type for each in told)
    assert kinds["charging.session.metered"] == 3 * (count - 4)
    assert len(told) == 2 + 3 * count


def test_fewer_than_four_messages_a_session_are_refused() -> None:
    with pytest.raises(ValueError, match="4 messages"):
        next(load(1, messages_per_session=3))


def test_a_capture_is_what_the_energy_costs() -> None:
    by_session: dict[str, dict[str, Any]] = {}
    for each in messages(50, seed=5):
        by_session.setdefault(str(each.data.get("session_id")), {})[each.type] = each.data
    for parts in (parts for session, parts in by_session.items() if session.startswith("L-")):
        used = parts["charging.session.ended"]["meter_stop_wh"] - parts["charging.session.started"]["meter_start_wh"]
        cost = Decimal(used) / 1000 * Decimal("0.40") * Decimal("1.25")
        assert Decimal(parts["payment.captured"]["amount"]["amount"]) == cost


def test_ids_are_unique_and_the_same_seed_gives_the_same_bytes() -> None:
    told = list(load(500, seed=3))
    assert told == list(load(500, seed=3))
    assert told != list(load(500, seed=4))
    assert len({value for _, _, value in told}) == len(told)


def test_making_a_message_costs_far_less_than_settling_it() -> None:
    """50,000 a second are wanted and several times that are made; the fastest of three shows what the code costs."""
    fastest = 0.0
    for _ in range(3):
        began = time.process_time()
        count = sum(1 for _ in load(2_000))
        fastest = max(fastest, count / (time.process_time() - began))
    assert fastest > 50_000
