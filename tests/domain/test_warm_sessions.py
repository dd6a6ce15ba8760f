"""A session that was kept in memory decides what one decides that is loaded from its stream anew."""

from collections.abc import Sequence
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.fact import Fact
from domain.session.decisions import Decision
from domain.session.judging import decide
from domain.session.session import Session
from tests.domain.builders import LATE, SESSION, captured, catalogue, charged, corrected, failed, read, refunded
from tests.support.examples import examples

FACTS: Sequence[Fact] = (
    *charged(),
    read("02 10:30", 9_000),
    captured("02 11:05", 500, payment="P-1"),
    captured("02 11:06", 700, payment="P-2"),
    failed("02 11:10", payment="P-3"),
    refunded("03 10:00", 100, "SHARED", "1", "P-1"),
    refunded("03 11:00", 100, "OPERATOR", "2", "P-2"),
    corrected("04 09:00", stop_wh=15_000),
    corrected("05 09:00", stop_wh=20_000),
)


def loaded(stream: Sequence[Fact | Decision]) -> Session:
    """The session as its stream tells it."""
    session = Session(SESSION)
    for event in stream:
        if isinstance(event, Fact):
            session.learn(event)
        else:
            session.evolve(event)
    return session


@settings(max_examples=examples(80), deadline=None)
@given(st.permutations(FACTS), st.lists(st.sampled_from((None, None, LATE)), min_size=len(FACTS)))
def test_what_is_kept_of_a_judgement_changes_nothing(facts: list[Fact], clocks: list[datetime | None]) -> None:
    known, warm = catalogue(), Session(SESSION)
    stream: list[Fact | Decision] = []

    for fact, clock in zip(facts, clocks, strict=False):
        stream.append(fact)
        warm.learn(fact)
        cold = loaded(stream)
        judgement = decide(warm, known, clock)
        assert decide(cold, known, clock) == judgement
        stream += judgement.decisions
