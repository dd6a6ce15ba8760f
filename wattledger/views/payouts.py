"""Payouts as part of a page: the latest ones, those that had trouble, and how many there are."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from domain.money import format_minor
from projections.queries import PayoutRow
from wattledger.views.pages import cells, titled_table

_LATEST = 3
_COLUMNS = ("operator", "business_date", "attempt", "amount", "currency", "entries", "status", "reason")
_TITLE = "Payouts: the latest of each operator, and those that had trouble"


def payouts_part(rows: Sequence[PayoutRow], name_of: Mapping[str, str]) -> Group:
    """The latest payouts of each operator, all that did not simply arrive, and how many there are in all."""
    latest = {row.payout_id for operator in {row.operator_id for row in rows} for row in _last(rows, operator)}
    troubled = {row.payout_id for row in rows if row.status in ("FAILED", "RETURNED") or row.reissue_of}
    table = titled_table(_TITLE, *_COLUMNS, right=("amount", "entries"))
    for row in rows:
        if row.payout_id in latest | troubled:
            _add(table, row, name_of.get(row.operator_id, row.operator_id))
    by_status = Counter(row.status for row in rows)
    counted = ", ".join(f"{count} {status}" for status, count in sorted(by_status.items()))
    return Group(table, Text(f"{len(rows)} payouts in all: {counted or 'none'}", style="dim"))


def _last(rows: Sequence[PayoutRow], operator_id: str) -> list[PayoutRow]:
    return [row for row in rows if row.operator_id == operator_id][-_LATEST:]


def _add(table: Table, row: PayoutRow, operator: str) -> None:
    told = (
        operator,
        row.business_date.isoformat(),
        str(row.attempt),
        format_minor(row.amount, row.currency),
        row.currency,
        str(row.entries),
        row.status,
        row.reason or "",
    )
    table.add_row(*cells(*told))
