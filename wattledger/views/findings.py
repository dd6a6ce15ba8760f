"""Findings as pages for people who look after the money: one table a kind, with its sums and what cures it."""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from wattledger.views.forms import print_csv
from wattledger.views.tables import print_table

_DAY_CHARS = 10
_COLUMNS = ("subject", "operator", "amount", "currency", "since", "days", "what")


def write_findings(findings: Sequence[Mapping[str, Any]]) -> None:
    """Findings as CSV, a record each, all that a document says of it."""
    rows = ([*_row(each), each["account"], each["cure"]] for each in findings)
    names = ("kind", *_COLUMNS, "account", "cure")
    print_csv(names, ([each["kind"], *row] for each, row in zip(findings, rows, strict=True)))


def show_findings(findings: Sequence[Mapping[str, Any]]) -> None:
    """Findings by kind, each as `finding_document` gives it; within a kind those with the most money come first."""
    if not findings:
        sys.stdout.write("Findings: none\n")
    for kind, of_kind in groupby(findings, key=lambda each: each["kind"]):
        rows = sorted(of_kind, key=lambda each: (-abs(_amount(each)), each["since"] or ""))
        print_table(_title(kind, rows), _COLUMNS, [*map(_row, rows)], ("amount", "days"), prose=("what",))
        sys.stdout.write(f"{rows[0]['cure']}\n\n")


def _title(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for each in rows:
        if each["amount"]:
            sums[each["amount"]["currency"]] += _amount(each)
    in_all = ", ".join(f"{total} {currency}" for currency, total in sorted(sums.items()))
    return f"{kind}: {len(rows)}{f', in all {in_all}' if in_all else ''}"


def _amount(finding: Mapping[str, Any]) -> Decimal:
    return Decimal(finding["amount"]["amount"]) if finding["amount"] else Decimal(0)


def _row(finding: Mapping[str, Any]) -> tuple[Any, ...]:
    amount = finding["amount"] or {"amount": None, "currency": None}
    since = finding["since"]
    return (
        finding["subject"],
        finding["operator_id"],
        amount["amount"],
        amount["currency"],
        since[:_DAY_CHARS] if since else None,
        finding["age_days"],
        finding["sentence"],
    )
