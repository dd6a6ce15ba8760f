"""The tables of the page on scaling, as Markdown: each is computed, and its name marks its place on the page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from benchmarks.simulation import experiments
from benchmarks.simulation.arithmetic import SIZES, Plan, largest_rates, plan
from benchmarks.simulation.costs import Costs
from benchmarks.simulation.experiments import Row
from benchmarks.simulation.inputs import Inputs
from benchmarks.simulation.limits import limits, met_between

CONTINENT = 1_000_000
READING_MINUTES = (15.0, 5.0, 1.0)
_DAY_OF = 1_000
_MULTIPLES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))


def inputs_table(inputs: Inputs, costs: Costs) -> str:
    """Every input with its source."""
    rows = [
        (meaning, size(value) if "bytes" in name else f"{value:,}", source)
        for name, value, meaning, source in inputs.told()
    ]
    return _table(("input", "value", "source"), rows, "lrl")


def costs_table(inputs: Inputs, costs: Costs) -> str:
    """What was measured, as a batch's costs and as what one consumer and one book take at most."""
    mix = inputs.messages_per_session
    each = costs.message_s + costs.session_s / mix + costs.batch_s / inputs.batch_records_max
    rows = [
        ("a batch, whatever is in it", micro(costs.batch_s), micro(inputs.flush_s)),
        ("a message", micro(costs.message_s), micro(costs.message_locked_s)),
        ("a session, besides its messages", micro(costs.session_s), micro(costs.session_locked_s)),
        ("a session, by the clock", micro(costs.clock_session_s), micro(costs.clock_session_locked_s)),
        ("a session, by the projections", micro(costs.projected_session_s), ""),
        ("a payout run with nothing to pay", micro(costs.run_operator_s), ""),
        ("a line that a payout pays", micro(costs.run_line_s), ""),
        ("**one consumer, messages a second**", f"**{number(1 / each)}**", ""),
        ("**one book, any number of consumers**", "", f"**{number(largest_rates(inputs, costs).messages_s)}**"),
    ]
    return _table(("microseconds of", "in all", "of it under the append lock"), rows, "lrr")


def plan_table(inputs: Inputs, costs: Costs) -> str:
    """Every size worked out."""
    plans = [plan(inputs, costs, size) for size in SIZES]
    rows = [(title, *(cell(each) for each in plans)) for title, cell in _PLAN_ROWS]
    return _table(("charge points", *(f"{size:,}" for size in SIZES)), rows, "l" + "r" * len(SIZES))


def rows_table(inputs: Inputs, costs: Costs) -> str:
    """Rows and bytes by table, at a million charge points."""
    planned = plan(inputs, costs, CONTINENT)
    tables = sorted(planned.tables, key=lambda each: -each.bytes_day)
    rows = [
        (f"`{each.name}`", number(each.rows_day), size(each.bytes_day), size(each.heap_kept), size(each.index_kept))
        for each in tables
    ]
    total = (
        "all",
        number(sum(each.rows_day for each in tables)),
        size(planned.bytes_day),
        size(sum(each.heap_kept for each in tables)),
        size(sum(each.index_kept for each in tables)),
    )
    kept = f"after {inputs.retention_years:g} years"
    return _table(("table", "rows a day", "bytes a day", f"rows {kept}", f"indexes {kept}"), [*rows, total], "lrrrr")


def readings_table(inputs: Inputs, costs: Costs) -> str:
    """What the interval of readings does to a million charge points."""
    rows = []
    for minutes in READING_MINUTES:
        changed = replace(inputs, reading_minutes=minutes)
        planned = plan(changed, costs, CONTINENT)
        rows.append(
            (
                f"{minutes:g} min",
                number(changed.messages_per_session),
                number(planned.messages_day),
                number(planned.peak.messages_s),
                size(planned.bytes_day),
                number(planned.books),
            )
        )
    header = ("a reading each", "messages a session", "a day", "a second at the peak", "bytes a day", "books")
    return _table(header, rows, "lrrrrr")


def limits_table(inputs: Inputs, costs: Costs) -> str:
    """What gives out on the way to each size, and the step."""
    found, rows = limits(inputs, costs), []
    above = 0.0
    for up_to in (*(float(size) for size in SIZES), float("inf")):
        title = f"to {up_to:,.0f}" if up_to < float("inf") else "beyond"
        met = met_between(found, above, up_to)
        rows += [
            (title if first else "", number(each.charge_points), each.gives_out, each.step)
            for each, first in zip(met, (True, *(False for _ in met)), strict=False)
        ] or [(title, "", "nothing: `wattledger up` on a laptop will do", "")]
        above = up_to
    return _table(("growing", "reached at", "what gives out in one book", "the step that removes it"), rows, "lrll")


