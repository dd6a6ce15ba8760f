"""What a message, a session, a batch and a run cost: lines through measured loads, kept in a file beside this one."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.simulation.measuring import BATCH_LARGE, BATCH_SMALL, LOADS, MESSAGES_FEW, MESSAGES_MANY, Load

COSTS_FILE = Path(__file__).with_name("costs.json")
# Operators of the measured loads: each has one run.
_OPERATORS = 10
# Rows of the outbox leave with the relay, and some tables hold a row for each operator or partition, not session.
_NOT_KEPT = "intake.outbox"
_ROWS_PER_SESSION_MIN = 0.1


@dataclass(frozen=True, slots=True)
class TableCost:
    """Rows, bytes and bytes of its indexes that a session adds to a table, and that each of its messages adds."""

    name: str
    rows_session: float
    rows_message: float
    heap_session: float
    heap_message: float
    index_session: float
    index_message: float

    def rows(self, messages: float) -> float:
        """Rows of a session with so many messages."""
        return self.rows_session + messages * self.rows_message

    def heap_bytes(self, messages: float) -> float:
        """Bytes of the rows of a session with so many messages."""
        return self.heap_session + messages * self.heap_message

    def index_bytes(self, messages: float) -> float:
        """Bytes of a session with so many messages in the table's indexes."""
        return self.index_session + messages * self.index_message


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds and bytes; those under `_locked_s` are spent with the append lock held, and are part of the whole.

    A batch costs `batch_s + messages * message_s + sessions * session_s`; all of a session's work beyond its messages
    is put on its end. Raises ValueError for a negative cost, which a disturbed measurement can give.
    """

    batch_s: float
    message_s: float
    session_s: float
    message_locked_s: float
    session_locked_s: float
    clock_session_s: float
    clock_session_locked_s: float
    projected_session_s: float
    projected_message_s: float
    run_operator_s: float
    run_line_s: float
    message_bytes: float
    wal_bytes_session: float
    wal_bytes_message: float
    tables: tuple[TableCost, ...]

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name != "tables" and value < 0:
                raise ValueError(f"{each.name} is {value}: measure again while nothing else is running")


def measured_costs(path: Path = COSTS_FILE) -> Costs:
    """The costs as last measured and written down."""
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    tables = tuple(TableCost(**table) for table in document.pop("tables"))
    return Costs(**document, tables=tables)


def write_costs(costs: Costs, path: Path = COSTS_FILE) -> None:
    """Keep costs for `measured_costs`, to four digits."""
    document = asdict(costs)
    document["tables"] = [{name: _short(value) for name, value in table.items()} for table in document["tables"]]
    rounded = {name: _short(value) for name, value in document.items()}
    path.write_text(json.dumps(rounded, indent=2) + "\n", "utf-8")


def costs_of(loads: Sequence[Load]) -> Costs:
    """Lines through few and many readings, and through large and small batches."""
    found = dict(zip(LOADS, loads, strict=True))
    few, many = found[MESSAGES_FEW, BATCH_LARGE], found[MESSAGES_MANY, BATCH_LARGE]
    small = found[MESSAGES_FEW, BATCH_SMALL]
    more_batches = small.messages / BATCH_SMALL - few.messages / BATCH_LARGE
    batch_s = max(0.0, small.intake_s - few.intake_s) / more_batches

    def line(value: Callable[[Load], float]) -> tuple[float, float]:
        """What a session and a message add: the value of one session at no messages, and its slope."""
        low, high = value(few) / few.sessions, value(many) / many.sessions
        slope = max(0.0, high - low) / (MESSAGES_MANY - MESSAGES_FEW)
        return max(0.0, low - MESSAGES_FEW * slope), slope

    session_s, message_s = line(lambda each: each.intake_s - batch_s * each.messages / BATCH_LARGE)
    session_locked_s, message_locked_s = line(lambda each: each.intake_locked_s)
    projected_session_s, projected_message_s = line(lambda each: each.projections_s)
    wal_bytes_session, wal_bytes_message = line(lambda each: each.wal_bytes)
    return Costs(
        batch_s=batch_s,
        message_s=message_s,
        session_s=session_s,
        message_locked_s=message_locked_s,
        session_locked_s=session_locked_s,
        clock_session_s=max(few.sessions_s, many.sessions_s) / few.sessions,
        clock_session_locked_s=max(few.clock_locked_s, many.clock_locked_s) / few.sessions,
        projected_session_s=projected_session_s,
        projected_message_s=projected_message_s,
        run_operator_s=few.empty_runs_s / _OPERATORS,
        run_line_s=max(0.0, few.runs_s - few.empty_runs_s) / max(1, few.lines_paid),
        message_bytes=few.message_bytes,
        wal_bytes_session=wal_bytes_session,
        wal_bytes_message=wal_bytes_message,
        tables=tuple(_table_cost(name, line) for name in _kept_tables(few)),
    )


def _kept_tables(few: Load) -> list[str]:
    return [
        table.name
        for table in few.tables
        if table.name != _NOT_KEPT and table.rows >= _ROWS_PER_SESSION_MIN * few.sessions
    ]


def _table_cost(name: str, line: Callable[[Callable[[Load], float]], tuple[float, float]]) -> TableCost:
    rows = line(lambda each: each.table(name).rows)
    heap = line(lambda each: each.table(name).heap_bytes)
    index = line(lambda each: each.table(name).index_bytes)
    return TableCost(name, *rows, *heap, *index)


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
