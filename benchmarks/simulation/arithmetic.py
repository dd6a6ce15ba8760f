"""The plan of a network: from charge points to messages, rows, bytes, consumers, books and nodes."""

from dataclasses import dataclass
from math import ceil, floor

from benchmarks.simulation.costs import Costs
from benchmarks.simulation.inputs import Inputs

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
DAY_S, DAYS_A_YEAR = 86_400, 365
# A consumer's share of partitions stays even when there are some of them each, and their number is hard to change.
PARTITIONS_PER_CONSUMER = 4


@dataclass(frozen=True, slots=True)
class Rates:
    """What arrives at the busiest hour of the busiest day, a second."""

    sessions_s: float
    messages_s: float

    def part(self, of: int) -> "Rates":
        """The same for one of several equal parts."""
        return Rates(self.sessions_s / of, self.messages_s / of)


@dataclass(frozen=True, slots=True)
class TablePlan:
    """Rows and bytes that a table gains on a mean day, and what it and its indexes hold after the retention."""

    name: str
    rows_day: float
    bytes_day: float
    heap_kept: float
    index_kept: float

    @property
    def bytes_kept(self) -> float:
        """Rows and indexes together."""
        return self.heap_kept + self.index_kept


@dataclass(frozen=True, slots=True)
class Plan:
    """A network of `charge_points` worked out; rates and busy shares are those of the busiest hour.

    Consumers, partitions and shares are those of each book; bytes and nodes are those of all books together.
    """

    charge_points: int
    sessions_day: float
    messages_day: float
    peak: Rates
    open_sessions: float
    books: int
    consumers: int
    partitions: int
    warm_consumers: int
    warm_bytes: float
    consumer_share: float
    lock_share: float
    clock_share: float
    projector_share: float
    relay_share: float
    tables: tuple[TablePlan, ...]
    bytes_day: float
    bytes_kept: float
    wal_bytes_s: float
    kafka_bytes: float
    network_bytes_s: float
    nodes: int
    runs_s: float
    outage_s: float
    restore_s: float
    largest_payout_lines: float


def peak_rates(inputs: Inputs, charge_points: int) -> Rates:
    """The busiest hour of the busiest day."""
    sessions_day = charge_points * inputs.sessions_per_charge_point_day
    sessions_s = sessions_day * inputs.peak_day * inputs.peak_hour / DAY_S
    return Rates(sessions_s, sessions_s * inputs.messages_per_session)


def consumer_load(inputs: Inputs, costs: Costs, rates: Rates) -> float:
    """Consumers that these rates keep busy all the time, taking full batches."""
    batches_s = rates.messages_s / inputs.batch_records_max
    flush_s = batches_s * inputs.flush_s
    return (
        batches_s * costs.batch_s + flush_s + rates.messages_s * costs.message_s + rates.sessions_s * costs.session_s
    )


def least_consumers(inputs: Inputs, costs: Costs, rates: Rates) -> int:
    """The fewest consumers that keep up with these rates, if only just."""
    return floor(consumer_load(inputs, costs, rates)) + 1


def planned_consumers(inputs: Inputs, costs: Costs, rates: Rates) -> int:
    """As many as leave each some time to spare, so that waits stay short and what was held up is made up."""
    return max(1, ceil(consumer_load(inputs, costs, rates) / inputs.utilisation_max))


def lock_load(inputs: Inputs, costs: Costs, rates: Rates) -> float:
    """The share of time in which somebody has the append lock: consumers with full batches, and the clock."""
    by_consumers = rates.messages_s * (costs.message_locked_s + inputs.flush_s / inputs.batch_records_max)
    by_sessions = rates.sessions_s * (costs.session_locked_s + costs.clock_session_locked_s)
    return by_consumers + by_sessions


def largest_rates(inputs: Inputs, costs: Costs) -> Rates:
    """What one book takes at most, with any number of consumers: the append lock is busy all the time."""
    mix = Rates(1.0, inputs.messages_per_session)
    most = 1 / lock_load(inputs, costs, mix)
    return Rates(mix.sessions_s * most, mix.messages_s * most)


