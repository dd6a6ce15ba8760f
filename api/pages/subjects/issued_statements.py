"""Statements that were issued to an operator, and one of them: as issued, and what its month would say now."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.statement_rows import statements_table
from api.pages.subjects.operators import known_operator
from api.pages.table import Check, Column, Sum, Table
from api.pages.view import View
from api.problems import not_found
from api.v1.statements import first_day
from domain.book.words import meaning_of
from domain.money import format_minor
from projections.issued_statements import (
    IssuedStatement,
    Restatement,
    issued_of_operator,
    issued_statement,
    restatement,
)
from projections.operators import OperatorTerms, zone_name
from projections.reading import Snapshot
from projections.statements import TooManyLines

# More lines that came to be known since are no page any more: the API has them.
_LINES_MAX = 200


@page(
    "/operators/{operator_id}/statements", Right.MONEY, "currency", "month",
    listed="/v1/operators/{operator_id}/statements",
)  # fmt: skip
async def statements(call: PageCall) -> Response:
    """Each as it was issued, newest first."""
    part, month = call.page, first_day(call.query.get("month"))
    keys = part.keys(int)

    def ask(snapshot: Snapshot) -> tuple[OperatorTerms, list[IssuedStatement]]:
        terms = known_operator(snapshot, call.path["operator_id"])
        found = issued_of_operator(
            snapshot.cursor, terms.operator_id, limit=part.limit + 1, before=keys[0] if keys else None,
            currency=call.query.get("currency"), month=month,
        )  # fmt: skip
        return terms, found

    def present(view: View, found: tuple[OperatorTerms, list[IssuedStatement]]) -> Response:
        terms, rows = found
        shown = rows[: part.limit]
        following = part.cursor(shown[-1].sequence) if rows[part.limit :] else None
        table = statements_table(
            view, shown, "Newest first; each is kept as it was issued", view.exports(f"/v1{view.path}"), following
        )
        return render("issued_statements.html", view, operator_id=terms.operator_id, table=table)

    return await call.show(ask, present, lambda found: zone_name(found[0]))


@dataclass(frozen=True, slots=True)
class _Found:
    """A statement with what its month would say now; None where more came to be known since than a page shows."""

    issued: IssuedStatement
    now: Restatement | None


@page("/statements/{number}", Right.MONEY)
async def one_statement(call: PageCall) -> Response:
    """From opening to closing as it was issued, and line by line what came to be known since."""
    number = call.path["number"]

    def ask(snapshot: Snapshot) -> _Found:
        issued = issued_statement(snapshot.cursor, number)
        if issued is None:
            raise not_found("statement", number)
        try:
            return _Found(issued, restatement(snapshot.cursor, issued, snapshot.known, lines_max=_LINES_MAX))
        except TooManyLines:
            return _Found(issued, None)

    def present(view: View, found: _Found) -> Response:
        issued, said = found.issued, found.issued.document()
        return render(
            "issued_statement.html",
            view,
            statement=issued,
            said=said,
            closing=said["closing"],
            movements=_movements(view, said),
            late=_late(view, said) if said["told_late"] else None,
            changes=_changes(view, found.now) if found.now and found.now.lines else None,
            has_too_many=found.now is None,
            documents={form.upper(): f"/v1{view.path}/statement.{form}" for form in ("pdf", "csv", "json")},
            difference=f"/v1{view.path}/difference",
            entries=view.link(
                "/operators", issued.operator_id, "statement",
                currency=issued.currency, **{name: said[name] for name in ("from", "to", "known_at")},
            ),
        )  # fmt: skip

    return await call.show(ask, present, lambda found: found.issued.document()["time_zone"])


def _rows(said: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return [{**each, "currency": said["currency"]} for each in said[name]]


def _columns(currency: str) -> list[Column]:
    return [
        Column("label", "What"),
        Column("kind", "Kind"),
        Column("entries", "Entries", "number"),
        Column("amount", currency, "amount"),
    ]


def _movements(view: View, said: Mapping[str, Any]) -> Table:
    opening, moved, late, closing = (
        view.reader.amount_text(said[name], said["currency"])
        for name in ("opening", "moved", "moved_late", "closing")
    )
    told = f" + told late {late}" if said["told_late"] else ""
    added = sum(Decimal(said[name]) for name in ("opening", "moved", "moved_late"))
    agrees = added == Decimal(said["closing"])
    return Table(
        _columns(said["currency"]),
        _rows(said, "movements"),
        "What moved in the month, by kind",
        sums=[Sum("Moved in the month", {"amount": said["moved"]}, said["currency"])],
        checks=[Check(agrees, f"Opening {opening} + moved {moved}{told} = closing {closing}.")],
        empty="Nothing moved in this month.",
    )


def _late(view: View, said: Mapping[str, Any]) -> Table:
    return Table(
        _columns(said["currency"]),
        _rows(said, "told_late"),
        "Of earlier months, told after the statement before was issued",
        sums=[Sum("Told late", {"amount": said["moved_late"]}, said["currency"])],
    )


def _changes(view: View, now: Restatement) -> Table:
    issued, currency = now.issued, now.issued.currency
    rows = [_change(each, currency) for each in now.lines]
    columns = [
        Column("effective_at", "Effective", "time"),
        Column("meaning", "Meaning"),
        Column("session_id", "Session", "id", lambda row: _to(view, row)),
        Column("amount", currency, "amount"),
        Column("balance", "Owed after", "amount"),
        Column("entry_id", "Entry", "short", lambda row: view.link(f"/entries/{row['entry_id']}")),
    ]
    before, difference, after = (
        view.reader.amount_text(format_minor(each, currency), currency)
        for each in (issued.closing, now.closing - issued.closing, now.closing)
    )
    agrees = issued.closing + sum(each.amount for each in now.lines) == now.closing
    return Table(
        columns,
        rows,
        "Entries up to the end of the month that came to be known since",
        kind="entry",
        key="entry_id",
        sums=[
            Sum("Difference", {"amount": format_minor(now.closing - issued.closing, currency)}, currency),
        ],
        checks=[Check(agrees, f"As issued {before} + known since {difference} = now {after}.")],
    )


def _change(line: Any, currency: str) -> dict[str, Any]:
    return {
        "effective_at": line.effective_at,
        "meaning": meaning_of(line.kind, line.mirror),
        "session_id": line.session_id,
        "amount": format_minor(line.amount, currency),
        "balance": format_minor(line.balance, currency),
        "currency": currency,
        "entry_id": str(line.entry_id),
    }


def _to(view: View, row: Mapping[str, Any]) -> str | None:
    return view.link("/sessions", row["session_id"]) if row["session_id"] else None


ROUTES = (statements, one_statement)
