"""Where an operator's money stands: by hand for each hurdle; the same whatever was booked and taken back."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.book.bookings import (
    Booking,
    CapturedSessionReRated,
    CdrAccepted,
    DisputeOpened,
    PaymentCaptured,
    PaymentWrittenOff,
    PayoutInitiated,
    PayoutReissued,
    PayoutSettled,
    ReserveHeld,
    SessionRated,
    SessionReRated,
    ShareMatured,
)
from domain.book.posting import POSTING_RULES
from domain.network.cash_causes import CashCauses, Place, Where
from tests.support.examples import examples

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CODES = {
    "2010": (Place.DUE, Place.TAKEN),
    "2020": (Place.RESERVED,),
    "2030": (Place.DISPUTED,),
    "2050": (Place.IN_TRANSIT, Place.RETURNED),
}


def at(hours: int) -> datetime:
    return NOON + timedelta(hours=hours)


def head(key: str, hours: int, **fields: Any) -> dict[str, Any]:
    """The head of a booking of session S-1 of OP-1."""
    told = {"key": key, "effective_at": at(hours), "currency": "EUR", "operator_id": "OP-1", "session_id": "S-1"}
    return {**told, "share": "session", **fields}


def rated(hours: int = 0) -> Booking:
    return SessionRated(**head("rated", hours), gross=1210, commission=100, commission_vat=21)


def captured(hours: int, amount: int = 1210) -> Booking:
    return PaymentCaptured(**head(f"captured:{hours}", hours), payment_id="P", provider="psp", amount=amount, fee=30)


def take(causes: CashCauses, booking: Booking, sign: int = 1) -> dict[Where, int]:
    return causes.book(booking, POSTING_RULES[type(booking)](booking), sign)


def standing(moves: list[dict[Where, int]], hours: int) -> dict[Place, int]:
    """What stands where at a moment, by all moves up to it."""
    sums: dict[Place, int] = defaultdict(int)
    for moved in moves:
        for where, amount in moved.items():
            sums[where.place] += amount if where.at <= at(hours) else 0
    return {place: amount for place, amount in sums.items() if amount}


def test_a_share_goes_from_hurdle_to_hurdle_at_the_time_of_each() -> None:
    causes = CashCauses()
    moves = [take(causes, rated()), take(causes, captured(1)), causes.release("session", at(5))]
    moves.append(take(causes, ShareMatured(**head("maturing", 24, share=""), amount=1089)))
    assert [standing(moves, hours) for hours in (-1, 0, 1, 5, 24)] == [
        {},
        {Place.NOT_CAPTURED: 1089},
        {Place.NOT_SETTLED: 1089},
        {Place.IN_DELAY: 1089},
        {Place.DUE: 1089},
    ]


def test_half_a_capture_is_none_and_a_failed_payment_leaves_the_commission_owed() -> None:
    causes = CashCauses()
    moves = [take(causes, rated()), take(causes, captured(1, 1209))]
    assert standing(moves, 2) == {Place.NOT_CAPTURED: 1089}
    moves.append(take(causes, PaymentWrittenOff(**head("failed", 2), gross=1210)))
    assert standing(moves, 1) == {Place.NOT_CAPTURED: 1089}
    assert standing(moves, 2) == {Place.PAYMENT_FAILED: -121}


def test_a_correction_before_the_release_moves_what_waits_and_nothing_else() -> None:
    causes = CashCauses()
    lowered = CapturedSessionReRated(
        **head("corrected", 3),
        payment_id="P",
        old_gross=1210,
        old_commission=100,
        old_commission_vat=21,
        gross=605,
        commission=50,
        commission_vat=10,
    )
    moves = [take(causes, rated()), take(causes, captured(1)), take(causes, lowered)]
    assert [standing(moves, hours) for hours in (2, 3)] == [{Place.NOT_SETTLED: 1089}, {Place.NOT_SETTLED: 545}]


def test_a_partner_that_has_not_paid_keeps_the_share_of_an_accepted_cdr() -> None:
    causes = CashCauses()
    accepted = CdrAccepted(
        **head("accepted:1", 0, share="cdr:1"),
        cdr_id="C",
        partner="DE-ABC",
        gross=1210,
        commission=100,
        commission_vat=21,
    )
    moves = [take(causes, accepted), causes.release("cdr:1", at(9))]
    assert [standing(moves, hours) for hours in (0, 9)] == [{Place.ROAMING_UNPAID: 1089}, {Place.IN_DELAY: 1089}]
    moves.append(causes.release("cdr:1", None))
    assert standing(moves, 9) == {Place.ROAMING_UNPAID: 1089}


def test_what_is_paid_again_after_it_came_back_is_told_apart_on_its_way() -> None:
    of = {"session_id": None, "payout_id": "PO", "share": ""}
    first, again = CashCauses(), CashCauses()
    moves = [take(first, PayoutInitiated(**head("initiated", 0, **of), amount=900))]
    moves.append(take(first, ReserveHeld(**head("reserve", 0, **of, matured=True), amount=100)))
    assert standing(moves, 0) == {Place.TAKEN: -1000, Place.IN_TRANSIT: 900, Place.RESERVED: 100}
    repeated = [take(again, PayoutReissued(**head("initiated", 5, **of), amount=900))]
    assert standing(repeated, 5) == {Place.RETURNED: 900}
    repeated.append(take(again, PayoutSettled(**head("settled", 7, **of), amount=900)))
    assert standing(repeated, 7) == {}


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[Booking | datetime | None, int]]:
    """Bookings of a session, each booked, some taken back and booked anew, with releases in between."""
    story: list[tuple[Booking | datetime | None, int]] = []
    for number in range(draw(st.integers(1, 8))):
        hours = draw(st.integers(0, 6))
        matured = draw(st.booleans())
        amounts = st.integers(0, 400)
        made: Booking = draw(
            st.sampled_from(
                [
                    SessionRated(
                        **head(f"k{number}", hours, matured=matured),
                        gross=draw(amounts),
                        commission=draw(amounts),
                        commission_vat=1,
                    ),
                    SessionReRated(
                        **head(f"k{number}", hours, matured=matured),
                        old_gross=draw(amounts),
                        old_commission=1,
                        old_commission_vat=0,
                        gross=draw(amounts),
                        commission=2,
                        commission_vat=1,
                    ),
                    captured(hours, draw(amounts)),
                    PaymentWrittenOff(**head(f"k{number}", hours, matured=matured), gross=draw(amounts)),
                    DisputeOpened(
                        **head(f"k{number}", hours), dispute_id="D", provider="psp", amount=draw(amounts), fee=1
                    ),
                    ShareMatured(**head("maturing", hours, share=""), amount=draw(amounts)),
                ]
            )
        )
        story.append((made, 1))
        if draw(st.booleans()):
            story.append((made, -1))
        if draw(st.booleans()):
            story.append((draw(st.sampled_from([None, *map(at, range(7))])), 0))
    return story


@given(stories())
@settings(max_examples=examples(40), deadline=None)
def test_what_stands_alone_says_where_it_is_and_accounts_are_whole(
    story: list[tuple[Booking | datetime | None, int]],
) -> None:
    causes, moves = CashCauses(), []
    left: list[Booking] = []
    released: datetime | None = None
    for told, sign in story:
        if isinstance(told, Booking):
            moves.append(take(causes, told, sign))
            left.append(told) if sign > 0 else left.remove(told)
        else:
            released = told
            moves.append(causes.release("session", released))
    fresh = CashCauses()
    anew = [fresh.release("session", released), *(take(fresh, booking) for booking in reversed(left))]
    for hours in range(-1, 8):
        found = standing(moves, hours)
        assert found == standing(anew, hours)
        accounts: dict[str, int] = defaultdict(int)
        for booking in left:
            if booking.effective_at <= at(hours):
                for _, legs in POSTING_RULES[type(booking)](booking):
                    for account, amount in legs:
                        accounts[account[:4]] -= amount
        for code, places in CODES.items():
            assert sum(found.pop(place, 0) for place in places) == accounts[code]
        assert sum(found.values()) == accounts["2011"]
