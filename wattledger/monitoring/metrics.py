"""What is exposed to Prometheus: what this piece did, and what the store is, each metric made when it is asked for.

Metrics of `wattledger_store_*` are read from the store and the same in every piece; all others are of one process.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from math import isinf
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from domain.payout.events import PayoutStatus
from ledger.intake.positions import Partition
from wattledger.monitoring.signs import Histogram

if TYPE_CHECKING:
    from projections.state_watch import Known
    from wattledger.monitoring.monitor import Monitor

_OUTCOMES = ("accepted", "duplicates", "conflicts", "dead_lettered")


def registry_of(monitor: "Monitor") -> CollectorRegistry:
    """Everything that a piece exposes, the usual metrics of a process among it."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Metrics(monitor))
    return registry


class _Metrics(Collector):
    def __init__(self, monitor: "Monitor") -> None:
        self._monitor = monitor

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry need not collect to know the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics as they are now; those of the store only while the database answers."""
        monitor = self._monitor
        build = {"version": monitor.version, "piece": monitor.piece.name}
        yield _gauge("wattledger_build_info", "1; which version runs, and which piece this process is.", build, 1)
        database, kafka = monitor.database, monitor.kafka
        answers = database is not None and database.answer is not None
        yield _gauge("wattledger_database_up", "1 while the database answers, else 0.", {}, answers)
        if monitor.piece.uses_kafka:
            up = kafka is not None and kafka.answer is not None
            yield _gauge("wattledger_kafka_up", "1 while the brokers answer, else 0.", {}, up)
        yield from _of_process(monitor)
        if database is not None and database.answer is not None:
            yield from _of_store(database.answer)
            if kafka is not None and kafka.answer is not None:
                yield _lag(database.answer, kafka.answer)


def _of_process(monitor: "Monitor") -> Iterator[Metric]:
    signs = monitor.signs
    yield _gauges("wattledger_loop_age_seconds", "Since a main loop of this process moved.", "loop", signs.ages)
    yield from _OF_PIECE[monitor.piece.name](monitor)


def _of_consume(monitor: "Monitor") -> Iterator[Metric]:
    signs = monitor.signs
    yield _gauge("wattledger_partitions_held", "Partitions that this consumer reads.", {}, signs.partitions_held)
    yield _counter("wattledger_records", "Records this consumer took in, however.", signs.count_of("records"))
    yield _counter(
        "wattledger_records_quarantined",
        "Records that broke the engine and were set aside.",
        signs.count_of("quarantined"),
    )
    yield _histogram("wattledger_batch_seconds", "From a batch in hand to its commit and what follows.", signs.batch)
    yield _histogram(
        "wattledger_message_to_book_seconds", "From a record's timestamp in Kafka to its commit.", signs.to_book
    )


def _of_project(monitor: "Monitor") -> Iterator[Metric]:
    yield _counter("wattledger_outbox_sent", "Records that this relay sent.", monitor.signs.count_of("sent"))


def _of_clock(monitor: "Monitor") -> Iterator[Metric]:
    signs = monitor.signs
    yield _counter("wattledger_clock_rounds", "Times the clock did all that was due.", signs.count_of("rounds"))
    yield _counter("wattledger_clock_failures", "Times payout runs of operators broke.", signs.count_of("failures"))
    yield _counter("wattledger_payouts_made", "Payouts that this clock made.", signs.count_of("payouts"))


def _of_serve(_: "Monitor") -> Iterator[Metric]:
    """What it answers is in its log and in the audit log."""
    return iter(())


def _of_webhooks(monitor: "Monitor") -> Iterator[Metric]:
    signs = monitor.signs
    yield _counter("wattledger_webhooks_taken", "Webhooks that were taken.", signs.count_of("webhooks_taken"))
    yield _counter("wattledger_webhooks_failed", "Attempts that were not.", signs.count_of("webhooks_failed"))
    yield _counter("wattledger_notices_taken", "Notices taken by webhook.", signs.count_of("notices_taken"))
    yield _counter("wattledger_notices_failed", "Attempts that were not.", signs.count_of("notices_failed"))
    yield _counter("wattledger_mails_taken", "Notices taken by the mail server.", signs.count_of("mails_taken"))
    yield _counter("wattledger_mails_failed", "Attempts that were not.", signs.count_of("mails_failed"))


def _of_load(monitor: "Monitor") -> Iterator[Metric]:
    signs = monitor.signs
    yield _counter("wattledger_load_records", "Records that steering took in.", signs.count_of("records"))
    yield _counter("wattledger_load_profiles", "Limits that cars were told.", signs.count_of("profiles"))
    yield _gauge("wattledger_load_partitions", "Partitions of sites that are ours.", {}, signs.partitions_held)


_OF_PIECE = {
    "consume": _of_consume,
    "project": _of_project,
    "clock": _of_clock,
    "serve": _of_serve,
    "webhooks": _of_webhooks,
    "load": _of_load,
}


def _of_store(known: "Known") -> Iterator[Metric]:
    state = known.state
    messages = CounterMetricFamily(
        "wattledger_store_messages", "Records taken in, by topic and outcome.", labels=("topic", "outcome")
    )
    tallies: dict[tuple[str, str], int] = {}
    for each in state.partitions:
        for outcome in _OUTCOMES:
            key = each.topic, outcome
            tallies[key] = tallies.get(key, 0) + getattr(each.tally, outcome)
    for key, number in sorted(tallies.items()):
        messages.add_metric(key, number)
    yield messages
    yield _counter("wattledger_store_entries", "Entries posted.", state.entries)
    yield _gauges(
        "wattledger_store_projection_behind_events",
        "Stored events that a read model has not seen.",
        "projection",
        {each.name: each.events for each in state.projections},
    )
    yield _gauges(
        "wattledger_store_projection_behind_seconds",
        "For how long the first event that a read model has not seen is stored.",
        "projection",
        {each.name: each.seconds for each in state.projections if each.seconds is not None},
    )
    yield from _what_is_kept(known)
    yield from _runs(known)
    if state.verified is not None:
        yield _gauge(
            "wattledger_store_verify_passed", "1 when the last verify passed, else 0.", {}, state.verified.passed
        )
        yield _moment(
            "wattledger_store_verify_timestamp_seconds",
            "When the book was last verified.",
            state.verified.verified_at,
        )


def _what_is_kept(known: "Known") -> Iterator[Metric]:
    state = known.state
    oldest = state.outbox.at
    yield _gauge("wattledger_store_outbox_waiting", "Messages that wait to be sent.", {}, state.outbox.count)
    yield _gauge(
        "wattledger_store_outbox_oldest_seconds",
        "For how long the first message that waits is in the outbox; 0 when none does.",
        {},
        (state.at - oldest).total_seconds() if oldest else 0.0,
    )
    yield _gauge("wattledger_store_dead_letters", "Refused records not replayed yet.", {}, state.dead_letters.count)
    yield _gauge(
        "wattledger_store_sessions_set_aside",
        "Sessions that broke the engine and wait for a fix.",
        {},
        known.set_aside,
    )
    yield _gauges("wattledger_store_sessions", "Sessions by state.", "state", state.sessions)
    yield _gauges(
        "wattledger_store_findings_open", "Open findings that streams tell, by kind.", "kind", state.findings
    )
    yield _gauges(
        "wattledger_store_open_items", "Accounts that have not come to zero, by code.", "code", state.open_items
    )
    statuses = dict.fromkeys(sorted(PayoutStatus), 0) | dict(state.payouts)
    yield _gauges("wattledger_store_payouts", "Payouts by status.", "status", statuses)


def _runs(known: "Known") -> Iterator[Metric]:
    now = known.state.at
    due = [each.next_at for each in known.state.runs if each.next_at is not None and each.next_at <= now]
    yield _gauge("wattledger_store_payout_runs_due", "Operators whose run is due and not fired.", {}, len(due))
    yield _gauge(
        "wattledger_store_payout_runs_overdue_seconds",
        "For how long the run that is due longest is due; 0 when none is.",
        {},
        (now - min(due)).total_seconds() if due else 0.0,
    )
    fired = [each.last_at for each in known.state.runs if each.last_at is not None]
    if fired:
        yield _moment(
            "wattledger_store_payout_run_timestamp_seconds", "When the latest run of any operator fired.", max(fired)
        )


def _lag(known: "Known", bounds: Mapping[Partition, tuple[int, int]]) -> Metric:
    next_offsets = {(each.topic, each.partition): each.next_offset for each in known.state.partitions}
    family = GaugeMetricFamily(
        "wattledger_store_lag_records", "Records of a partition not taken in yet.", labels=("topic", "partition")
    )
    for (topic, number), (first, end) in sorted(bounds.items()):
        next_offset = next_offsets.get((topic, number))
        family.add_metric((topic, str(number)), max(0, end - max(first, next_offset or 0)))
    return family


def _gauge(name: str, help_: str, labels: Mapping[str, str], value: float) -> Metric:
    family = GaugeMetricFamily(name, help_, labels=tuple(labels))
    family.add_metric(tuple(labels.values()), float(value))
    return family


def _gauges(name: str, help_: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, help_, labels=(label,))
    for key, value in values.items():
        family.add_metric((str(key),), float(value))
    return family


def _counter(name: str, help_: str, value: int) -> Metric:
    """The library puts `_total` behind the name of a counter."""
    return CounterMetricFamily(name, help_, value=value)


def _moment(name: str, help_: str, at: datetime) -> Metric:
    return _gauge(name, help_, {}, at.timestamp())


def _histogram(name: str, help_: str, histogram: Histogram) -> Metric:
    bounds, total = histogram.read()
    return HistogramMetricFamily(
        name, help_, buckets=[(_bound(bound), count) for bound, count in bounds], sum_value=total
    )


def _bound(bound: float) -> str:
    return "+Inf" if isinf(bound) else str(bound)
