"""Levels on their own: whoever has no more is at its cap or below a full limit, and the levels are the leximin."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.load.circuits import Limit
from domain.load.levels import Seat, level
from tests.support.examples import examples

WEIGHTS = (1, 2, 3)


@st.composite
def seats(draw: st.DrawFn, most_seats: int, most_room: int, most_cap: int, scale: int = 1) -> list[Seat]:
    """Seats below up to four limits, each below any of them by any weight; some have something already."""
    whole = st.integers
    limits = [Limit(f"c{number}", draw(whole(0, most_room)) * scale) for number in range(draw(whole(1, 4)))]
    found = []
    for _ in range(draw(whole(1, most_seats))):
        path = [(limit, draw(st.sampled_from(WEIGHTS))) for limit in limits if draw(st.booleans())]
        cap = draw(whole(0, most_cap)) * scale
        found.append(Seat(path, 1, 1, cap, a=draw(st.sampled_from([0, cap // scale // 2 * scale]))))
    return found


@settings(max_examples=examples(150))
@given(seats(most_seats=12, most_room=400, most_cap=120))
def test_whoever_has_no_more_is_at_its_cap_or_below_a_limit_that_is_full_for_the_highest(of: list[Seat]) -> None:
    before = {id(seat): seat.a for seat in of}
    rooms = {id(limit): limit.room for seat in of for limit, _ in seat.path}
    level(of)
    for seat in of:
        assert before[id(seat)] <= seat.a <= seat.cap
        if seat.a < seat.cap:
            # Max-min: some limit has no room for a tenth for all, and nobody who rose below it stands higher.
            assert any(_holds(seat, limit, of, before) for limit, _ in seat.path)
    for limit in {id(limit): limit for seat in of for limit, _ in seat.path}.values():
        taken = sum(
            weight * (seat.a - before[id(seat)]) for seat in of for each, weight in seat.path if each is limit
        )
        assert limit.room == rooms[id(limit)] - taken >= 0


def _holds(seat: Seat, limit: Limit, of: list[Seat], before: dict[int, int]) -> bool:
    below = [
        (each, weight) for each in of for one, weight in each.path if one is limit and before[id(each)] < each.cap
    ]
    rose = [each for each, _ in below if each.a > before[id(each)]]
    full = limit.room < sum(weight for each, weight in below if each.a <= seat.a)
    return full and any(each is seat for each, _ in below) and all(each.a <= seat.a for each in rose)


@settings(max_examples=examples(60))
@given(seats(most_seats=4, most_room=8, most_cap=5, scale=5_544_000))
def test_levels_are_the_leximin_of_all_that_the_limits_allow(of: list[Seat]) -> None:
    """By brute force: no vector of a grid, sorted from the lowest, is above the sorted levels.

    Limits are multiples of all that up to four seats of these weights divide them by, so that levels are exact.
    """
    scale = 5_544_000
    limits = {id(limit): (limit, limit.room) for seat in of for limit, _ in seat.path}
    before = [seat.a for seat in of]
    level(of)
    reached = sorted(seat.a for seat in of)
    for levels in product(
        *(range(a // scale, max(a, seat.cap) // scale + 1) for a, seat in zip(before, of, strict=True))
    ):
        if all(_fits(levels, before, of, limit, room, scale) for limit, room in limits.values()):
            assert sorted(each * scale for each in levels) <= reached


def _fits(levels: tuple[int, ...], before: list[int], of: list[Seat], limit: Limit, room: int, scale: int) -> bool:
    risen = zip(levels, before, of, strict=True)
    return sum((a * scale - b) * weight for a, b, seat in risen for one, weight in seat.path if one is limit) <= room
