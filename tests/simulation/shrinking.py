"""The least of a seed that still fails: without accidents, disorder and switches that it does not need."""

from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.plan import Plan
from tests.simulation.running import Outcome, Runner

_TRIES_MAX = 60


def shrunk(runner: Runner, failed: Outcome, tries_max: int = _TRIES_MAX) -> Outcome:
    """The outcome of the smallest plan that was found to fail in so many tries; that of the given one at worst."""
    tries = 0
    while True:
        for plan in _smaller(failed.plan):
            tries += 1
            if tries > tries_max:
                return failed
            outcome = runner.run(plan)
            if outcome.fault:
                failed = outcome
                break
        else:
            return failed


def _smaller(plan: Plan) -> Iterator[Plan]:
    """What is a step less, the largest first."""
    if plan.accidents:
        yield plan.with_accidents(())
        half = len(plan.accidents) // 2
        if half:
            yield plan.with_accidents(plan.accidents[:half])
            yield plan.with_accidents(plan.accidents[half:])
    if plan.switches_percent:
        yield replace(plan, switches_percent=0)
    in_order = tuple(phase.records for phase in plan.history.phases)
    if plan.deliveries != in_order:
        yield replace(plan, deliveries=in_order)
        for number, records in enumerate(in_order):
            if plan.deliveries[number] != records:
                yield replace(plan, deliveries=(*plan.deliveries[:number], records, *plan.deliveries[number + 1 :]))
    if plan.before_clock:
        yield replace(plan, before_clock=False)
    if 1 < len(plan.accidents) <= 8:
        for number in range(len(plan.accidents)):
            yield plan.with_accidents([*plan.accidents[:number], *plan.accidents[number + 1 :]])
