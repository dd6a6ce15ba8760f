"""`wattledger rerate`: what sessions would have earned by another tariff, and the order to rate them so."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from wattledger.commands.common import show_rows, tell_faults, the_store
from wattledger.views.terminal import print_json, print_table, progress_report

if TYPE_CHECKING:
    from engine.what_if import Amounts, Order, SessionIf, Totals
    from wattledger.rerating import GivenOrder, Wish

# More than anybody reads; --json lists all.
_LISTED_MAX = 50
_COLUMNS = ("session_id", "energy_wh", "gross", "share", "gross_under", "share_under", "difference", "refused")
NEXT_STEPS = (
    "credit CDRs, new CDRs and payouts follow with the next clock: 'wattledger up', 'wattledger payouts run', or the "
    "next 'wattledger settle'"
)


def rerate(data_dir: Path | None, wish: "Wish", *, apply: bool, json: bool, debug: bool) -> None:
    """Show what the tariff would have earned or, with `apply`, order it and show what that changed."""
    if apply:
        _apply(data_dir, wish, json=json, debug=debug)
    else:
        _ask(data_dir, wish, json=json, debug=debug)


def tariff_orders(data_dir: Path | None, operator: str | None, *, json: bool, debug: bool) -> None:
    """`wattledger tariff orders`: what was ordered, and what of it cannot be followed."""
    from wattledger.rerating import given_orders

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = given_orders(store.dsn, operator)
    rows = [_given_row(each) for each in found]
    if not json:
        names = ("operator_id", "tariff_id", "sessions_of_tariff", "reason", "remark")
        rows = [
            {"order": row["order_id"][:8], "of": row["ordered_at"][:16]}
            | {"sessions started": f"{row['started_from'][:16]} to {row['started_before'][:16]}"}
            | {name: row[name] for name in names}
            for row in rows
        ]
    show_rows("Orders to rate anew", rows, (), json=json)


def _given_row(given: "GivenOrder") -> dict[str, Any]:
    from domain.calendar import utc_text

    order = given.order
    return {
        "order_id": order.order_id,
        "operator_id": given.operator_id,
        "ordered_at": utc_text(order.at),
        "started_from": utc_text(order.started_from),
        "started_before": utc_text(order.started_before),
        "sessions_of_tariff": order.sessions_of_tariff,
        "tariff_id": order.published.tariff_id,
        "hash": order.published.hash,
        "reason": order.reason,
        "remark": given.remark or None,
    }


def _ask(data_dir: Path | None, wish: "Wish", *, json: bool, debug: bool) -> None:
    from engine.what_if import what_if
    from wattledger.rerating import order_of

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        order = order_of(store, wish)
        # Closed at once, also when nobody reads the output to its end: a transaction is open while it is read.
        with closing(what_if(store.dsn, order)) as sessions:
            if json:
                _print_as_json(order, sessions)
            else:
                _print_for_people(order, sessions)


def _apply(data_dir: Path | None, wish: "Wish", *, json: bool, debug: bool) -> None:
    from engine.what_if import standing, what_if
    from wattledger.crew import Crew
    from wattledger.rerating import catch_up, give, order_of

    with the_store(data_dir, debug=debug) as store, progress_report() as progress, Crew(store) as crew:
        # First what waits to be taken in: the sessions before and after are to differ by the order only.
        catch_up(store, crew, progress)
        order = order_of(store, wish)
        before = _totals(what_if(store.dsn, order))
        give(store, crew, order, progress)
        after = _totals(standing(store.dsn, order))
        status = tell_faults(store)
        _show_applied(order, before, after, json=json)
    if status:
        sys.exit(status)


def _totals(sessions: Iterable["SessionIf"]) -> "Totals":
    from engine.what_if import Totals

    totals = Totals()
    for each in sessions:
        totals.add(each)
    return totals


# As JSON -------------------------------------------------------------------------------------------------------


def _print_as_json(order: "Order", sessions: Iterator["SessionIf"]) -> None:
    """One document, written as it comes: however many sessions there are, none is kept."""
    from engine.what_if import Totals

    totals, currency, out = Totals(), _currency(order), sys.stdout
    out.write('{\n  "order": ' + _json(_order_document(order)) + ',\n  "sessions": [')
    separator = "\n    "
    for each in sessions:
        totals.add(each)
        if each.billed is not None:
            out.write(separator + _json(_row(each, currency)))
            separator = ",\n    "
    out.write('\n  ],\n  "totals": ' + _json(_totals_document(totals, currency)) + "\n}\n")


def _json(document: Any) -> str:
    return orjson.dumps(document).decode()


def _currency(order: "Order") -> str:
    return str(order.data["tariff"]["currency"])


def _order_document(order: "Order") -> dict[str, Any]:
    names = ("operator_id", "ordered_at", "started_from", "started_before", "sessions_of_tariff")
    document = {name: order.data.get(name) for name in names}
    taxes = [{name: each[name] for name in ("name", "percent")} for each in order.data.get("taxes") or ()]
    return document | {"tariff_id": order.data["tariff"]["id"], "currency": _currency(order), "taxes": taxes}


def _row(each: "SessionIf", currency: str) -> dict[str, Any]:
    """What a session was billed and what it would have been, as decimal texts; nulls where it would be refused."""
    from domain.money import format_minor

    billed, under = each.billed, each.under
    if billed is None:
        raise ValueError(f"session {each.session_id} is not rated")
    money: dict[str, int | None] = {"gross": billed.gross, "share": billed.share}
    money |= {"gross_under": under.gross if under else None, "share_under": under.share if under else None}
    money["difference"] = (under.gross if under else 0) - billed.gross
    money |= {"shortfall": each.shortfall, "refund_due": each.refund_due}
    texts = {name: None if amount is None else format_minor(amount, currency) for name, amount in money.items()}
    return {"session_id": each.session_id, "energy_wh": each.energy_wh} | texts | {"refused": each.reason or None}


def _totals_document(totals: "Totals", currency: str) -> dict[str, Any]:
    from domain.money import format_minor

    return {
        "currency": currency,
        "sessions": totals.sessions,
        "sessions_changed": totals.changed,
        "billed": _amounts_document(totals.billed, currency),
        "under": _amounts_document(totals.under, currency),
        "by_an_order": _amounts_document(totals.standing, currency),
        "shortfall": format_minor(totals.short - totals.short_before, currency),
        "refunds_due": format_minor(totals.due - totals.due_before, currency),
        "cdrs": totals.sessions,
        "cdrs_under": totals.sessions - totals.refused.total(),
        "credit_cdrs_to_issue": totals.credits,
        "cdrs_to_issue": totals.cdrs,
        "refused": dict(sorted(totals.refused.items())),
        "not_rated": dict(sorted(totals.left_out.items())),
    }


def _amounts_document(amounts: "Amounts", currency: str) -> dict[str, str]:
    from domain.money import format_minor

    return {each.name: format_minor(getattr(amounts, each.name), currency) for each in fields(amounts)}


# For people ----------------------------------------------------------------------------------------------------


def _print_for_people(order: "Order", sessions: Iterator["SessionIf"]) -> None:
    from engine.what_if import Totals

    totals, currency = Totals(), _currency(order)
    rows: list[dict[str, Any]] = []
    for each in sessions:
        totals.add(each)
        if each.billed is not None and len(rows) < _LISTED_MAX:
            rows.append(_row(each, currency))
    data = order.data
    if not totals.sessions:
        sys.stdout.write(f"no session of {data['operator_id']} in this range is rated: nothing to compare\n")
        return
    taxes = "".join(f", {each['name']} {each['percent']} %" for each in data.get("taxes") or ())
    title = f"{data['operator_id']} by tariff {data['tariff']['id']}, {currency}{taxes}: from {data['started_from']}"
    cells = [[row[name] for name in _COLUMNS] for row in rows]
    print_table(f"{title} to before {data['started_before']}", _COLUMNS, cells, right=_COLUMNS[1:-1])
    if totals.sessions > len(rows):
        sys.stdout.write(f"and {totals.sessions - len(rows)} sessions more; --json lists all\n")
    _print_totals("Totals", (("billed", totals.billed), ("by this tariff", totals.under)), currency)
    _print_counts(totals, currency)


def _print_totals(title: str, lines: Iterable[tuple[str, "Amounts"]], currency: str) -> None:
    rows = [[name, *_amounts_document(amounts, currency).values()] for name, amounts in lines]
    names = ("", "net", "gross", "operator share", "commission", "its VAT")
    print_table(title, names, rows, right=names[1:])


def _print_counts(totals: "Totals", currency: str) -> None:
    from domain.money import format_minor

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
    print_table("Counts", ("what", "value"), rows, right=("value",))


def _show_applied(order: "Order", before: "Totals", after: "Totals", *, json: bool) -> None:
    from domain.money import format_minor

    currency = _currency(order)
    if json:
        print_json(
            {
                "order": {"order_id": order.data["order_id"], "reason": order.data["reason"]}
                | _order_document(order),
                "sessions_re_rated": before.changed,
                "before": _amounts_document(before.billed, currency),
                "after": _amounts_document(after.standing, currency),
                "refunds_due": format_minor(after.due - before.due_before, currency),
                "shortfall": format_minor(after.short - before.short_before, currency),
                "credit_cdrs_to_issue": before.credits,
                "cdrs_to_issue": before.cdrs,
                "refused": dict(sorted(before.refused.items())),
                "next": NEXT_STEPS,
            }
        )
        return
    title = f"Order {order.data['order_id']} of {order.data['ordered_at']}: {order.data['reason']}"
    _print_totals(title, (("before", before.billed), ("after", after.standing)), currency)
    _print_counts(before, currency)
    sys.stdout.write(f"{before.changed} sessions were rated anew; {NEXT_STEPS}\n")
