"""Adjustments, write-offs, holds and invoices: from messages in any order to the book, a payout and a sound audit."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.matters import (
    MAKER,
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

DAY = "2026-03-02"
END = "2026-03-10T12:00:00Z"
PAYABLE = "2010/OP-1 EUR"


def network() -> list[dict[str, Any]]:
    """An operator, and a session of 2 March whose share is 10.89 EUR."""
    return [operator(), tariff(), *session()]


def payouts(engine: Engine) -> list[tuple[str, int]]:
    """Business date and amount of each payout, in their order."""
    query = """
        SELECT body ->> 'business_date', (body ->> 'amount')::int FROM event_store.stored_events,
               LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
        WHERE topic = 'PayoutCreated' ORDER BY 1
    """
    return engine.rows(query)


def judged(engine: Engine) -> list[tuple[str, str]]:
    """Each matter by its id, with its state."""
    query = """
        SELECT DISTINCT ON (originator_id) body ->> 'matter_id', body ->> 'state'
        FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
        WHERE topic = 'MatterJudged' ORDER BY originator_id, originator_version DESC
    """
    return sorted(engine.rows(query))


def refused(engine: Engine) -> list[str]:
    """The decisions that count for nothing, by message id."""
    query = """
        SELECT body ->> 'id' FROM (
            SELECT DISTINCT ON (body ->> 'source', body ->> 'id') topic, body
            FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
            WHERE topic IN ('DecisionRefused', 'DecisionCounts')
            ORDER BY body ->> 'source', body ->> 'id', notification_id DESC
        ) AS last WHERE topic = 'DecisionRefused' ORDER BY 1
    """
    return [id_ for (id_,) in engine.rows(query)]


def notices(engine: Engine) -> list[str]:
    """What people are told counts for nothing, by what it is about."""
    query = """
        SELECT record_key FROM intake.outbox JOIN event_store.stored_events
            ON originator_id = stream_id AND originator_version = version
        WHERE intake.outbox.topic = 'settlement.notifications' AND stored_events.topic = 'DecisionRefused'
    """
    return [key for (key,) in engine.rows(query)]


def is_sound(engine: Engine) -> bool:
    """Whether `verify` agrees."""
    failed = {check.name: [each.sentence for each in check.findings] for check in verify(engine.dsn).failed}
    assert failed == {}
    return True


NOON, ONE = f"{DAY}T12:00:00Z", f"{DAY}T13:00:00Z"


def test_an_approved_adjustment_is_a_line_of_the_next_run(engine: Engine) -> None:
    engine.feed([*network(), proposed(), approved()])
    engine.advance(END)
    assert payouts(engine) == [(DAY, 1089 + 2500)]
    assert engine.balances()["5060 EUR"] == 2500
    assert judged(engine) == [("A-1", "APPROVED")]
    assert is_sound(engine)


def test_who_proposes_an_adjustment_does_not_approve_it_by_another_spelling(engine: Engine) -> None:
    engine.feed([*network(), proposed(), approved(by=f" {MAKER.upper()}")])
    engine.advance(END)
    assert payouts(engine) == [(DAY, 1089)]
    assert judged(engine) == [("A-1", "PROPOSED")]
    assert is_sound(engine)


def test_a_debit_is_taken_off_and_what_is_left_of_it_is_carried(engine: Engine) -> None:
    engine.feed([*network(), proposed(amount="15.00", direction="DEBIT"), approved()])
    engine.feed(session("S-2", "2026-03-04"))
    engine.advance(END)
    assert payouts(engine) == [("2026-03-04", 2 * 1089 - 1500)]
    assert is_sound(engine)


def test_nothing_is_posted_of_what_is_proposed_or_rejected(engine: Engine) -> None:
    engine.feed([*network(), proposed(), proposed("A-2"), rejected("A-2")])
    engine.advance(END)
    assert payouts(engine) == [(DAY, 1089)]
    assert judged(engine) == [("A-1", "PROPOSED"), ("A-2", "REJECTED")]
    assert is_sound(engine)


def test_currencies_are_never_netted(engine: Engine) -> None:
    engine.feed([*network(), proposed(amount="15.00", direction="DEBIT", currency="SEK"), approved()])
    engine.advance(END)
    assert payouts(engine) == [(DAY, 1089)]
    assert engine.balances()["2010/OP-1 SEK"] == 1500


@pytest.mark.parametrize(
    ("decisions", "left_out"),
    [
        ([approved(by="m.ortega")], ["adjustment.approved:A-1:2026-03-02T13:00:00Z:m.ortega"]),
        ([approved(at=f"{DAY}T11:00:00Z")], ["adjustment.approved:A-1:2026-03-02T11:00:00Z:j.lind"]),
    ],
    ids=["the maker", "before it was proposed"],
)
def test_an_approval_that_may_not_be_counts_for_nothing(
    engine: Engine, decisions: Sequence[Any], left_out: list[str]
) -> None:
    engine.feed([*network(), proposed(), *decisions])
    engine.advance(END)
    assert payouts(engine) == [(DAY, 1089)]
    assert refused(engine) == left_out
    assert engine.refusals() == []
    assert notices(engine) == ["A-1"]
    assert is_sound(engine)


def test_the_first_decision_counts_and_the_first_proposal(engine: Engine) -> None:
    again = proposed(amount="99.00", at=f"{DAY}T12:30:00Z", by="a.other")
    engine.feed([*network(), again, approved(), rejected(at=f"{DAY}T12:59:00Z", by="k.third"), proposed()])
    assert judged(engine) == [("A-1", "REJECTED")]
    assert refused(engine) == [
        "adjustment.approved:A-1:2026-03-02T13:00:00Z:j.lind",
        "adjustment.proposed:A-1:2026-03-02T12:30:00Z:a.other",
    ]
    assert is_sound(engine)


def test_an_approval_waits_for_its_proposal_and_both_for_their_operator(engine: Engine) -> None:
    engine.feed([approved()])
    assert refused(engine) == ["adjustment.approved:A-1:2026-03-02T13:00:00Z:j.lind"]
    engine.feed([proposed()])
    assert judged(engine) == [("A-1", "PROPOSED")]
    assert is_sound(engine)
    engine.feed([operator(), tariff()])
    engine.advance(END)
    assert refused(engine) == []
    assert payouts(engine) == [(DAY, 2500)]
    assert is_sound(engine)


def test_a_decision_that_comes_after_its_run_is_paid_by_the_next(engine: Engine) -> None:
    engine.feed([*network(), proposed()])
    engine.advance("2026-03-03T12:00:00Z")
    engine.feed([approved()])
    engine.advance(END)
    assert payouts(engine) == [(DAY, 1089), ("2026-03-03", 2500)]
    assert is_sound(engine)


def test_an_approval_that_turns_out_to_be_too_late_is_taken_off_the_next_payout(engine: Engine) -> None:
    engine.feed([*network(), proposed(), approved()])
    engine.advance("2026-03-03T12:00:00Z")
    engine.feed([rejected(at=f"{DAY}T12:30:00Z"), *session("S-2", "2026-03-04"), *session("S-3", "2026-03-05")])
    engine.feed(session("S-4", "2026-03-06"))
    engine.advance(END)
    assert payouts(engine) == [(DAY, 3589), ("2026-03-06", 3 * 1089 - 2500)]
    assert "5060 EUR" not in engine.balances()
    assert is_sound(engine)


def test_terms_that_come_later_and_were_in_effect_before_move_no_line_to_another_run(engine: Engine) -> None:
    engine.feed([*network(), proposed(), approved()])
    elsewhere = operator(changed=True, time="2026-03-01T06:00:00Z", time_zone="Pacific/Auckland")
    engine.feed([elsewhere])
    engine.advance(END)
    # 13:00 UTC is the third of March in Auckland.
    assert payouts(engine) == [("2026-03-03", 3589)]
    assert is_sound(engine)


# Holds -----------------------------------------------------------------------------------------------------------


def test_a_hold_keeps_its_amount_until_it_is_released_in_parts_and_at_its_time(engine: Engine) -> None:
    engine.feed([*network(), reserve_held(until="2026-03-06T00:00:00Z"), reserve_released(amount="3.00")])
    engine.advance(END)
    assert payouts(engine) == [(DAY, 289), ("2026-03-03", 300), ("2026-03-06", 500)]
    assert judged(engine) == [("H-1", "RELEASED")]
    assert "2020/OP-1 EUR" not in engine.balances()
    assert is_sound(engine)


def test_a_hold_of_more_than_there_is_takes_what_is_earned_next(engine: Engine) -> None:
    engine.feed([*network(), reserve_held(amount="20.00"), *session("S-2", "2026-03-04")])
    engine.advance(END)
    assert payouts(engine) == [("2026-03-04", 2 * 1089 - 2000)]
    assert engine.balances()["2020/OP-1 EUR"] == -2000
    assert is_sound(engine)


def test_no_reserve_is_kept_of_what_is_held_or_comes_back(engine: Engine) -> None:
    engine.feed([operator(payout_reserve_percent="10", payout_reserve_days=3), tariff(), *session()])
    engine.feed([reserve_held(until="2026-03-04T12:00:00Z")])
    engine.advance("2026-03-05T12:00:00Z")
    assert payouts(engine) == [(DAY, 1089 - 109 - 800), ("2026-03-04", 800)]
    assert is_sound(engine)


def test_more_than_is_left_or_too_late_is_not_released(engine: Engine) -> None:
    engine.feed([*network(), reserve_held(until="2026-03-06T00:00:00Z"), reserve_released(amount="3.00")])
    engine.feed(
        [
            reserve_released(amount="5.01", at="2026-03-04T12:00:00Z"),
            reserve_released(amount="1.00", at="2026-03-06T00:00:00Z"),
            reserve_released("H-2"),
            reserve_released(at="2026-03-02T11:00:00Z"),
        ]
    )
    assert refused(engine) == [
        "reserve.released:H-1:2026-03-02T11:00:00Z:m.ortega",
        "reserve.released:H-1:2026-03-04T12:00:00Z:m.ortega",
        "reserve.released:H-1:2026-03-06T00:00:00Z:m.ortega",
        "reserve.released:H-2:2026-03-03T12:00:00Z:m.ortega",
    ]
    assert is_sound(engine)
    engine.advance(END)
    assert is_sound(engine)


def test_a_release_that_comes_late_takes_its_part_from_what_the_clock_gave_back(engine: Engine) -> None:
    engine.feed([*network(), reserve_held(until="2026-03-06T00:00:00Z")])
    engine.advance(END)
    engine.feed([reserve_released(amount="3.00")])
    engine.advance("2026-03-12T12:00:00Z")
    assert engine.balances()["2050/" + payout_of(engine, "2026-03-06") + " EUR"] == -800
    assert sum(amount for _, amount in payouts(engine)) == 1089
    assert is_sound(engine)


def payout_of(engine: Engine, day: str) -> str:
    """The id of the payout of a business date."""
    query = """
        SELECT body ->> 'payout_id' FROM event_store.stored_events,
               LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
        WHERE topic = 'PayoutCreated' AND body ->> 'business_date' = %s
    """
    return str(engine.rows(query, day)[0][0])


def test_a_hold_that_nobody_releases_is_told_after_half_a_year(engine: Engine) -> None:
    engine.feed([*network(), reserve_held()])
    engine.advance("2026-08-29T11:00:00Z")
    assert open_kinds(engine) == []
    engine.advance("2026-08-29T13:00:00Z")
    assert open_kinds(engine) == ["HOLD_TOO_OLD"]
    engine.feed([reserve_released(at="2026-09-01T09:00:00Z")])
    assert open_kinds(engine) == []
    assert is_sound(engine)


OF_MATTERS = {"HOLD_TOO_OLD", "NEGATIVE_BALANCE", "SAAS_INVOICE_WITHOUT_EFFECT"}


def open_kinds(engine: Engine) -> list[str]:
    """What is open about matters, and balances below zero."""
    query = """
        SELECT DISTINCT ON (body ->> 'stream', body #>> '{finding,key}') body #>> '{finding,kind}', topic
        FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
        WHERE topic IN ('FindingOpened', 'FindingEnded')
        ORDER BY body ->> 'stream', body #>> '{finding,key}', notification_id DESC
    """
    return sorted(kind for kind, topic in engine.rows(query) if topic == "FindingOpened" and kind in OF_MATTERS)


# Balances below zero, write-offs -----------------------------------------------------------------------------------


def in_debt() -> list[dict[str, Any]]:
    """OP-1 owes 4.11 EUR after its session."""
    return [*network(), proposed(amount="15.00", direction="DEBIT"), approved()]


def test_a_balance_that_was_written_off_is_zero_and_the_run_goes_on(engine: Engine) -> None:
    engine.feed([*in_debt(), write_off_proposed(amount="4.11"), write_off_approved()])
    engine.feed(session("S-2", "2026-03-07"))
    engine.advance(END)
    assert payouts(engine) == [("2026-03-07", 1089)]
    assert engine.balances()["5050 EUR"] == 411
    assert PAYABLE not in engine.balances()
    assert is_sound(engine)


def test_what_was_collected_is_the_operators_and_what_was_funded_is_not(engine: Engine) -> None:
    engine.feed([*in_debt(), balance_funded("4.11"), balance_collected("4.11")])
    engine.feed(session("S-2", "2026-03-07"))
    engine.advance(END)
    assert payouts(engine) == [("2026-03-07", 1089)]
    assert engine.balances()["1020 EUR"] == -411
    assert is_sound(engine)


def test_what_a_driver_owes_is_given_up(engine: Engine) -> None:
    engine.feed([*network()[:-1], write_off_proposed(account="1105/S-1", amount="12.10"), write_off_approved()])
    engine.advance(END)
    assert "1105/S-1 EUR" not in engine.balances()
    assert engine.balances()["5060 EUR"] == 1210
    assert is_sound(engine)


def test_a_write_off_takes_two(engine: Engine) -> None:
    engine.feed([*in_debt(), write_off_proposed(amount="4.11"), write_off_approved(by="m.ortega")])
    engine.advance(END)
    assert "5050 EUR" not in engine.balances()
    assert refused(engine) == ["write_off.approved:W-1:2026-03-05T13:00:00Z:m.ortega"]
    assert is_sound(engine)


# Invoices for the platform's service -------------------------------------------------------------------------------


def test_an_invoice_is_netted_and_earned_when_its_month_is_over(engine: Engine) -> None:
    engine.feed([*network(), invoiced()])
    engine.advance("2026-03-31T12:00:00Z")
    assert payouts(engine) == [(DAY, 1089 - 363)]
    assert engine.balances()["2310/OP-1 EUR"] == -300
    engine.advance("2026-04-01T12:00:00Z")
    assert engine.balances()["4030 EUR"] == -300
    assert "2310/OP-1 EUR" not in engine.balances()
    assert is_sound(engine)


def test_an_invoice_that_is_not_netted_stays_owed(engine: Engine) -> None:
    engine.feed([*network(), invoiced(netting=False)])
    engine.advance(END)
    assert payouts(engine) == [(DAY, 1089)]
    assert engine.balances()["1230/OP-1 EUR"] == 363
    assert is_sound(engine)


def test_an_invoice_to_nobody_waits_and_one_told_otherwise_is_told(engine: Engine) -> None:
    engine.feed([invoiced(), invoiced(net="4.00", at=f"{DAY}T09:00:00Z")])
    assert open_kinds(engine) == ["SAAS_INVOICE_WITHOUT_EFFECT"] * 2
    assert engine.balances() == {}
    assert is_sound(engine)
    engine.feed([operator(), tariff()])
    engine.advance(END)
    assert open_kinds(engine) == ["NEGATIVE_BALANCE", "SAAS_INVOICE_WITHOUT_EFFECT"]
    assert engine.balances()[PAYABLE] == 363
    assert is_sound(engine)


# Any order ---------------------------------------------------------------------------------------------------------


def everything() -> list[dict[str, Any]]:
    """All that can be said of matters, and what does not count of it."""
    return [
        *network(),
        *session("S-2", "2026-03-05"),
        proposed(),
        approved(),
        approved(by="k.third", at=ONE),
        proposed("A-2", "9.00", "DEBIT", at=NOON),
        rejected("A-2", at="2026-03-02T14:00:00Z"),
        approved("A-2", at="2026-03-02T14:00:00Z"),
        proposed("A-3", "1.00", "DEBIT", session_id="S-1"),
        approved("A-3", by="m.ortega"),
        approved("A-3", at="2026-03-04T13:00:00Z"),
        reserve_held(until="2026-03-06T00:00:00Z", session_id="S-2"),
        reserve_released(amount="2.00"),
        reserve_released(amount="7.00", at="2026-03-03T13:00:00Z"),
        reserve_held("H-2", "1.50", at="2026-03-04T08:00:00Z"),
        write_off_proposed(account="1105/S-9", amount="1.00"),
        write_off_approved(),
        balance_funded("1.00"),
        balance_collected("2.00"),
        invoiced(period=("2026-01-20", "2026-03-08")),
    ]


def outcome(engine: Engine) -> tuple[Any, ...]:
    """What has to be the same in every order."""
    return engine.balances(), payouts(engine), judged(engine), refused(engine), open_kinds(engine)


@pytest.fixture(scope="module")
def in_order(engines: Any) -> tuple[Any, ...]:
    """What comes of everything, told in order."""
    engine = engines(before_clock=False)
    engine.feed(everything())
    engine.advance(END)
    assert is_sound(engine)
    return outcome(engine)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("before_clock", [False, True], ids=["at once", "before the clock"])
def test_any_order_doubled_and_in_any_batches_comes_to_the_same(
    engines: Any, in_order: tuple[Any, ...], seed: int, before_clock: bool
) -> None:
    random = Random(seed)
    told = everything() + random.sample(everything(), 8)
    random.shuffle(told)
    engine = engines(before_clock=before_clock)
    engine.feed(told, batch=random.choice((1, 3, 50)))
    engine.advance(END)
    assert outcome(engine) == in_order
    assert is_sound(engine)
