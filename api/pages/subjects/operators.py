"""Operators: all of them, and of one what it is owed, on which terms, and what its figures are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from api.access.roles import Right
from api.call import tag_of
from api.pages import charts
from api.pages.decisions import sees_decisions, why_not_matter
from api.pages.expected import expected_charts
from api.pages.figures import FIGURES, PLACES, parts_of
from api.pages.operator_terms import terms_of, versions_table
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.statement_rows import LATEST, statements_table
from api.pages.table import Column, Row, Sum, Table
from api.pages.view import View
from api.problems import not_found
from api.v1.operator_actions import CONFIRMED, PROPOSED
from api.v1.operators import one_operator
from domain.money import format_minor
from projections.as_of import AsOf
from projections.balances_at import operator_balances_at
from projections.decisions import TAKEN, decisions_of_operator
from projections.documents.forecast import expected_document
from projections.documents.operator_lines import next_run_document
from projections.documents.operators import operator_document
from projections.forecast import expected_days
from projections.issued_statements import IssuedStatement, issued_of_operator
from projections.operator_figures import Payout, Unpaid, latest_payouts, unpaid
from projections.operator_lines import Desk, desk
from projections.operators import OperatorTerms, operator, operators, zone_name
from projections.payee_checks import OptOut, bulk_opt_out
from projections.queries import OperatorBalance, operator_balances
from projections.reading import Snapshot


@page("/operators", Right.MONEY, listed="/v1/operators")
async def all_operators(call: PageCall) -> Response:
    """Operators by id, with the terms in effect now."""
    wanted = call.page

    def ask(snapshot: Snapshot) -> tuple[list[Mapping[str, Any]], str | None]:
        after = wanted.keys(str)
        found = operators(snapshot.cursor, wanted.limit + 1, after[0] if after else None)
        shown = found[: wanted.limit]
        cursor = wanted.cursor(shown[-1].operator_id) if found[wanted.limit :] else None
        return [operator_document(each) for each in shown], cursor

    def present(view: View, found: tuple[list[Mapping[str, Any]], str | None]) -> Response:
        return render("operators.html", view, table=_table(view, *found))

    return await call.show(ask, present)


def _table(view: View, found: list[Mapping[str, Any]], cursor: str | None) -> Table:
    rows = [
        {
            **each,
            "percent": each["commission"].get("percent"),
            "per_session": each["commission"].get("per_session"),
            "delay": each["payout"]["delay_days"],
            "release": each["fund_release"].replace("_", " ").lower(),
            "state": "HELD" if each["held"]["held"] else None,
        }
        for each in found
    ]
    columns = [
        Column("name", "Operator", href=lambda row: _href(view, row)),
        Column("operator_id", "Id", "id"),
        Column("country_code", "Country"),
        Column("currency", "Currency"),
        Column("percent", "Commission", "number", unit="%"),
        Column("per_session", "A session", "amount"),
        Column("release", "Funds are released"),
        Column("delay", "Delay", "number", unit="days"),
        Column("time_zone", "Days are of"),
        Column("state", "Payouts", "badge"),
    ]
    return Table(
        columns,
        rows,
        "Terms in effect now. Each name opens what the operator is owed, and why.",
        kind="operator",
        key="operator_id",
        empty="No operator is registered yet.",
        exports=view.exports("/v1/operators"),
        pages=view.pages(cursor),
    )


def _href(view: View, row: Row) -> str:
    return view.link("/operators", row["operator_id"])


@dataclass(frozen=True, slots=True)
class Found:
    """An operator with its balances."""

    terms: OperatorTerms
    document: Mapping[str, Any]
    balances: Sequence[OperatorBalance]
    payouts: Sequence[Payout]
    desk: Desk
    unpaid: Sequence[Unpaid]
    account: "_Account | None"
    opted_out: OptOut | None
    statements: Sequence[IssuedStatement] = ()
    expected: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class _Account:
    """Who proposed another account of an operator last, and when; `why_not` is why who reads may not confirm it."""

    by: str
    at: datetime
    confirmed_by: str | None
    why_not: str | None


# The latest ones are looked at; the list has all.
_PAYOUTS_SHOWN = 8


@page("/operators/{operator_id}", Right.MONEY, "currency", as_of=True)
async def operator_page(call: PageCall) -> Response:
    """What an operator is owed, by place, on both axes; the terms in effect; where its statement is."""
    currency = call.query.get("currency")

    def ask(snapshot: Snapshot) -> Found:
        terms = known_operator(snapshot, call.path["operator_id"])
        balances = _balances(call, snapshot, terms.operator_id)
        shown = [each for each in balances if currency in (None, each.currency)]
        payouts = latest_payouts(snapshot.cursor, terms.operator_id, _PAYOUTS_SHOWN)
        next_run = desk_of(snapshot, terms.operator_id)
        waiting = unpaid(snapshot.cursor, terms.operator_id, next_run.next_date)
        waiting = [each for each in waiting if currency in (None, each.currency)]
        is_told = sees_decisions(call.principal)
        account = _account_change(call, snapshot, terms.operator_id) if is_told else None
        opted_out = bulk_opt_out(snapshot.cursor) if is_told else None
        issued = issued_of_operator(snapshot.cursor, terms.operator_id, limit=LATEST)
        to_come = [] if _is_as_of(call) else expected_days(snapshot.cursor, terms.operator_id)
        expected = [expected_document(each) for each in to_come if currency in (None, each.currency)]
        document = one_operator(snapshot, terms)
        return Found(terms, document, shown, payouts, next_run, waiting, account, opted_out, issued, expected)

    def present(view: View, found: Found) -> Response:
        document = found.document
        rows = [_balance_row(view, each) for each in found.balances]
        return render(
            "operator.html",
            view,
            operator=document,
            table=_balances_table(view, rows),
            places=[charts.Part(label, _shade(name), Decimal(0)) for name, label in PLACES.items()],
            next_runs=_next_runs(view, found),
            payouts=_payouts_table(view, found.payouts, document["operator_id"]),
            statements=_statements_table(view, found.statements, document["operator_id"]),
            owed=rows[0] if len(rows) == 1 else None,
            currencies=sorted({each["currency"] for each in rows} | {document["currency"]}),
            terms=terms_of(view, document, found.opted_out),
            versions=versions_table(document["versions"]),
            expected=expected_charts(view, found.expected),
            tag=tag_of(document),
            account=found.account,
            may_propose=view.may(Right.PROPOSE) and not view.is_as_of,
            may_confirm=view.may(Right.DECIDE) and not view.is_as_of,
        )

    return await call.show(ask, present, lambda found: zone_name(found.terms))


def _account_change(call: PageCall, snapshot: Snapshot, operator_id: str) -> _Account | None:
    found = decisions_of_operator(snapshot.cursor, operator_id, (PROPOSED, CONFIRMED))
    taken = [each for each in found if each.state == TAKEN]
    proposed = next((each for each in reversed(taken) if each.type == PROPOSED), None)
    if proposed is None:
        return None
    confirmed = next((each for each in taken if each.type == CONFIRMED and each.acts_at > proposed.acts_at), None)
    why_not = why_not_matter(call.principal, proposed.decided_by)
    return _Account(proposed.decided_by, proposed.acts_at, confirmed.decided_by if confirmed else None, why_not)


def known_operator(snapshot: Snapshot, operator_id: str) -> OperatorTerms:
    """An operator that who asks may see; raises Problem 404."""
    found = operator(snapshot.cursor, operator_id)
    if found is None:
        raise not_found("operator", operator_id)
    return found


def asked_of(call: PageCall, snapshot: Snapshot) -> AsOf:
    """Both axes of a page with the position at which its snapshot answers."""
    return AsOf(call.as_of.effective_at, call.as_of.known_at, snapshot.known)


def _is_as_of(call: PageCall) -> bool:
    return call.as_of.effective_at is not None or call.as_of.known_at is not None


def _balances(call: PageCall, snapshot: Snapshot, operator_id: str) -> Sequence[OperatorBalance]:
    if not _is_as_of(call):
        return operator_balances(snapshot.cursor, operator_id)
    return operator_balances_at(snapshot.cursor, asked_of(call, snapshot), operator_id)


def _balance_row(view: View, balance: OperatorBalance) -> dict[str, Any]:
    currency = balance.currency
    amounts = {name: format_minor(getattr(balance, name), currency) for name in (*PLACES, "paid_out")}
    owed = format_minor(sum(getattr(balance, name) for name in PLACES), currency)
    parts = [charts.Part(label, _shade(name), Decimal(amounts[name])) for name, label in PLACES.items()]
    place = charts.split(parts, view.reader)
    return {"operator_id": balance.operator_id, "currency": currency, **amounts, "owed": owed, "place": place}


def _shade(place: str) -> str:
    return place.replace("_", "-")


def _balances_table(view: View, rows: Sequence[Row]) -> Table:
    def figure(name: str) -> Column:
        return Column(
            name, FIGURES[name], "amount", lambda row: parts_of(view, row["operator_id"], row["currency"], name)
        )

    columns = [
        Column("currency", "Currency", href=lambda row: view.here(currency=row["currency"])),
        *map(figure, FIGURES),
        Column("place", "Owed, by place", "html"),
    ]
    caption = f"Owed = {' + '.join(PLACES.values()).lower()}. Every figure opens what it is the sum of."
    empty = "Nothing was ever posted to this operator by then."
    return Table(columns, rows, caption, kind="balance", key="currency", empty=empty)


def desk_of(snapshot: Snapshot, operator_id: str) -> Desk:
    """What is known of the next run of an operator that there is."""
    found = desk(snapshot.cursor, operator_id)
    if found is None:
        raise not_found("operator", operator_id)
    return found


# What each state of a line is called, to somebody who asks what will be paid and what not.
STATES = {
    "PAYABLE": "Due",
    "MATURING": "Available later",
    "UNRELEASED": "Not released yet",
    "SET_ASIDE": "Set aside for payouts that wait for approval",
}


def _next_runs(view: View, found: Found) -> list[tuple[Mapping[str, Any] | None, Table]]:
    """For each currency what the next run does, and what it is made of: what it pays and what it does not."""
    parts: list[tuple[Mapping[str, Any] | None, Table]] = []
    for currency in dict.fromkeys(each.currency for each in found.unpaid):
        run = found.desk.runs.get(currency)
        rows = [_unpaid_row(view, found, each) for each in found.unpaid if each.currency == currency]
        total = sum(each.amount for each in found.unpaid if each.currency == currency)
        document = next_run_document(found.desk, run) if run else None
        parts.append((document, _next_run_table(view, currency, rows, format_minor(total, currency))))
    return parts


def _unpaid_row(view: View, found: Found, each: Unpaid) -> dict[str, Any]:
    return {
        "operator_id": found.terms.operator_id,
        "state": each.state,
        "what": STATES[each.state],
        "entries": each.lines,
        "sessions": each.sessions,
        "amount": format_minor(each.amount, each.currency),
        "currency": each.currency,
        "comes": _comes_with(view, found, each),
    }


def _comes_with(view: View, found: Found, each: Unpaid) -> str:
    if each.state == "PAYABLE":
        run = found.desk.runs.get(each.currency)
        return "a later run" if run is None or run.reason else "the next run"
    if each.available_on is not None:
        return f"the run of {view.reader.date_text(each.available_on)}, or later"
    return "its approval" if each.state == "SET_ASIDE" else "a run after its release"


def _next_run_table(view: View, currency: str, rows: Sequence[Row], total: str) -> Table:
    def lines(row: Row) -> str:
        return view.link("/operators", row["operator_id"], "lines", state=row["state"], currency=row["currency"])

    columns = [
        Column("what", "What"),
        Column("entries", "Entries", "number"),
        Column("sessions", "Sessions", "number"),
        Column("amount", currency, "amount", lines),
        Column("comes", "Comes with"),
    ]
    sums = [Sum("Pending and available, all", {"amount": total}, currency)]
    return Table(columns, rows, f"What is owed and not paid, {currency}", section="next", sums=sums)


def _payouts_table(view: View, found: Sequence[Payout], operator_id: str) -> Table:
    rows = [{**each._asdict(), "amount": format_minor(each.amount, each.currency)} for each in found]
    columns = [
        Column("business_date", "Business date", "date", lambda row: view.link(f"/payouts/{row['payout_id']}")),
        Column("amount", "Amount", "money"),
        Column("attempt", "Attempt", "number"),
        Column("status", "Status", "badge"),
    ]
    return Table(
        columns,
        rows,
        "As they stand now",
        kind="payout",
        key="payout_id",
        empty="None was made yet.",
        exports={"All of them": view.link("/payouts", operator_id=operator_id)},
    )


def _statements_table(view: View, found: Sequence[IssuedStatement], operator_id: str) -> Table:
    exports = {"All of them": view.link("/operators", operator_id, "statements")}
    return statements_table(view, found, "The latest ones, as they were issued", exports)


ROUTES = (all_operators, operator_page)
