"""The demo's network: deterministic, in order, accepted by the contracts, with everything in it that it promises."""

import hashlib
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest

from contracts.decode import Message, decode
from contracts.messages import TOPIC_OF, partition_key
from contracts.refusal import Refusal
from wattledger.demo import FOLLOWED_SESSION, network
from wattledger.demo.mishaps import NO_SHOW, SILENT_SESSION
from wattledger.demo.network import GARBAGE


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return list(network(seed=7))


@pytest.fixture(scope="module")
def messages(lines: list[bytes]) -> list[Message]:
    decoded = [decode(line) for line in lines if line != GARBAGE]
    return [each for each in decoded if isinstance(each, Message)]


def test_the_same_seed_gives_the_same_bytes_in_another_process(lines: list[bytes]) -> None:
    script = (
        "import hashlib; from wattledger.demo import network;"
        "print(hashlib.sha256(b'\\n'.join(network(seed=7))).hexdigest())"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == hashlib.sha256(b"\n".join(lines)).hexdigest()


def test_another_seed_gives_another_network(lines: list[bytes]) -> None:
    assert list(network(seed=8)) != lines


def test_everything_but_the_one_broken_line_is_accepted(lines: list[bytes], messages: list[Message]) -> None:
    assert lines.count(GARBAGE) == 1
    assert isinstance(decode(GARBAGE), Refusal)
    assert len(messages) == len(lines) - 1


def test_one_message_comes_twice_and_no_id_is_used_for_two_things(messages: list[Message]) -> None:
    contents = {(each.source, each.id, each.digest) for each in messages}
    assert len(contents) == len(messages) - 1
    assert len({(source, id_) for source, id_, _ in contents}) == len(contents)


def test_messages_come_in_the_order_of_time_and_none_from_the_clock_on_the_wall(messages: list[Message]) -> None:
    assert all(earlier.time <= later.time for earlier, later in pairwise(messages))
    assert {each.time.year for each in messages} == {2026}


def test_no_field_is_unknown_to_the_contracts_and_each_message_has_a_topic_and_key(messages: list[Message]) -> None:
    assert sum(each.extra_fields for each in messages) == 0
    assert all(TOPIC_OF[each.type] and partition_key(each) for each in messages)


def test_operators_work_in_six_currencies_and_seven_time_zones(messages: list[Message]) -> None:
    operators = [each.data for each in messages if each.type == "operator.registered"]
    assert {each["currency"] for each in operators} == {"EUR", "SEK", "GBP", "USD", "INR", "JPY"}
    assert len({each["time_zone"] for each in operators}) == len(operators) == 7
    assert {each["fund_release"] for each in operators} == {"ON_SESSION", "ON_CAPTURE", "ON_SETTLEMENT"}
    assert {each["psp_fee_bearer"] for each in operators} == {"PLATFORM", "OPERATOR"}
    assert {"0"} < {each["payout"]["reserve_percent"] for each in operators}


def test_everything_that_can_happen_to_a_payment_happens(messages: list[Message]) -> None:
    refunds = [each.data for each in messages if each.type == "payment.refunded"]
    assert {each["borne_by"] for each in refunds} == {"OPERATOR", "PLATFORM", "SHARED"}
    outcomes = {each.data["outcome"] for each in messages if each.type == "payment.dispute_closed"}
    assert outcomes == {"WON", "LOST"}
    types = Counter(each.type for each in messages)
    assert types["payment.disputed"] == 3
    assert types["payment.failed"]
    assert types["charging.session.meter_corrected"] == 2


def test_partners_accept_refuse_and_pay_cdrs(messages: list[Message]) -> None:
    partners = [each.data for each in messages if each.type == "partner.registered"]
    assert {each["funding"] for each in partners} == {"ADVANCE", "PAY_WHEN_PAID"}
    accepted = {each.data["cdr_id"] for each in messages if each.type == "roaming.cdr_accepted"}
    billed = [cdr for each in messages if each.type == "roaming.invoice_paid" for cdr in each.data["cdr_ids"]]
    assert len(set(billed)) == len(billed)
    assert set(billed) < accepted
    assert sum(each.type == "roaming.cdr_rejected" for each in messages) == 1


def test_most_payouts_are_paid_one_fails_and_one_returns(messages: list[Message]) -> None:
    answers = Counter(each.type for each in messages if each.type.startswith("payout."))
    assert answers["payout.failed"] == answers["payout.returned"] == 1
    assert answers["payout.paid"] > 20
    assert sum(each.type == "operator.changed" and each.id.endswith("new-account") for each in messages) == 1


def test_a_tariff_is_published_after_sessions_that_name_it(messages: list[Message]) -> None:
    published = next(each for each in messages if each.type == "tariff.published" and each.id.endswith("BOAT-SPRING"))
    waiting = [
        each
        for each in messages
        if each.type == "charging.session.started" and each.data["tariff_id"] == "BOAT-SPRING"
    ]
    assert any(each.time < published.time for each in waiting)


def test_a_session_never_ends_and_a_reservation_is_used_by_nobody(messages: list[Message]) -> None:
    silent = [each.type for each in messages if each.data.get("session_id") == SILENT_SESSION]
    assert Counter(silent) == {"charging.session.started": 1, "charging.session.metered": 3}
    missed = [each.type for each in messages if each.data.get("session_id") == NO_SHOW]
    assert missed == ["charging.reservation.expired", "payment.captured"]


def test_the_followed_session_is_the_same_for_every_seed(messages: list[Message]) -> None:
    other = [each for each in map(decode, network(seed=8, sessions=20)) if isinstance(each, Message)]
    first, second = (
        [each.data for each in told if each.data.get("session_id") == FOLLOWED_SESSION] for told in (messages, other)
    )
    assert first[0] == second[0]
    assert len(first) >= 6


@pytest.mark.parametrize("sessions", [1, 2, 10, 40])
def test_small_networks_are_complete_too(sessions: int) -> None:
    told = [each for each in map(decode, network(seed=3, sessions=sessions)) if isinstance(each, Message)]
    assert len({each.data["session_id"] for each in told if "session_id" in each.data}) == sessions


def test_a_network_without_days_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="ask for 7 days"):
        next(network(seed=1, days=3))
