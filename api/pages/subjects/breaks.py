"""What does not match: the findings, with their sums by kind, and what each is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Row, Table
from api.pages.view import Filter, View, address
from api.problems import bad_parameter, not_found
from domain.book.findings import FindingKind
from domain.money import format_minor
from projections.all_findings import Chosen, FoundRow, KindSum, findings_behind, sums_of_findings
from projections.assignments import Assignment, assignments, finding_id, finding_of
from projections.documents.findings import assigned_document
from projections.reading import Snapshot

_FILTERS: Final = (
    Filter("kind", "Kind", sorted(FindingKind)),
    Filter("operator_id", "Operator"),
    Filter("subject", "About"),
    Filter("account", "Account"),
    Filter("currency", "Currency"),
)
# What a kind's subject is, where it is a page of its own; any other is found by its id.
_PAGES: Final = {
    **dict.fromkeys(
        (
            *(FindingKind.CAPTURE_DIFFERS, FindingKind.CAPTURE_UNRATED, FindingKind.UNCAPTURED, FindingKind.LEAKAGE),
            *(FindingKind.SESSION_INVALID, FindingKind.SESSION_SUSPENDED),
        ),
        "/sessions/",
    ),
    **dict.fromkeys(
        (FindingKind.PAYOUT_AWAITS_APPROVAL, FindingKind.PAYOUT_TO_FIX, FindingKind.PAYOUT_UNANSWERED), "/payouts/"
    ),
    **dict.fromkeys((FindingKind.NEGATIVE_BALANCE, FindingKind.PAYOUT_DAYS_CLOSED), "/operators/"),
}


@dataclass(frozen=True, slots=True)
class _Found:
    sums: Sequence[KindSum]
    rows: Sequence[FoundRow]
    assigned: Mapping[str, Assignment]


@page("/breaks", Right.BOOK, *(each.name for each in _FILTERS), listed="/v1/breaks")
async def breaks(call: PageCall) -> Response:
    """The findings of a filter, a page at a time, under their sums."""
    asked = {each.name: call.query.get(each.name) for each in _FILTERS}
    if asked["kind"] is not None and asked["kind"] not in set(FindingKind):
        raise bad_parameter("kind", f"is one of {', '.join(FindingKind)}")
    chosen, wanted = Chosen(**asked), call.page

    def ask(snapshot: Snapshot) -> _Found:
        rows = findings_behind(snapshot.cursor, chosen, wanted.keys(*[str] * 6), wanted.limit + 1)
        assigned = assignments(snapshot.cursor, [finding_id(each) for each in rows])
        return _Found(sums_of_findings(snapshot.cursor, chosen), rows, assigned)

    def present(view: View, found: _Found) -> Response:
        shown = found.rows[: wanted.limit]
        cursor = wanted.cursor(*shown[-1].place) if found.rows[wanted.limit :] else None
        return render(
            "breaks.html",
            view,
            filters=_FILTERS,
            total=_total(found.sums),
            sums=_sums(view, found.sums),
            table=_table(view, shown, found.assigned, cursor),
        )

    return await call.show(ask, present)


def _total(sums: Sequence[KindSum]) -> dict[str, str] | None:
    """The sum that the line of a kind and currency states, where the page is of that one."""
    if len(sums) != 1 or sums[0].currency is None:
        return None
    return {"amount": format_minor(sums[0].amount, sums[0].currency), "currency": sums[0].currency}


def _sums(view: View, sums: Sequence[KindSum]) -> Table:
    rows = [
        {
            "kind": each.kind,
            "findings": each.findings,
            "amount": format_minor(each.amount, each.currency) if each.currency else None,
            "currency": each.currency,
            "since": each.since,
            "href": view.here(kind=each.kind, currency=each.currency, cursor=None),
        }
        for each in sums
    ]
    columns = [
        Column("kind", "What does not match", "badge", _href),
        Column("findings", "How many", "number"),
        Column("amount", "Amount", "money", _href),
        Column("since", "Since", "time"),
    ]
    return Table(columns, rows, "By kind and currency", "kind", "kind", empty="Everything matches.")


def _href(row: Row) -> str | None:
    return str(row["href"])


def _table(view: View, found: Sequence[FoundRow], assigned: Mapping[str, Assignment], cursor: str | None) -> Table:
    now = datetime.now(UTC)
    rows = [_row(view, assigned_document(each, now, assigned)) for each in found]
    columns = [
        Column("kind", "Kind", "badge", lambda row: view.link("/breaks", row["finding_id"])),
        Column("sentence", "What is so"),
        Column("amount", "Amount", "money", lambda row: row["account_href"]),
        Column("age_days", "Age", "number", unit="days"),
        Column("operator_id", "Operator", "id", lambda row: row["operator_href"]),
        Column("subject", "About", "id", lambda row: row["subject_href"]),
        Column("cure", "What ends it"),
        Column("owner", "Looked after by", href=lambda row: view.link("/breaks", row["finding_id"])),
    ]
    return Table(
        columns,
        rows,
        "What is open, by kind and subject",
        "break",
        "subject",
        empty="Nothing is open that fits.",
        exports=view.exports("/v1/breaks"),
        pages=view.pages(cursor),
    )


def _row(view: View, document: dict[str, Any]) -> dict[str, Any]:
    money = document["amount"] or {"amount": None, "currency": None}
    operator_id, account, subject = document["operator_id"], document["account"], document["subject"]
    place = _PAGES.get(FindingKind(document["kind"]))
    subject_href = view.link(f"{place}{quote(subject, safe='')}") if place else view.link("/search", q=subject)
    # What an operator is owed is told as it is, in its favour.
    side = "favour" if document["kind"] == FindingKind.NEGATIVE_BALANCE else None
    parts = view.of_now("/accounts", account=account, currency=money["currency"], sum=side) if account else None
    return document | {
        **money,
        "operator_href": view.link("/operators", operator_id) if operator_id else None,
        "account_href": subject_href if place == "/payouts/" else parts,
        "subject_href": subject_href,
    }


@page("/breaks/{finding_id}", Right.BOOK)
async def one_break(call: PageCall) -> Response:
    """One finding: what it is about, what ends it, and who looks after it."""
    id_ = call.path["finding_id"]

    def ask(snapshot: Snapshot) -> dict[str, Any]:
        row = finding_of(snapshot.cursor, id_)
        if row is None:
            raise not_found("open finding", id_)
        return assigned_document(row, datetime.now(UTC), assignments(snapshot.cursor, [id_]))

    def present(view: View, document: dict[str, Any]) -> Response:
        return render("break.html", view, found=_row(view, document), write_off=_write_off(view, document))

    return await call.show(ask, present)


def _write_off(view: View, document: Mapping[str, Any]) -> str | None:
    """Where a write-off of what is open is proposed, with what is known of it filled in."""
    money = document["amount"]
    if document["account"] is None or money is None or not view.may(Right.PROPOSE):
        return None
    amount = money["amount"].removeprefix("-")
    return address("/write-offs", {"account": document["account"], **money, "amount": amount}) + "#propose"


ROUTES = (breaks, one_break)
