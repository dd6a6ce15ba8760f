"""The runs of the simulation: each size as planned, too few consumers, and one book under more and more load."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.simulation.arithmetic import (
    DAY_S,
    Rates,
    consumer_load,
    largest_rates,
    least_consumers,
    plan,
    planned_consumers,
)
from benchmarks.simulation.arrivals import Produced, day, moment
from benchmarks.simulation.costs import Costs
from benchmarks.simulation.inputs import Inputs
from benchmarks.simulation.model import Book, Machine, Outcome, Work, percentile

SEED = 20260318
# A run is so long that it has about this many messages, a few seconds at least, and never longer than two readings
# are apart.
MESSAGES_A_RUN, SECONDS_MIN = 60_000, 4.0
UTILISATIONS = (0.3, 0.5, 0.7, 0.9, 1.2)
LOCK_UTILISATIONS = (0.5, 0.9, 1.2)
# A backlog that grows steadily doubles from the half of a run to its end.
GROWTH_MAX = 1.4
# So many that their work outside the lock is never what limits.
MANY_CONSUMERS = 24
# More than two and fewer than three, so that two are one too few.
BUSY_CONSUMERS = 2.5


@dataclass(frozen=True, slots=True)
class Row:
    """One run: what was simulated, and what came of it."""

    title: str
    consumers: int
    messages_s: float
    allowance: int
    outcome: Outcome

    @property
    def latency_s(self) -> tuple[float, float]:
        """p50 and p99 from produced to visible, of what became visible."""
        return percentile(self.outcome.visible_s, 0.5), percentile(self.outcome.visible_s, 0.99)

    @property
    def lock_share(self) -> float:
        """The share of time in which the append lock was held."""
        return self.outcome.lock_busy_s / self.outcome.seconds

    @property
    def keeps_up(self) -> bool:
        """Whether no more waits at the end than half-way, give or take what a batch or chance makes of it."""
        return self.outcome.left_at_end <= GROWTH_MAX * max(self.outcome.left_at_half, self.allowance)


def machine_of(inputs: Inputs, costs: Costs, consumers: int) -> Machine:
    """A book's processes with their measured costs; the projector's sets are taken to cost what a batch does."""
    return Machine(
        consumers=consumers,
        batch_records_max=inputs.batch_records_max,
        free=Work(
            costs.batch_s,
            max(0.0, costs.message_s - costs.message_locked_s),
            max(0.0, costs.session_s - costs.session_locked_s),
        ),
        locked=Work(inputs.flush_s, costs.message_locked_s, costs.session_locked_s),
        projected=Work(costs.batch_s + inputs.flush_s, costs.projected_message_s, costs.projected_session_s),
        clock_free=Work(costs.batch_s, 0.0, max(0.0, costs.clock_session_s - costs.clock_session_locked_s)),
        clock_locked=Work(inputs.flush_s, 0.0, costs.clock_session_locked_s),
    )


def run_at(inputs: Inputs, costs: Costs, rates: Rates, consumers: int, title: str) -> Row:
    """A stretch at steady rates."""
    seconds = min(60 * inputs.reading_minutes, max(SECONDS_MIN, MESSAGES_A_RUN / rates.messages_s))
    produced = moment(inputs, rates, seconds, Random(SEED))
    return _row(inputs, costs, produced, seconds, consumers, title)


def run_day(inputs: Inputs, costs: Costs, charge_points: int) -> Row:
    """The whole busiest day of a small network, each session from its start to its payment."""
    produced = [each for each in day(inputs, charge_points, Random(SEED)) if each.at_s < DAY_S]
    return _row(inputs, costs, produced, DAY_S, 1, f"{charge_points:,}, its whole day")


def sizes(inputs: Inputs, costs: Costs, charge_points: Sequence[int]) -> Iterator[Row]:
    """One book of each size as planned, at its peak."""
    for size in charge_points:
        planned = plan(inputs, costs, size)
        books = f", one of {planned.books} books" if planned.books > 1 else ""
        yield run_at(inputs, costs, planned.peak.part(planned.books), planned.consumers, f"{size:,}{books}")


def consumers_around(inputs: Inputs, costs: Costs) -> Iterator[Row]:
    """Work for some consumers and a half: with those planned for it, with as few as keep up, and with one fewer."""
    rates = rates_for(inputs, costs, BUSY_CONSUMERS)
    least = least_consumers(inputs, costs, rates)
    for consumers, title in (
        (planned_consumers(inputs, costs, rates), "planned"),
        (least, "as few as keep up"),
        (least - 1, "one fewer"),
    ):
        yield run_at(inputs, costs, rates, consumers, f"work for {BUSY_CONSUMERS} consumers: {title}")


def rates_for(inputs: Inputs, costs: Costs, consumers: float) -> Rates:
    """The rates at which so many consumers, with full batches, are busy all the time."""
    mix = Rates(1.0, inputs.messages_per_session)
    most = consumers / consumer_load(inputs, costs, mix)
    return Rates(most, most * mix.messages_s)


def under_load(inputs: Inputs, costs: Costs, consumers: int) -> Iterator[Row]:
    """A book with so many consumers, at shares of what they take at most."""
    for share in UTILISATIONS:
        rates = rates_for(inputs, costs, consumers * share)
        yield run_at(inputs, costs, rates, consumers, f"{share * 100:.0f} % of {_counted(consumers)}")


def under_lock_load(inputs: Inputs, costs: Costs) -> Iterator[Row]:
    """A book with more consumers than it has use for, at shares of what the append lock lets through."""
    most = largest_rates(inputs, costs)
    for share in LOCK_UTILISATIONS:
        rates = Rates(most.sessions_s * share, most.messages_s * share)
        yield run_at(
            inputs, costs, rates, MANY_CONSUMERS, f"{share * 100:.0f} % of the lock, {_counted(MANY_CONSUMERS)}"
        )


def _row(inputs: Inputs, costs: Costs, produced: list[Produced], seconds: float, consumers: int, title: str) -> Row:
    outcome = Book(machine_of(inputs, costs, consumers), produced).run(seconds)
    return Row(title, consumers, len(produced) / seconds, inputs.batch_records_max, outcome)


def _counted(consumers: int) -> str:
    return "1 consumer" if consumers == 1 else f"{consumers} consumers"