def sizes_table(inputs: Inputs, costs: Costs) -> str:
    """Every size as planned, simulated at its peak."""
    rows = [experiments.run_day(inputs, costs, _DAY_OF), *experiments.sizes(inputs, costs, SIZES)]
    return _runs([*rows, *experiments.consumers_around(inputs, costs)])


def load_table(inputs: Inputs, costs: Costs) -> str:
    """One book under more and more load, bound by its consumers and then by its lock."""
    return _runs([*experiments.under_load(inputs, costs, 1), *experiments.under_lock_load(inputs, costs)])


TABLES: Mapping[str, Callable[[Inputs, Costs], str]] = {
    "inputs": inputs_table,
    "costs": costs_table,
    "plan": plan_table,
    "rows": rows_table,
    "readings": readings_table,
    "limits": limits_table,
    "sizes": sizes_table,
    "load": load_table,
}


def number(value: float) -> str:
    """A number with as many digits as it deserves."""
    if value >= 1e15:
        return f"{value:.3g}"
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"


def size(value: float) -> str:
    """Bytes in decimal multiples."""
    for multiple, unit in _MULTIPLES:
        if value >= multiple:
            return f"{value / multiple:.3g} {unit}"
    return "0 B"


def micro(seconds: float) -> str:
    """Microseconds."""
    return number(seconds * 1e6)


def share(value: float) -> str:
    """A share in per cent; the smallest ones as such."""
    return (
        "< 0.1 %" if value < 0.001 else f"{value * 100:.2g} %" if value < 0.1 else f"{value:.0%}".replace("%", " %")
    )


def duration(seconds: float) -> str:
    """A time in the unit that a person would use."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7_200 else f"{seconds / 3_600:.3g} h"


_PLAN_ROWS: Sequence[tuple[str, Callable[[Plan], str]]] = (
    ("sessions a day", lambda each: number(each.sessions_day)),
    ("messages a day", lambda each: number(each.messages_day)),
    ("sessions ended a second, at the peak", lambda each: number(each.peak.sessions_s)),
    ("messages a second, at the peak", lambda each: number(each.peak.messages_s)),
    ("sessions open at the peak", lambda each: number(each.open_sessions)),
    ("disk a day", lambda each: size(each.bytes_day)),
    ("disk kept, without copies", lambda each: size(each.bytes_kept)),
    ("WAL a second, at the peak", lambda each: size(each.wal_bytes_s)),
    ("network a second: in, its copies, WAL to standbys", lambda each: size(each.network_bytes_s)),
    ("Kafka's disk, with copies", lambda each: size(each.kafka_bytes)),
    ("**books**", lambda each: f"**{number(each.books)}**"),
    ("PostgreSQL nodes", lambda each: number(each.nodes)),
    ("in each book: consumers for speed", lambda each: number(each.consumers)),
    ("– consumers that keep all open sessions warm", lambda each: number(each.warm_consumers)),
    ("– memory for all open sessions", lambda each: size(each.warm_bytes)),
    ("– partitions of `charging.sessions`", lambda each: number(each.partitions)),
    ("– a consumer is busy, at the peak", lambda each: share(each.consumer_share)),
    ("– the append lock is held", lambda each: share(each.lock_share)),
    ("– the clock is busy", lambda each: share(each.clock_share)),
    ("– the projector is busy", lambda each: share(each.projector_share)),
    ("– the relay is busy", lambda each: share(each.relay_share)),
    ("– payout runs of a day take", lambda each: duration(each.runs_s)),
    ("– an hour's outage at the peak is made up in", lambda each: duration(each.outage_s)),
    ("– a restore takes", lambda each: duration(each.restore_s)),
    ("entries in the largest operator's payout", lambda each: number(each.largest_payout_lines)),
)


def _runs(rows: Iterable[Row]) -> str:
    header = ("what", "consumers", "messages a second", "p50", "p99", "backlog at most", "lock held", "keeps up")
    return _table(header, [_run_cells(row) for row in rows], "l" + "r" * 6 + "l")


def _run_cells(row: Row) -> tuple[str, ...]:
    p50, p99 = row.latency_s
    return (
        row.title,
        str(row.consumers),
        number(row.messages_s),
        duration(p50),
        duration(p99),
        number(row.outcome.backlog_max),
        share(row.lock_share),
        "yes" if row.keeps_up else f"**no**: {number(row.outcome.left_at_end)} left over",
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], aligned: str) -> str:
    rule = ["---:" if each == "r" else "---" for each in aligned]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))
