"""One payout explained: the two identities, whatever happens, by a fold of the journal."""

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any, TypeAlias

import psycopg
import pytest

from ledger.audit import verify
from ledger.database import Role, connect
from projections.documents.payout_explained import (
    change_document,
    excluded_document,
    waterfall_document,
)
from projections.documents.payout_story import line_document
from projections.payout_change import change
from projections.payout_excluded import Reason, excluded
from projections.payout_explained import ExplainedPayout, explained_payout
from projections.payout_steps import paid_lines, waterfall
from projections.rebuild import rebuild
from tests.support.engine import Engine
from tests.support.explained import made_payouts, unexplained
from tests.support.histories import UNTIL, disordered, history

Found: TypeAlias = tuple[psycopg.Cursor[tuple[Any, ...]], list[ExplainedPayout]]


@pytest.fixture(scope="module")
def found(network_url: str) -> Iterator[Found]:
    """A cursor of who reads everything, and the payouts of the network in the order in which they were made."""
    with connect(network_url, Role.AUDITOR) as connection, connection.cursor() as cursor:
        payouts = [explained_payout(cursor, body["payout_id"]) for _, body in made_payouts(network_url)]
        yield cursor, [payout for payout in payouts if payout is not None]


def test_every_payout_of_the_network_is_explained_to_the_cent(network_url: str) -> None:
    payouts, faults = unexplained(network_url)
    assert payouts > 70
    assert faults == []


@pytest.mark.parametrize(("seed", "run_terms"), [(3, False), (9, False), (14, True), (22, True), (31, True)])
def test_every_payout_of_an_invented_history_is_explained_to_the_cent(
    engine: Engine, seed: int, run_terms: bool
) -> None:
    random = Random(seed)
    events = history(random, 25, run_terms=run_terms)
    size = -(-len(events) // 4)
    # In parts, each followed by what the clock drives by then: so much of the next is late.
    for first in range(0, len(events), size):
        part = events[first : first + size]
        engine.feed(disordered(random, part))
        engine.advance(part[-1]["time"])
    engine.advance(UNTIL)
    payouts, faults = unexplained(engine.dsn)
    assert faults == []
    assert [finding for check in verify(engine.dsn).failed for finding in check.findings] == []
    rebuild(engine.dsn)
    assert unexplained(engine.dsn) == (payouts, [])


def test_reasons_are_told_with_what_they_wait_for(found: Found) -> None:
    cursor, payouts = found
    told = {each.payout_id: excluded(cursor, each) for each in payouts}
    reasons = {sum_.reason for each in told.values() for sum_ in each.excluded}
    assert reasons == {Reason.NOT_RELEASED, Reason.AVAILABLE_LATER, Reason.SET_ASIDE, Reason.PAID_AGAIN}
    waiting = [each.payout_id for each in payouts if each.status == "AWAITING_APPROVAL"]
    for number, payout_id in enumerate(waiting):
        set_aside = [sum_ for sum_ in told[payout_id].excluded if sum_.reason is Reason.SET_ASIDE]
        # Those before it in its own currency are set aside; each is named with all that it pays.
        before = {each.payout_id: each.included for each in payouts if each.payout_id in waiting[:number]}
        assert {sum_.set_aside_for: sum_.amount for sum_ in set_aside} == before


def test_a_second_attempt_pays_what_came_back(found: Found) -> None:
    cursor, payouts = found
    (again,) = [each for each in payouts if each.attempt > 1]
    first = next(each for each in payouts if each.payout_id == again.reissue_of)
    assert [line.entry_id for line in paid_lines(cursor, again)] == [
        line.entry_id for line in paid_lines(cursor, first)
    ]
    sums = {each.reason: each for each in excluded(cursor, again).excluded}
    assert (sums[Reason.PAID_AGAIN].amount, sums[Reason.PAID_AGAIN].entries) == (-again.amount, again.entries)


def test_lines_come_part_by_part(found: Found) -> None:
    cursor, payouts = found
    payout = max(payouts, key=lambda each: each.entries)
    parts, after = [], None
    while part := paid_lines(cursor, payout, 3, after):
        parts += part
        assert part[-1].entry_id is not None
        after = (part[-1].effective_at, part[-1].entry_id)
    assert parts == paid_lines(cursor, payout)


def test_documents_state_amounts_that_add_up(found: Found) -> None:
    cursor, payouts = found
    for payout in payouts[::9]:
        steps, told = waterfall_document(waterfall(cursor, payout)), excluded_document(excluded(cursor, payout))
        lines = [line_document(line, payout.currency) for line in paid_lines(cursor, payout)]
        assert Decimal(steps["amount"]) == sum(Decimal(step["amount"]) for step in steps["steps"])
        assert Decimal(steps["amount"]) == sum(Decimal(line["amount"]) for line in lines)
        assert Decimal(told["included"]) - Decimal(told["reserve"]) == Decimal(steps["amount"])
        excluded_sum = sum(Decimal(each["amount"]) for each in told["excluded"])
        assert Decimal(told["included"]) + excluded_sum == Decimal(told["payable_before"])
        against = change_document(change(cursor, payout))
        assert Decimal(against["change"]) == sum(Decimal(step["amount"]) for step in against["steps"])
