"""Periods as JSON: where one stands, its report account by account, and the list of what was closed."""

from collections.abc import Iterable, Sequence
from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor
from ledger.book.periods import Turn
from projections.periods import AccountReport, LateLine, PeriodStatus

LISTED = ("period", "kind", "version", "zone", "at", "statement_hash")
REPORTED = ("account", "currency", "issued", "late", "restated")
CHECKED = ("name", "state", "figure")


def status_document(status: PeriodStatus) -> dict[str, Any]:
    """Where a period stands, with its checklist while it is open."""
    bounds = status.bounds
    return {
        "period": bounds.period,
        "state": status.state,
        "version": status.version,
        "zone": bounds.zone,
        "from": utc_text(bounds.starts_at),
        "until": utc_text(bounds.ends_at),
        "statement_hash": status.statement_hash or None,
        "checklist": [
            {"name": each.name, "state": each.state.value, "figure": each.figure} for each in status.checklist
        ],
    }


def turn_document(turn: Turn) -> dict[str, Any]:
    """A close or a reopening."""
    return {
        "period": turn.period,
        "kind": turn.kind,
        "version": turn.version,
        "zone": turn.zone,
        "at": utc_text(turn.at),
        "statement_hash": turn.statement_hash,
    }


def restated_document(turn: Turn, accounts: Iterable[AccountReport]) -> dict[str, Any]:
    """A closed period as it is known now: of each account issued, the late lines, and restated."""
    return {
        "period": turn.period,
        "version": turn.version,
        "statement_hash": turn.statement_hash,
        "accounts": [
            {**report_row(each), "late": [_late(line) for line in each.late]}
            for each in accounts
            if each.issued or each.restated or each.late
        ],
    }


def report_row(report: AccountReport) -> dict[str, Any]:
    """An account of a period in a line: issued, what came late together, and restated."""
    currency = report.currency
    amounts = {
        "issued": report.issued,
        "late": sum(line.amount for line in report.late),
        "restated": report.restated,
    }
    return {"account": report.account, "currency": currency} | {
        name: format_minor(amount, currency) for name, amount in amounts.items()
    }


def report_rows(accounts: Sequence[AccountReport]) -> list[dict[str, Any]]:
    """The accounts of a period in lines, without those that are nothing."""
    return [report_row(each) for each in accounts if each.issued or each.restated or each.late]


def _late(line: LateLine) -> dict[str, Any]:
    return {
        "entry_id": str(line.entry_id),
        "kind": line.kind,
        "effective_at": utc_text(line.effective_at),
        "cause": str(line.cause),
        "booked_in": line.booked_in,
        "amount": format_minor(line.amount, line.currency),
    }
