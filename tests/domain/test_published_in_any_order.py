"""What is published may come in any order, before and after the sessions, and concerns only those it says.

A failing example prints what was told, in its order; `--hypothesis-seed` replays the search.
"""

from collections.abc import Callable, Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue.catalogue import Catalogue, Publication, Scope
from domain.fact import Fact
from domain.session.assessment import assess
from domain.session.judging import decide
from domain.session.session import Judgement, Session
from tests.domain import publishing
from tests.domain.builders import OPERATOR, at, corrected, decided, ended, operator, partner, started
from tests.domain.publishing import Told, offered, ordered, publish
from tests.domain.test_any_order import driver_histories, roaming_histories, what_stands

# Moments around the session's start on 2 March at 10:00.
times = st.sampled_from(("01 00:00", "02 09:00", "02 10:00", "02 12:00", "05 00:00"))
prices = st.sampled_from(("0.25", "0.50", "0.75", "1.00"))
ids = st.sampled_from(("T", "X", "Y"))
# The tariff's own dates, around the start.
dates: st.SearchStrategy[dict[str, str]] = st.sampled_from(
    ({}, {}, {"end_date_time": "2026-03-02T10:00:00Z"}, {"start_date_time": "2026-03-02T11:00:00Z"})
)
FIRST = Told("operator.registered", "op", "2026-01-01T00:00:00", operator())
REGISTERED = Told("partner.registered", "partner", "02 09:30", partner())

publications = st.one_of(
    st.builds(
        lambda p, t, e, i, d: publishing.given(p, t, effective=e, tariff_id=i, **d), prices, times, times, ids, dates
    ),
    st.builds(lambda p, t, e, i, d: offered(p, t, effective=e, tariff_id=i, **d), prices, times, times, ids, dates),
    st.builds(
        lambda when, p, before, i: ordered(when, p, before=before, order_id=i),
        st.sampled_from(("02 10:30", "03 00:00", "05 09:00")),
        prices,
        st.sampled_from(("02 10:00", "09 00:00")),
        st.sampled_from(("A", "B")),
    ),
    st.builds(lambda t: Told("partner.registered", f"partner {t}", t, partner()), times),
)
told = st.lists(publications, max_size=6, unique_by=lambda each: each.id)


@settings(deadline=None)
@given(told, st.one_of(driver_histories, roaming_histories), st.randoms(use_true_random=False))
def test_the_book_is_the_same_whatever_came_first(events: list[Told], facts: list[Fact], random: Random) -> None:
    late, session = publish(Catalogue(), [FIRST]), Session("S-1")
    steps: list[Fact | Told] = [*events, *facts]
    random.shuffle(steps)
    for step in steps:
        if isinstance(step, Told):
            publish(late, [step])
        else:
            session.learn(step)
        decide(session, late, None)
    early = publish(Catalogue(), [FIRST, *sorted(events, key=lambda each: (at(each.time), each.id))])
    expected = decided(facts, early, clock=None)
    assert what_stands(session) == what_stands(expected)


# A publication's scope, as the store reads it of the head that a session has.
IS_IN_SCOPE: dict[Scope, Callable[[Publication, Judgement], bool]] = {
    Scope.ON_BOOK: lambda told, head: head.latest_at >= told.changed_from,
    Scope.STARTED: lambda told, head: head.started_at is not None and head.started_at >= told.changed_from,
    Scope.STARTED_BETWEEN: lambda told, head: (
        head.started_at is not None
        and told.changed_before is not None
        and told.changed_from <= head.started_at < told.changed_before
    ),
    Scope.WAITING: lambda _, head: not head.is_rated,
    Scope.OF_PARTNER: lambda told, head: head.partner == told.partner and head.latest_at >= told.changed_from,
    Scope.GIVEN_TO_PARTNER: lambda told, head: (
        head.partner == told.partner
        and (not head.is_rated or (head.started_at is not None and head.started_at >= told.changed_from))
    ),
    Scope.WAITING_OR_ROAMING: lambda told, head: (
        not head.is_rated
        or (head.partner is not None and head.started_at is not None and head.started_at >= told.changed_from)
    ),
}

sessions = st.builds(
    lambda when, roams, corrections: [started(when, roams=roams), ended("06 00:00"), *corrections],
    times,
    st.booleans(),
    st.lists(st.sampled_from((corrected("07 00:00", 5_000), corrected("08 00:00", 50_000))), unique=True),
)


@settings(deadline=None)
@given(told, sessions)
def test_a_session_that_a_publication_does_not_concern_is_worth_what_it_was(
    events: Sequence[Told], facts: list[Fact]
) -> None:
    known, session = publish(Catalogue(), [FIRST, REGISTERED]), Session("S-1")
    for fact in facts:
        session.learn(fact)
    for each in events:
        head = decide(session, known, None)
        before = assess(session.meter, known)
        publication = known.publish(each.type, "b", each.id, at(each.time), each.data)
        assert publication.operator_id in (None, OPERATOR)
        if not IS_IN_SCOPE[publication.scope](publication, head):
            after = assess(session.meter, known)
            assert (after.state, after.reason, after.changes) == (before.state, before.reason, before.changes)
