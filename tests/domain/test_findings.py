"""What is found and when it ends: a function of the set of facts, told the first time only."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain.book.findings import CURES, Finding, FindingEnded, FindingKind, FindingOpened, OpenFindings
from domain.session.decisions import Decision
from domain.session.session import Session
from tests.domain.builders import at, captured, charged, decided, refunded, told

KIND = FindingKind.REFUND_WITHOUT_CAPTURE
STREAM = "session:S-1"


def finding(key: str, amount: int = 1) -> Finding:
    return Finding(KIND, key, "P-1", "OP", at("03 10:00"), "a refund of nothing", "EUR", amount)


def after(*wishes: list[Finding]) -> tuple[OpenFindings, list[FindingOpened | FindingEnded]]:
    """What is open after each of these was wanted in turn, and every change on the way."""
    found, changes = OpenFindings(), list[FindingOpened | FindingEnded]()
    for wanted in wishes:
        for change in found.towards(wanted, STREAM):
            found.evolve(change)
            changes.append(change)
    return found, changes


wishes = st.dictionaries(st.sampled_from("abc"), st.integers(1, 3)).map(
    lambda wanted: [finding(key, amount) for key, amount in wanted.items()]
)


@given(st.lists(wishes, max_size=6), wishes)
def test_what_is_wanted_is_open_afterwards_and_wanting_it_again_changes_nothing(
    before: list[list[Finding]], wanted: list[Finding]
) -> None:
    found, _ = after(*before, wanted)
    assert sorted(found, key=lambda each: each.key) == sorted(wanted, key=lambda each: each.key)
    assert found.towards(wanted, STREAM) == []


@given(st.lists(wishes, max_size=8))
def test_of_each_key_one_opening_and_one_end_are_the_first(before: list[list[Finding]]) -> None:
    _, changes = after(*before)
    for kind in (FindingOpened, FindingEnded):
        of_kind = [change for change in changes if type(change) is kind]
        first = [change.finding.key for change in of_kind if change.first]
        assert len(first) == len(set(first))
        assert set(first) == {change.finding.key for change in of_kind}


def test_what_changes_is_opened_again_under_its_key_and_not_told_again() -> None:
    found, changes = after([finding("a")], [finding("a", 2)], [])
    assert [(type(change), change.finding.amount, change.first) for change in changes] == [
        (FindingOpened, 1, True),
        (FindingOpened, 2, False),
        (FindingEnded, 2, True),
    ]
    assert len(found) == 0


def test_of_two_with_one_key_the_first_counts() -> None:
    found, _ = after([finding("a", 2), finding("a", 3)])
    assert list(found) == [finding("a", 2)]


def test_with_among_what_is_open_of_other_kinds_stays() -> None:
    found, _ = after([finding("a")])
    assert found.towards([], STREAM, among=()) == []
    assert found.towards([], STREAM, among=(KIND,)) == [FindingEnded(STREAM, finding("a"), first=True)]


def test_every_kind_has_a_cure_in_one_sentence() -> None:
    assert set(CURES) == set(FindingKind)
    assert all(cure.endswith(".") for cure in CURES.values())


# A refund without capture --------------------------------------------------------------------------------------


def changes_of(decisions: list[Decision]) -> list[tuple[type, bool]]:
    return [(type(each), each.first) for each in decisions if isinstance(each, FindingOpened | FindingEnded)]


def open_keys(session: Session) -> list[str]:
    return [each.key for each in session.findings]


def test_a_refund_whose_payment_was_not_captured_is_found_with_amount_and_time() -> None:
    session = decided([refunded("03 10:00", 400)])
    assert list(session.findings) == [
        Finding(
            KIND,
            key="refund:p:refunded R-1",
            subject="P-1",
            operator_id="",
            since=at("03 10:00"),
            sentence="refund R-1 is of payment P-1, of which session S-1 has no capture",
            currency="EUR",
            amount=400,
        )
    ]
    assert len(session.standing) == 0


def test_the_operator_is_named_where_its_session_is_known() -> None:
    session = decided([*charged(), refunded("03 10:00", 400)])
    assert [each.operator_id for each in session.findings] == ["OP"]


def test_the_capture_ends_it_and_the_refund_acts() -> None:
    session, made = told([(fact, None) for fact in (*charged(), refunded("03 10:00", 400), captured())])
    assert open_keys(session) == []
    assert "refund:p:refunded R-1" in session.standing
    assert changes_of(made) == [(FindingOpened, True), (FindingEnded, True)]


def test_a_capture_of_another_payment_does_not_end_it() -> None:
    session = decided([*charged(), captured(payment="P-2"), refunded("03 10:00", 400)])
    assert open_keys(session) == ["refund:p:refunded R-1"]


def test_a_refund_told_again_is_the_same_finding() -> None:
    again = replace(refunded("04 10:00", 400), id="refunded again")
    session, made = told([(refunded("03 10:00", 400), None), (again, None)])
    assert open_keys(session) == ["refund:p:refunded R-1"]
    assert changes_of(made) == [(FindingOpened, True)]


def test_an_ordinary_session_finds_nothing() -> None:
    session, made = told([(fact, None) for fact in (*charged(), captured(), refunded("03 10:00", 400))])
    assert open_keys(session) == []
    assert changes_of(made) == []
