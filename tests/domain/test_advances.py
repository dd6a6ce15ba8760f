"""What is paid ahead of drivers' money, and which sessions wait where the operator's terms limit it."""

from datetime import date, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.payout.advances import Advances, SessionAdvance
from domain.payout.lines import Line
from tests.domain.builders import at

MIDNIGHT = at("05 00:00")


def share(session: int, amount: int, released: str = "04 10:00", number: int = 0) -> Line:
    """A line of a session, an entry of its own."""
    entry_id = UUID(int=100 * session + number)
    return Line(entry_id, "EUR", amount, at(released), date(2026, 3, 4), stream_id=UUID(int=session))


def advances(**sessions: SessionAdvance) -> Advances:
    """Sessions `s1`, `s2` ... by the number of their stream."""
    return Advances({UUID(int=int(name[1:])): each for name, each in sessions.items()})


def waiting(known: Advances, lines: list[Line], limit: int) -> list[int]:
    """The sessions that wait at midnight."""
    return sorted(each.int for each in known.carried(lines, "EUR", MIDNIGHT, limit))


def test_a_session_is_paid_ahead_by_what_was_paid_of_it_less_what_was_captured_by_then() -> None:
    session = SessionAdvance("EUR", ((at("05 08:00"), 800), (at("06 08:00"), 400)), paid=1080)
    assert [session.ahead(at(f"{day} 08:00")) for day in ("04", "05", "06")] == [1080, 280, 0]


def test_a_session_of_which_more_was_captured_pays_for_no_other() -> None:
    known = advances(s1=SessionAdvance("EUR", ((MIDNIGHT, 5000),), 1080), s2=SessionAdvance("EUR", (), 700))
    assert known.outstanding("EUR", MIDNIGHT) == 700


def test_the_session_released_first_is_paid_first_and_what_is_above_the_limit_waits() -> None:
    known = advances(s1=SessionAdvance("EUR"), s2=SessionAdvance("EUR"), s3=SessionAdvance("EUR"))
    lines = [share(1, 1080, "04 12:00"), share(2, 1080, "04 11:00"), share(3, 1080, "04 10:00")]
    assert waiting(known, lines, 2160) == [1]
    assert waiting(known, lines, 2159) == [1, 2]
    assert waiting(known, lines, 0) == [1, 2, 3]


def test_one_that_does_not_fit_holds_up_none_that_does() -> None:
    known = advances(s1=SessionAdvance("EUR"), s2=SessionAdvance("EUR"))
    assert waiting(known, [share(1, 9000, "03 10:00"), share(2, 1080)], 2000) == [1]


def test_a_session_is_paid_whole_or_waits_with_all_its_lines() -> None:
    known = advances(s1=SessionAdvance("EUR"))
    lines = [share(1, 1200, number=1), share(1, -120, number=2)]
    assert waiting(known, lines, 1080) == []
    assert waiting(known, lines, 1079) == [1]


def test_what_was_paid_ahead_before_counts_and_a_capture_makes_room() -> None:
    known = advances(s1=SessionAdvance("EUR", ((at("05 09:00"), 1200),)), s2=SessionAdvance("EUR"))
    known.pay([share(1, 1080)])
    assert known.carried([share(2, 1080)], "EUR", MIDNIGHT, 1500) == {UUID(int=2)}
    assert known.carried([share(2, 1080)], "EUR", at("06 00:00"), 1500) == frozenset()


def test_captured_sessions_and_what_operators_owe_are_never_held_up() -> None:
    known = advances(s1=SessionAdvance("EUR", ((MIDNIGHT, 1200),)), s2=SessionAdvance("EUR", (), 5000))
    elsewhere = Line(UUID(int=9), "EUR", 700, MIDNIGHT, date(2026, 3, 4))
    assert waiting(known, [share(1, 1080), share(2, -1200), share(3, 400), elsewhere], 0) == []


AMOUNTS = st.integers(-500, 2000)
SESSIONS = st.lists(
    st.tuples(st.lists(AMOUNTS, min_size=1, max_size=3), st.integers(0, 2500), st.integers(0, 900)), max_size=6
)


@given(SESSIONS, st.integers(0, 6000), st.randoms(use_true_random=False))
def test_a_run_adds_nothing_above_the_limit_and_takes_its_lines_in_any_order(
    given_sessions: list[tuple[list[int], int, int]], limit: int, random: Random
) -> None:
    sessions = {
        UUID(int=number): SessionAdvance("EUR", ((MIDNIGHT - timedelta(hours=1), captured),), paid)
        for number, (_, captured, paid) in enumerate(given_sessions, start=1)
    }
    lines = [
        share(number, amount, f"0{1 + number % 4} 10:00", place)
        for number, (amounts, _, _) in enumerate(given_sessions, start=1)
        for place, amount in enumerate(amounts)
    ]
    known = Advances(sessions)
    before = known.outstanding("EUR", MIDNIGHT)
    carried = known.carried(lines, "EUR", MIDNIGHT, limit)
    random.shuffle(lines)
    assert known.carried(lines, "EUR", MIDNIGHT, limit) == carried
    known.pay([line for line in lines if line.stream_id not in carried])
    assert known.outstanding("EUR", MIDNIGHT) <= max(limit, before)