def plan(inputs: Inputs, costs: Costs, charge_points: int) -> Plan:
    """Work out a network of so many charge points."""
    sessions_day = charge_points * inputs.sessions_per_charge_point_day
    peak = peak_rates(inputs, charge_points)
    tables = _tables(inputs, costs, sessions_day)
    bytes_kept = sum(table.bytes_kept for table in tables)
    by_lock = ceil(lock_load(inputs, costs, peak) / inputs.lock_utilisation_max)
    books = max(1, ceil(bytes_kept / inputs.book_bytes_max), by_lock)
    part = peak.part(books)
    consumers = planned_consumers(inputs, costs, part)
    message_bytes_s = peak.messages_s * costs.message_bytes
    wal_bytes_s = peak.sessions_s * _wal_bytes(inputs, costs)
    lines_day = _lines(costs, inputs) * sessions_day
    open_sessions = peak.sessions_s * inputs.session_minutes * 60
    return Plan(
        charge_points=charge_points,
        sessions_day=sessions_day,
        messages_day=sessions_day * inputs.messages_per_session,
        peak=peak,
        open_sessions=open_sessions,
        books=books,
        consumers=consumers,
        partitions=max(inputs.default_partitions, PARTITIONS_PER_CONSUMER * consumers),
        warm_consumers=ceil(open_sessions / books / inputs.kept_sessions),
        warm_bytes=open_sessions / books * inputs.warm_session_bytes,
        consumer_share=consumer_load(inputs, costs, part) / consumers,
        lock_share=lock_load(inputs, costs, part),
        clock_share=part.sessions_s * costs.clock_session_s,
        projector_share=part.sessions_s * costs.projected_session_s + part.messages_s * costs.projected_message_s,
        relay_share=part.sessions_s / inputs.relay_rows * inputs.relay_round_s,
        tables=tables,
        bytes_day=sum(table.bytes_day for table in tables),
        bytes_kept=bytes_kept,
        wal_bytes_s=wal_bytes_s,
        kafka_bytes=sessions_day
        * inputs.messages_per_session
        * costs.message_bytes
        * inputs.kafka_days
        * inputs.replicas,
        network_bytes_s=message_bytes_s * (1 + inputs.replicas) + wal_bytes_s * (inputs.database_copies - 1),
        nodes=books * inputs.database_copies,
        runs_s=payout_runs_s(inputs, costs, charge_points / books),
        outage_s=_drain_s(inputs, costs, part, consumers),
        restore_s=bytes_kept / books / inputs.restore_bytes_s,
        largest_payout_lines=lines_day * inputs.peak_day * inputs.largest_operator_share,
    )


def payout_runs_s(inputs: Inputs, costs: Costs, charge_points: float) -> float:
    """Seconds of all operators' runs after the busiest day, one after the other as the clock fires them."""
    operators = ceil(charge_points / inputs.operator_charge_points)
    lines = charge_points * inputs.sessions_per_charge_point_day * inputs.peak_day * _lines(costs, inputs)
    return operators * costs.run_operator_s + lines * costs.run_line_s


def _tables(inputs: Inputs, costs: Costs, sessions_day: float) -> tuple[TablePlan, ...]:
    messages, days = inputs.messages_per_session, inputs.retention_years * DAYS_A_YEAR
    made = []
    for table in costs.tables:
        heap, index = sessions_day * table.heap_bytes(messages), sessions_day * table.index_bytes(messages)
        made.append(
            TablePlan(table.name, sessions_day * table.rows(messages), heap + index, heap * days, index * days)
        )
    return tuple(made)


def _wal_bytes(inputs: Inputs, costs: Costs) -> float:
    return costs.wal_bytes_session + inputs.messages_per_session * costs.wal_bytes_message


def _lines(costs: Costs, inputs: Inputs) -> float:
    """Payable lines of a session."""
    found = [table.rows(inputs.messages_per_session) for table in costs.tables if table.name == "intake.line"]
    return sum(found)


def _drain_s(inputs: Inputs, costs: Costs, rates: Rates, consumers: int) -> float:
    """Seconds until an hour's messages, kept back at the peak, are taken in while the peak goes on."""
    busy = consumer_load(inputs, costs, rates)
    return 3_600 * busy / (consumers - busy)
