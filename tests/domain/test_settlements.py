"""What lines of settlements do: release what is settled, show fees once, and leave alone what was posted already."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.session.facts import Line, LineStanding, Settled
from domain.session.session import Session
from tests.domain.builders import (
    at,
    balance,
    captured,
    catalogue,
    charged,
    decided,
    disputed,
    elsewhere,
    kinds_on_the_book,
    on_the_book,
    operator,
    refunded,
    settled,
)

ON_SETTLEMENT: dict[str, Any] = {"fund_release": "ON_SETTLEMENT", "psp_fee_bearer": "OPERATOR"}


def known() -> Catalogue:
    return catalogue(operator(**ON_SETTLEMENT))


def book_of(*facts: Fact) -> Session:
    return decided([*charged(), *facts], known())


def released_at(session: Session) -> object:
    release = session.releases.get("session")
    return release.released_at if release else None


def open_kinds(session: Session) -> list[str]:
    return sorted(finding.kind.value for finding in session.findings)


# What is settled ------------------------------------------------------------------------------------------------


def test_a_part_of_a_capture_releases_nothing_until_the_rest_is_settled() -> None:
    part = settled("03 06:00", gross=700)
    assert released_at(book_of(captured(), part)) is None
    assert released_at(book_of(captured(), part, settled("04 06:00", gross=499))) is None
    assert released_at(book_of(captured(), part, settled("04 06:00", gross=500))) == at("04 06:00")


def test_a_line_settles_the_oldest_capture_first() -> None:
    two = [captured("02 11:01", 900, fee=20), captured("02 12:00", 300, fee=10)]
    session = book_of(*two, settled("03 06:00", gross=900, fee=20))
    assert released_at(session) is None
    assert balance(session, "5010") == 30
    session = book_of(*two, settled("03 06:00", gross=1_000, fee=30))
    assert released_at(session) is None
    assert balance(session, "5010") == 30


def test_more_than_was_captured_is_not_settled_and_is_found() -> None:
    session = book_of(captured(amount=1_000), settled("03 06:00", gross=1_200))
    assert released_at(session) is None
    assert open_kinds(session) == ["SETTLEMENT_ITEM_DIFFERS"]
    (finding,) = session.findings
    assert (finding.subject, finding.amount) == ("P-1", 200)
    whole = book_of(captured(amount=1_000), settled("03 06:00", gross=1_200), captured("02 11:02", 200))
    assert released_at(whole) == at("03 06:00")
    assert open_kinds(whole) == []


def test_a_line_in_another_currency_settles_nothing_and_is_found() -> None:
    session = book_of(captured(), settled("03 06:00", gross=13_000, currency="SEK"))
    assert released_at(session) is None
    assert open_kinds(session) == ["SETTLEMENT_ITEM_DIFFERS"]


def test_a_payment_is_known_by_its_provider_too() -> None:
    other = replace(captured("02 11:02", 500), id="other", provider="psp-2")
    session = book_of(captured(amount=700), other, settled("03 06:00", gross=700, fee=9))
    assert released_at(session) is None
    assert balance(session, "1110/psp") == 700 - 9
    assert released_at(
        book_of(
            captured(amount=700),
            other,
            settled("03 06:00", gross=700),
            settled("04 06:00", gross=500, provider="psp-2"),
        )
    ) == at("04 06:00")


@pytest.mark.parametrize(
    "line",
    [
        settled("03 06:00", gross=-500, number=2),
        settled("03 06:00", gross=-500, number=2, line=Line.REFUND),
        settled("03 06:00", gross=500, number=2, line=Line.REFUND, refund_id="R-1"),
        settled("03 06:00", gross=-500, number=2, refund_id="R-1"),
    ],
    ids=["negative", "said to be a refund", "a refund told without its sign", "with the refund's id"],
)
def test_a_line_of_a_refund_posts_nothing_and_takes_nothing_from_what_is_settled(line: Settled) -> None:
    facts = [captured(fee=30), refunded("03 05:00", 500), settled("03 06:00", gross=1_200, fee=30)]
    session = book_of(*facts, line)
    assert on_the_book(session) == on_the_book(book_of(*facts))
    assert released_at(session) == at("03 06:00")


def test_a_line_that_takes_a_settled_payment_back_settles_it_no_more() -> None:
    back = settled("03 05:00", gross=-1_200, number=2, line=Line.PAYMENT)
    assert released_at(book_of(captured(), settled("03 06:00", gross=1_200), back)) is None


# Fees -----------------------------------------------------------------------------------------------------------


def test_a_fee_of_a_line_that_settles_a_part_is_the_fee_of_its_capture() -> None:
    session = book_of(captured(fee=30), settled("03 06:00", gross=200, fee=30))
    assert kinds_on_the_book(session).count("J03") == 1
    session = book_of(
        captured(fee=30), settled("03 06:00", gross=200, fee=10), settled("04 06:00", gross=1_000, fee=25)
    )
    assert balance(session, "5010") == 35
    assert balance(session, "4050") == -35


@pytest.mark.parametrize(
    ("fee", "gross", "cost"), [(12, 0, 12), (0, -12, 12), (-12, 0, -12)], ids=["as fee", "as gross", "a rebate"]
)
def test_a_line_that_is_a_fee_is_posted_beside_the_first_and_recharged_like_it(
    fee: int, gross: int, cost: int
) -> None:
    line = settled("04 06:00", gross=gross, fee=fee, number=2, line=Line.FEE)
    session = book_of(captured(fee=30), settled("03 06:00", gross=1_200, fee=30), line)
    assert on_the_book(session, "J03")[1:] == [("J03", "04 06:00", {"5010": cost, "1110/psp": -cost})]
    assert balance(session, "4050") == -(30 + cost)


def test_a_fee_beside_a_refund_is_posted_once() -> None:
    line = settled("04 06:00", gross=-500, fee=25, number=2, line=Line.REFUND, refund_id="R-1")
    session = book_of(captured(fee=30), refunded("03 05:00", 500), settled("03 06:00", gross=1_200, fee=30), line)
    assert balance(session, "5010") == 55


@pytest.mark.parametrize(("shown", "more"), [(1_500, 0), (1_800, 300), (0, 0)])
@pytest.mark.parametrize("about", [{"line": Line.DISPUTE}, {"dispute_id": "D-1"}, {}], ids=str)
def test_the_fee_of_a_dispute_is_posted_once_and_is_the_platforms(
    shown: int, more: int, about: dict[str, Any]
) -> None:
    line = settled("05 06:00", gross=-1_200, fee=shown, number=2, **about)
    session = book_of(captured(fee=30), settled("03 06:00", gross=1_200, fee=30), disputed("04 09:00"), line)
    assert balance(session, "5040") == 1_500 + more
    assert balance(session, "4050") == -30
    assert balance(session, "5010") == 30


def test_a_fee_of_a_dispute_that_opens_later_waits_for_it() -> None:
    line = settled("03 06:00", gross=-1_200, fee=1_700, number=2, dispute_id="D-1")
    facts = [captured(fee=30), settled("03 06:00", gross=1_200, fee=30), line]
    assert balance(book_of(*facts), "5040") == 0
    session = book_of(*facts, disputed("04 09:00"))
    assert on_the_book(session, "J28") == [
        ("J28", "04 09:00", {"5040": 1_500, "1110/psp": -1_500}),
        ("J28", "04 09:00", {"5040": 200, "1110/psp": -200}),
    ]


# A payment of several sessions ----------------------------------------------------------------------------------

HERE = captured("02 11:01", 1_200, fee=30)
THERE = elsewhere(captured("02 11:00", 800, fee=30))


def test_a_line_settles_first_what_another_session_captured_before() -> None:
    assert released_at(book_of(HERE, THERE, settled("03 06:00", gross=1_999))) is None
    assert released_at(book_of(HERE, THERE, settled("03 06:00", gross=2_000))) == at("03 06:00")
    later = replace(THERE, at=at("02 11:02"))
    assert released_at(book_of(HERE, later, settled("03 06:00", gross=1_200))) == at("03 06:00")


@pytest.mark.parametrize(("own", "others", "fee"), [(30, 30, 0), (30, 0, 32), (0, 30, 0), (0, 0, 0)])
def test_the_fee_of_a_payment_counts_once_where_it_was_first_told(own: int, others: int, fee: int) -> None:
    facts = [replace(HERE, fee=own), replace(THERE, fee=others), settled("03 06:00", gross=2_000, fee=32)]
    assert balance(book_of(*facts), "5010") == fee


def test_the_sessions_of_a_payment_post_its_fee_once_between_them() -> None:
    line = settled("03 06:00", gross=2_000, fee=32)
    mine, yours = replace(HERE, id="mine"), replace(THERE, id="yours")
    one = book_of(mine, yours, line)
    theirs = replace(HERE, at=yours.at, amount=yours.amount, id="yours")
    other = book_of(theirs, elsewhere(mine, "mine"), line)
    assert balance(one, "5010") + balance(other, "5010") == 32


# Settlements that were told again -------------------------------------------------------------------------------


def standing(line: Settled, revision: int, stands: bool) -> LineStanding:
    return LineStanding(
        at=line.at, source=line.source, id=f"{line.id}@{revision}", line_id=line.id, stands=stands, revision=revision
    )


def test_a_line_that_was_withdrawn_settles_nothing_until_it_stands_again() -> None:
    line = settled("03 06:00", gross=1_200, fee=40)
    marks = [standing(line, 2, stands=False), standing(line, 3, stands=True)]
    for facts in permutations([captured(fee=30), line, marks[0]]):
        session = book_of(*facts)
        assert released_at(session) is None
        assert balance(session, "5010") == 30
    for facts in permutations([captured(fee=30), line, *marks]):
        assert released_at(book_of(*facts)) == at("03 06:00")


def test_a_line_that_is_given_twice_counts_once() -> None:
    line = settled("03 06:00", gross=600, fee=30)
    assert released_at(book_of(captured(fee=30), line, line)) is None


# Any order ------------------------------------------------------------------------------------------------------

MOMENTS = st.sampled_from(["02 11:01", "02 12:00", "03 06:00", "04 06:00"])
AMOUNTS = st.sampled_from([-500, 0, 300, 700, 1_200])


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    facts: list[Fact] = []
    for number in range(draw(st.integers(1, 3))):
        facts.append(
            replace(
                captured(
                    draw(MOMENTS), draw(st.sampled_from([300, 700, 1_200])), fee=draw(st.sampled_from([0, 20, 30]))
                ),
                id=f"c{number}",
            )
        )
    for number in range(draw(st.integers(0, 2))):
        amount = draw(st.sampled_from([300, 700]))
        facts.append(elsewhere(captured(draw(MOMENTS), amount, fee=draw(st.sampled_from([0, 20]))), f"e{number}"))
    for number in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from([None, *Line]))
        line = settled(
            draw(MOMENTS), draw(st.sampled_from([-5, 0, 20])), gross=draw(AMOUNTS), number=number, line=kind
        )
        facts.append(line)
        if draw(st.booleans()):
            facts.append(standing(line, number + 1, stands=draw(st.booleans())))
    return facts


@given(histories(), st.randoms(use_true_random=False))
def test_any_order_gives_the_same_book_and_findings(facts: list[Fact], random: Any) -> None:
    first = book_of(*facts)
    shuffled = list(facts)
    random.shuffle(shuffled)
    second = book_of(*shuffled)
    assert on_the_book(first) == on_the_book(second)
    assert released_at(first) == released_at(second)
    assert list(first.findings) == list(second.findings)
