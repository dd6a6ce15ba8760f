"""What gives out first as a network grows, at how many charge points, and the step that removes it.

All uses grow in proportion to the network, so each limit is reached at one size: the reference's, times limit by use.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.simulation.arithmetic import (
    Plan,
    consumer_load,
    lock_load,
    payout_runs_s,
    plan,
)
from benchmarks.simulation.costs import Costs
from benchmarks.simulation.inputs import Inputs

_REFERENCE = 1_000_000


@dataclass(frozen=True, slots=True)
class Limit:
    """A part of one book that gives out at `charge_points`, and what to do about it."""

    charge_points: float
    gives_out: str
    step: str


def limits(inputs: Inputs, costs: Costs) -> list[Limit]:
    """All limits of one book, in the order in which a growing network meets them."""
    reference = plan(inputs, costs, _REFERENCE)
    found = [*_of_memory_and_disk(inputs, reference), *_of_intake(inputs, costs, reference)]
    found += _of_what_follows(inputs, costs, reference)
    return sorted(found, key=lambda each: each.charge_points)


def met_between(found: Sequence[Limit], above: float, up_to: float) -> list[Limit]:
    """Those that a network meets while it grows from one size to another."""
    return [each for each in found if above < each.charge_points <= up_to]


def _of_memory_and_disk(inputs: Inputs, reference: Plan) -> list[Limit]:
    tables = reference.tables
    return [
        _limit(
            (sum(table.index_kept for table in tables), inputs.index_memory_bytes),
            "the indexes, most of them by random keys, outgrow the memory: a new row reads and dirties a cold page",
            "tables partitioned by month, so that new rows meet the small indexes of this month",
        ),
        _limit(
            (reference.open_sessions, inputs.kept_sessions),
            "more sessions are open at the peak than one consumer keeps warm; a cold one is read with its stream",
            "a second consumer (each keeps those of its partitions), or more memory for warm sessions",
        ),
        _limit(
            (reference.bytes_kept, inputs.book_bytes_max),
            "a book is larger than what is restored in one night",
            "a book for each region or group of operators; or older months on other storage",
        ),
        _limit(
            (max(table.heap_kept for table in tables), inputs.relation_bytes_max),
            "`stored_events` reaches the 32 TB of a PostgreSQL table",
            "partitions of it, each with 32 TB of its own",
        ),
    ]


def _of_intake(inputs: Inputs, costs: Costs, reference: Plan) -> list[Limit]:
    load = consumer_load(inputs, costs, reference.peak)
    return [
        _limit(
            (load, inputs.utilisation_max),
            f"one consumer is busy {percent(inputs.utilisation_max)} of the peak hour",
            "a second consumer in the group",
        ),
        _limit(
            (load, inputs.default_partitions * inputs.utilisation_max),
            f"a further consumer would get none of the {inputs.default_partitions} partitions of `charging.sessions`",
            "more partitions: a session whose partition changes is found by its stream, and any order will do",
        ),
        _limit(
            (lock_load(inputs, costs, reference.peak), inputs.lock_utilisation_max),
            f"the append lock is held {percent(inputs.lock_utilisation_max)} of the peak hour",
            "a second book: from here on no consumer helps",
        ),
    ]


def _of_what_follows(inputs: Inputs, costs: Costs, reference: Plan) -> list[Limit]:
    return [
        _limit(
            (reference.peak.sessions_s * costs.clock_session_s, inputs.utilisation_max),
            f"one process of the clock is busy {percent(inputs.utilisation_max)} of the peak hour",
            "the sessions' part of the clock in more processes: a set leaves out what another one has locked",
        ),
        _limit(
            (payout_runs_s(inputs, costs, _REFERENCE), inputs.runs_s_max),
            "the payout runs of one cut-off, one operator after another, take an hour",
            "runs of different operators side by side, or a second book",
        ),
        _limit(
            (reference.relay_share * reference.books, inputs.utilisation_max),
            "the relay's rounds fill the peak hour",
            "larger rounds, or a relay for each topic",
        ),
        _limit(
            (reference.projector_share * reference.books, inputs.utilisation_max),
            "one projector falls behind at the peak",
            "a runner for each projection",
        ),
    ]


def percent(share: float) -> str:
    """A share for a sentence."""
    return f"{share * 100:.0f} %"


def _limit(use_and_allowed: tuple[float, float], gives_out: str, step: str) -> Limit:
    use, allowed = use_and_allowed
    return Limit(_REFERENCE * allowed / use, gives_out, step)
