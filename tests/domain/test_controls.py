"""Terms that are lowered count for a time beside those that replace them, in whatever order they arrive."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import instant
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.controls import lowered
from domain.catalogue.parties import Operator
from tests.support.events import operator

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
STRICT: dict[str, Any] = {
    "payout_requires_approval": True,
    "approvals": [{"from": "0", "approvals": 1}, {"from": "1000.00", "approvals": 2}],
    "limits": {"payout": "500.00", "day": "900.00", "instant": "100.00"},
    "anomaly_factor": 3,
    "account_change": "CONFIRM",
}


def version(hours: int, **terms: Any) -> dict[str, Any]:
    """Terms as they are published, so many hours after the first of March."""
    return operator(changed=hours > 0, time=f"{BEGAN + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}", **terms)


def told(events: list[dict[str, Any]]) -> Catalogue:
    """A catalogue that heard these, in this order."""
    catalogue = Catalogue()
    for each in events:
        catalogue.publish(each["type"], each["source"], each["id"], instant(each["time"]), each["data"])
    return catalogue


def terms_of(event: dict[str, Any]) -> Operator:
    return Operator.from_data(event["data"])


def asks(catalogue: Catalogue, hours: float) -> bool:
    found = catalogue.operator_at("OP-1", BEGAN + timedelta(hours=hours))
    assert found is not None
    return found.asks_for_approval


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"payout_requires_approval": False}, "requires_approval is lifted"),
        ({"approvals": [{"from": "0", "approvals": 1}]}, "approvals in EUR are fewer"),
        ({"approvals": [{"from": "0", "approvals": 1}, {"from": "1000.01", "approvals": 2}]}, "approvals in EUR are"),
        ({"approvals": None}, "approvals in EUR are fewer"),
        ({"limits": STRICT["limits"] | {"day": "900.01"}}, "limits.day is 900.01 EUR, 900.00 EUR before"),
        ({"limits": {"day": "900.00", "instant": "100.00"}}, "limits.payout is none, 500.00 EUR before"),
        ({"limits": STRICT["limits"] | {"instant": "100.01"}}, "limits.instant is 100.01 EUR"),
        ({"anomaly_factor": 4}, "anomaly_factor is 4, 3 before"),
        ({"anomaly_factor": None}, "anomaly_factor is none, 3 before"),
        ({"account_change": "DIRECT"}, "account_change is CONFIRM no more"),
    ],
)
def test_each_term_that_is_lowered_is_named(change: dict[str, Any], what: str) -> None:
    before, after = terms_of(version(0, **STRICT)), terms_of(version(1, **(STRICT | change)))
    (named,) = lowered(before, after)
    assert named.startswith(what)
    assert lowered(after, before) == ()
    assert lowered(before, before) == ()


def test_approval_that_is_lifted_is_asked_for_through_the_cooling_off() -> None:
    catalogue = told([version(0, payout_requires_approval=True), version(10)])
    assert [asks(catalogue, hours) for hours in (9, 10, 33.9, 34)] == [True, True, True, False]
    (found,) = catalogue.histories["OP-1"].lowered
    assert (found.at, found.until) == (BEGAN + timedelta(hours=10), BEGAN + timedelta(hours=34))


def test_terms_in_between_do_not_shorten_it_nor_does_an_account_that_was_confirmed() -> None:
    catalogue = told([version(0, payout_requires_approval=True), version(10), version(20, name="Other")])
    assert [asks(catalogue, hours) for hours in (33.9, 34)] == [True, False]
    assert catalogue.operator_at("OP-1", BEGAN + timedelta(hours=35)).name == "Other"  # type: ignore[union-attr]


@st.composite
def publications(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A few versions, some of which ask for more than others."""
    choices = st.sampled_from(({}, STRICT, {"payout_requires_approval": True}, {"anomaly_factor": 2}))
    hours = draw(st.lists(st.integers(1, 80), max_size=4, unique=True))
    return [version(0, **draw(choices)), *(version(each, **draw(choices)) for each in sorted(hours))]


@given(publications(), st.randoms())
def test_what_counts_is_the_same_in_any_order_and_is_all_of_the_cooling_off(
    events: list[dict[str, Any]], random: Random
) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)
    one, other = told(events), told(shuffled)
    assert one.histories["OP-1"].lowered == other.histories["OP-1"].lowered
    starts = [instant(each["time"]) for each in events]
    for hours in range(0, 110, 3):
        moment = BEGAN + timedelta(hours=hours)
        assert asks(one, hours) == asks(other, hours)
        counting = (
            each["data"]["payout"]["requires_approval"]
            for each, start, end in zip(events, starts, [*starts[1:], datetime.max.replace(tzinfo=UTC)], strict=True)
            if start <= moment and end > moment - timedelta(hours=24)
        )
        assert asks(one, hours) == any(counting)
