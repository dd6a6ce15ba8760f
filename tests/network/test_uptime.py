"""Uptime by its rules, against a reference that looks at every second by itself."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from domain.network.contacts import Before, Contact, Silence, day_of_contacts, together
from domain.network.states import Told, history
from domain.network.uptime import CAUSES, NEVI_US, Explanation, Life, uptime

_S = 1_000_000
_SPAN = 120
_DOWN = {"INOPERATIVE", "OUTOFORDER", "UNKNOWN"}
_OUT = {"PLANNED", "REMOVED"}
_STATUSES = ("AVAILABLE", "CHARGING", "RESERVED", "BLOCKED", *sorted(_DOWN | _OUT))

_second = st.integers(0, _SPAN - 1)
_told = st.lists(st.tuples(_second, st.sampled_from("abc"), st.sampled_from(_STATUSES)), max_size=8)
_beats = st.lists(st.tuples(_second, st.integers(1, 8)), max_size=10)
_explained = st.lists(st.tuples(_second, _second, st.sampled_from(CAUSES)), max_size=4)


def _life(
    told: list[tuple[int, str, str]], contacts: list[Contact], explained: list[tuple[int, int, str]], until: int
) -> Life:
    """An EVSE as it comes of its facts, its signs of life taken in days of 50 seconds."""
    stored = [Told(at * _S, source, f"{number:03}", status) for number, (at, source, status) in enumerate(told)]
    before = Before()
    silences: list[Silence] = []
    for day in range(0, _SPAN, 50):
        ours = together(each for each in contacts if day * _S <= each[0] < (day + 50) * _S)
        found = day_of_contacts(before, ours)
        silences += found.silences
        before = found.after
    explanations = [Explanation(begin * _S, end * _S, cause) for begin, end, cause in explained]
    statuses = history(stored, until * _S)
    return Life(contacts[0][0], until * _S, statuses, silences, before.last, before.interval_s, explanations)


def _is_down(
    second: int, told: list[tuple[int, str, str]], heard: set[int], beats: list[tuple[int, int]], until: int
) -> bool:
    """Whether somebody who looks at this second, and knows all that was ever told, finds it down."""
    status = _status(second, told)
    if status in _DOWN:
        return True
    last = max(at for at in heard if at <= second)
    intervals = [(at, interval) for at, interval in beats if at <= last]
    if not intervals:
        return False
    following = min([at for at in heard if at > second], default=until)
    return following - last > 3 * max(intervals)[1]


def _status(second: int, told: list[tuple[int, str, str]]) -> str | None:
    ruling = [(at, source, number, status) for number, (at, source, status) in enumerate(told) if at <= second]
    return max(ruling)[3] if ruling else None


@given(told=_told, beats=_beats, explained=_explained, window=st.tuples(_second, _second), until=_second)
def test_uptime_is_what_a_look_at_every_second_finds(
    told: list[tuple[int, str, str]],
    beats: list[tuple[int, int]],
    explained: list[tuple[int, int, str]],
    window: tuple[int, int],
    until: int,
) -> None:
    contacts = sorted([(at * _S, 0, 0) for at, *_ in told] + [(at * _S, interval, 0) for at, interval in beats])
    if not contacts:
        return
    found = uptime(_life(told, contacts, explained, until), window[0] * _S, window[1] * _S)

    # What is dated later than what is asked for is not known then.
    told, beats = [each for each in told if each[0] < until], [each for each in beats if each[0] < until]
    heard = {at for at, *_ in told} | {at for at, _ in beats}
    first = min(heard, default=until)
    seconds = [at for at in range(max(window[0], first), min(window[1], until)) if _status(at, told) not in _OUT]
    down = [at for at in seconds if _is_down(at, told, heard, beats, until)]
    excluded = [at for at in down if any(begin <= at < end for begin, end, _ in explained)]
    assert found.in_service_us == len(seconds) * _S
    assert found.outage_us == len(down) * _S
    assert found.excluded_us == len(excluded) * _S == sum(found.excluded_by_cause_us.values())
    assert len(found.outages) == sum(at - 1 not in down for at in down)
    lasting = len(seconds) - len(down) + len(excluded)
    assert found.uptime == (Fraction(lasting, len(seconds)) if seconds else None)
    blocked = [at for at in seconds if _status(at, told) == "BLOCKED" and at not in down]
    assert found.blocked_us == len(blocked) * _S
    assert found.nevi is None


@given(
    explained=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from(CAUSES)), max_size=5),
    order=st.randoms(use_true_random=False),
)
def test_a_second_that_several_explain_stands_under_one_cause(
    explained: list[tuple[int, int, str]], order: object
) -> None:
    out = [Told(0, "s", "1", "OUTOFORDER")]
    expected: dict[str, int] = {}
    for second in range(_SPAN):
        claims = [(begin, CAUSES.index(cause)) for begin, end, cause in explained if begin <= second < end]
        if claims:
            cause = CAUSES[min(claims)[1]]
            expected[cause] = expected.get(cause, 0) + _S
    shuffled = [Explanation(begin * _S, end * _S, cause) for begin, end, cause in explained]
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    life = Life(0, _SPAN * _S, history(out, _SPAN * _S), explanations=shuffled)
    assert uptime(life, 0, _SPAN * _S).excluded_by_cause_us == dict(sorted(expected.items()))


def test_of_two_statuses_at_one_moment_the_last_by_source_and_id_rules() -> None:
    told = [Told(5, "b", "1", "AVAILABLE"), Told(5, "a", "9", "OUTOFORDER"), Told(5, "b", "2", "BLOCKED")]
    assert [(each.begin, each.end, each.status) for each in history(told, 9)] == [(5, 9, "BLOCKED")]


def test_three_intervals_are_not_yet_silence_and_a_microsecond_more_is() -> None:
    beat = (0, 10, 0)
    assert day_of_contacts(Before(), [beat, (30 * _S, 0, 0)]).silences == ()
    assert day_of_contacts(Before(), [beat, (30 * _S + 1, 0, 0)]).silences == ((0, 30 * _S + 1, 10),)


def test_the_figure_of_the_rule_is_of_365_full_days_and_needs_them() -> None:
    year = NEVI_US + 35 * 86_400 * _S
    hours = 3_600 * _S
    told = [
        Told(0, "s", "1", "OUTOFORDER"),  # Before the 365 days.
        Told(10 * hours, "s", "2", "AVAILABLE"),
        Told(year - 90 * hours, "s", "3", "INOPERATIVE"),
        Told(year - 10 * hours, "s", "4", "AVAILABLE"),
    ]
    explained = [Explanation(year - 60 * hours, year - 40 * hours, "UTILITY", "https://grid.example/outage/7")]
    life = Life(0, year, history(told, year), explanations=explained)
    found = uptime(life, 0, year)
    # 80 hours of outage less 20 that the grid was away.
    assert found.nevi == Fraction(525_600 - 60 * 60, 525_600) * 100
    assert uptime(life, year - NEVI_US + 1, year).nevi is None
    assert found.outages[1].excluded[0].evidence == "https://grid.example/outage/7"


def test_numbers_that_never_came_are_missing_and_a_restart_is_not() -> None:
    beats = [(0, 60, 6), (60 * _S, 60, 7), (120 * _S, 60, 10), (180 * _S, 60, 1), (240 * _S, 60, 2)]
    assert [tuple(each) for each in day_of_contacts(Before(), beats).missing] == [(60 * _S, 120 * _S, 2)]
