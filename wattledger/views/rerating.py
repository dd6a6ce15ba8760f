"""What an order to rate anew would change, or has changed: one JSON document written as it comes, or tables."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from domain.money import format_minor
from engine.what_if import Amounts, Order, SessionIf, Totals
from engine.what_if_documents import (
    amounts_document,
    given_order_document,
    order_currency,
    order_document,
    session_if_document,
    totals_document,
)
from projections.documents.network_costs import margins_if_document
from wattledger.views.forms import print_csv
from wattledger.views.tables import print_table
from wattledger.views.terminal import print_json

if TYPE_CHECKING:
    from projections.network.margins_if import MarginsIf

# What another tariff does to margins, by what each session brings (`SessionIf.brings`).
Margins: TypeAlias = Callable[[Mapping[str, tuple[int, int, int, int]]], "MarginsIf"]

# More than anybody reads; --json lists all.
_LISTED_MAX = 50
_COLUMNS = ("session_id", "energy_wh", "gross", "share", "gross_under", "share_under", "difference", "refused")
_NEXT_STEPS = (
    "credit CDRs, new CDRs and payouts follow with the next clock: 'wattledger up', 'wattledger payouts run', or the "
    "next 'wattledger settle'"
)


def write_what_if(order: Order, sessions: Iterator[SessionIf], margins: Margins) -> None:
    """One document, written as it comes: of each session only what it brings is kept, for `margins`."""
    totals, currency, out = Totals(), order_currency(order), sys.stdout
    brings: dict[str, tuple[int, int, int, int]] = {}
    out.write('{\n  "order": ' + _json(order_document(order)) + ',\n  "sessions": [')
    separator = "\n    "
    for each in sessions:
        totals.add(each)
        if each.billed is not None:
            brings[each.session_id] = each.brings
            out.write(separator + _json(session_if_document(each, currency)))
            separator = ",\n    "
    out.write('\n  ],\n  "totals": ' + _json(totals_document(totals, currency)))
    out.write(',\n  "margins": ' + _json(margins_if_document(margins(brings), currency)) + "\n}\n")


def write_rows(order: Order, sessions: Iterator[SessionIf]) -> None:
    """Every session as CSV, a record each, written as it comes."""
    currency = order_currency(order)
    documents = (session_if_document(each, currency) for each in sessions if each.billed is not None)
    print_csv(("currency", *_COLUMNS), ([currency, *(row[name] for name in _COLUMNS)] for row in documents))


def _json(document: Any) -> str:
    return orjson.dumps(document).decode()


def show_what_if(order: Order, sessions: Iterator[SessionIf], margins: Margins) -> None:
    """The first sessions one by one, what all of them come to, and what is left after their costs."""
    totals, currency = Totals(), order_currency(order)
    brings: dict[str, tuple[int, int, int, int]] = {}
    rows: list[dict[str, Any]] = []
    for each in sessions:
        totals.add(each)
        if each.billed is not None:
            brings[each.session_id] = each.brings
            if len(rows) < _LISTED_MAX:
                rows.append(session_if_document(each, currency))
    data = order.data
    if not totals.sessions:
        sys.stdout.write(f"no session of {data['operator_id']} in this range is rated: nothing to compare\n")
        return
    taxes = "".join(f", {each['name']} {each['percent']} %" for each in data.get("taxes") or ())
    title = f"{data['operator_id']} by tariff {data['tariff']['id']}, {currency}{taxes}: from {data['started_from']}"
    cells = [[row[name] for name in _COLUMNS] for row in rows]
    print_table(
        f"{title} to before {data['started_before']}", _COLUMNS, cells, right=_COLUMNS[1:-1], prose=("refused",)
    )
    if totals.sessions > len(rows):
        sys.stdout.write(f"and {totals.sessions - len(rows)} sessions more; --json lists all\n")
    _print_totals("Totals", (("billed", totals.billed), ("by this tariff", totals.under)), currency)
    _print_counts(totals, currency)
    _print_margins(margins_if_document(margins(brings), currency))


def show_given(order: Order, before: Totals, after: Totals, *, json: bool) -> None:
    """What an order has changed that was given: `before` is what if, `after` how sessions stand since."""
    if json:
        print_json(given_order_document(order, before, after, _NEXT_STEPS))
        return
    currency = order_currency(order)
    title = f"Order {order.data['order_id']} of {order.data['ordered_at']}: {order.data['reason']}"
    _print_totals(title, (("before", before.billed), ("after", after.standing)), currency)
    _print_counts(before, currency)
    sys.stdout.write(f"{before.changed} sessions were rated anew; {_NEXT_STEPS}\n")


def _print_margins(found: Mapping[str, Any]) -> None:
    """Margins and times to cash; what is not known is said so."""
    times = found["days_to_cash"]
    without = f"{found['without_margin']} {' '.join(found['missing'])}".strip()
    rows: list[tuple[str, Any]] = [
        (f"gross margin, {found['currency']}", found["margin"]),
        ("by this tariff", found["margin_under"]),
        ("sessions without a margin, and what is missing", without),
        ("from plug-out to the bank, median in seconds", times["median_s"]),
        ("by this tariff", times["median_s_under"]),
    ]
    print_table("With use held constant", ("what", "value"), rows, right=("value",), prose=("what",))


def _print_totals(title: str, lines: Iterable[tuple[str, Amounts]], currency: str) -> None:
    rows = [[name, *amounts_document(amounts, currency).values()] for name, amounts in lines]
    names = ("", "net", "gross", "operator share", "commission", "its VAT")
    print_table(title, names, rows, right=names[1:])


def _print_counts(totals: Totals, currency: str) -> None:
    rows: list[tuple[str, Any]] = [
        ("sessions rated", totals.sessions),
        ("CDRs by this tariff", totals.sessions - totals.refused.total()),
        ("sessions that an order would change", totals.changed),
        ("credit CDRs, new CDRs it would issue", f"{totals.credits}, {totals.cdrs}"),
        ("refunds it would make due", format_minor(totals.due - totals.due_before, currency)),
        (
            "falls short by it, since captured payments cannot be raised",
            format_minor(totals.short - totals.short_before, currency),
        ),
    ]
    rows += [(f"would be refused: {reason}", count) for reason, count in sorted(totals.refused.items())]
    rows += [(f"not rated, left out: {reason}", count) for reason, count in sorted(totals.left_out.items())]
    print_table("Counts", ("what", "value"), rows, right=("value",), prose=("what",))
