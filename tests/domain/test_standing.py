"""What stands against what should: the changes that close the gap, and only those."""

from hypothesis import given
from hypothesis import strategies as st

from domain.book.bookings import Booking, ShareMatured
from domain.book.standing import Booked, Retracted, Standing
from tests.domain.builders import at

KEYS = ("a", "b", "c", "d")


def booking(key: str, amount: int = 1) -> Booking:
    return ShareMatured(key=key, effective_at=at("03 10:00"), currency="EUR", operator_id="OP", amount=amount)


def standing(*wishes: list[Booking]) -> Standing:
    """What stands after each of these was wanted in turn."""
    found = Standing()
    for wanted in wishes:
        for change in found.towards(wanted):
            found.evolve(change)
    return found


wishes = st.dictionaries(st.sampled_from(KEYS), st.integers(1, 3)).map(
    lambda wanted: [booking(key, amount) for key, amount in wanted.items()]
)


@given(st.lists(wishes, max_size=6), wishes)
def test_what_is_wanted_stands_afterwards_and_wanting_it_again_changes_nothing(
    before: list[list[Booking]], wanted: list[Booking]
) -> None:
    found = standing(*before, wanted)
    assert sorted(found.bookings(), key=lambda each: each.key) == sorted(wanted, key=lambda each: each.key)
    assert found.towards(wanted) == []


@given(st.lists(wishes, max_size=6), wishes)
def test_only_what_differs_is_touched_and_what_goes_goes_first(
    before: list[list[Booking]], wanted: list[Booking]
) -> None:
    found = standing(*before)
    stood = {each.booking.key: each for each in found}
    changes = found.towards(wanted)
    kinds = [type(change) for change in changes]
    assert kinds == sorted(kinds, key=lambda kind: kind is Booked)
    retracted = [change for change in changes if isinstance(change, Retracted)]
    assert [(each.booking, each.revision) for each in retracted] == [
        (each.booking, each.revision) for each in stood.values() if each.booking not in wanted
    ]
    assert {change.booking.key for change in changes if isinstance(change, Booked)} == {
        each.key for each in wanted if each.key not in stood or stood[each.key].booking != each
    }


def test_a_key_that_is_booked_again_gets_the_next_revision() -> None:
    found = standing([booking("a")], [], [booking("a")], [booking("a", 2)])
    assert list(found) == [Booked(booking("a", 2), 3)]
    assert found.towards([]) == [Retracted(booking("a", 2), 3)]


def test_with_among_what_stands_under_other_keys_stays() -> None:
    found = standing([booking("a"), booking("b")])
    assert found.towards([booking("c")], among=("b", "c")) == [Retracted(booking("b"), 1), Booked(booking("c"), 1)]
