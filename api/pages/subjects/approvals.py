"""Payouts that wait for approval: how much, to whom, what is different, what is left out, and what is decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.payout_tables import operator_href
from api.pages.rendering import render
from api.pages.table import Column, Row, Table
from api.pages.view import View
from domain.calendar import instant, utc_text
from domain.money import format_minor
from projections.documents.doubts import doubt_words
from projections.documents.payouts import shown_payout_document
from projections.operators import names_of_operators
from projections.payout_change import before
from projections.payout_excluded import excluded
from projections.payout_explained import ExplainedPayout, explained_payout
from projections.payout_list import PayoutFilter, ShownPayout, list_payouts, sums_of_payouts
from projections.reading import Snapshot

# Each is explained on this page: of more at once nobody would decide.
_SHOWN_MAX = 20
_WAITING = PayoutFilter(status="AWAITING_APPROVAL")


@dataclass(frozen=True, slots=True)
class _Waiting:
    payout: ShownPayout
    before: ExplainedPayout | None
    excluded: int


@dataclass(frozen=True, slots=True)
class _Found:
    waiting: Sequence[_Waiting]
    names: Mapping[str, str]
    sums: Mapping[str, tuple[int, int]]


@page("/approvals", Right.BOOK, listed="/v1/payouts")
async def approvals(call: PageCall) -> Response:
    """What waits for somebody to decide; it is decided on the payout's own page, after its explanation."""
    part = call.page
    limit = min(part.limit, _SHOWN_MAX)
    keys = part.keys(str, str)
    after = (instant(keys[0]), keys[1]) if keys else None

    def ask(snapshot: Snapshot) -> _Found:
        cursor = snapshot.cursor
        payouts = list_payouts(cursor, _WAITING, limit + 1, after)
        waiting = []
        for payout in payouts:
            of = explained_payout(cursor, payout.payout_id)
            if of is not None:
                left = sum(each.amount for each in excluded(cursor, of, snapshot.known).excluded)
                waiting.append(_Waiting(payout, before(cursor, of), left))
        names = names_of_operators(cursor, sorted({each.operator_id for each in payouts}))
        return _Found(waiting, names, sums_of_payouts(cursor, _WAITING))

    def present(view: View, found: _Found) -> Response:
        shown = found.waiting[:limit]
        last = shown[-1].payout if found.waiting[limit:] else None
        cursor = part.cursor(utc_text(last.fired_at), last.payout_id) if last else None
        totals = [
            (currency, count, format_minor(amount, currency))
            for currency, (count, amount) in sorted(found.sums.items())
        ]
        return render("approvals.html", view, totals=totals, table=_table(view, found, shown, cursor))

    return await call.show(ask, present)


def _table(view: View, found: _Found, shown: Sequence[_Waiting], cursor: str | None) -> Table:
    columns = [
        Column("amount", "Amount", "money", lambda row: view.link(f"/payouts/{row['payout_id']}")),
        Column("operator", "Operator", href=lambda row: operator_href(view, row["operator_id"])),
        Column("account", "Account"),
        Column("business_date", "Business date", "date"),
        Column("change", "Against the one before", "amount", lambda row: _explained(view, row, "change")),
        Column("excluded", "Left out", "amount", lambda row: _explained(view, row, "excluded")),
        Column("because", "Why it waits"),
        Column("approvals", "Approved", "text"),
        Column("content_hash", "Content hash", "short", lambda row: _explained(view, row, "decision")),
    ]
    return Table(
        columns,
        [_row(each, found.names) for each in shown],
        "Payouts that wait, the latest first. Each opens what it pays, what it leaves out and why.",
        kind="payout",
        key="payout_id",
        empty="Nothing waits for approval.",
        exports={
            "CSV": view.link("/v1/payouts", status="AWAITING_APPROVAL", format="csv"),
            "Excel": view.link("/v1/payouts", status="AWAITING_APPROVAL", format="xlsx"),
            "JSON": view.link("/v1/payouts", status="AWAITING_APPROVAL"),
        },
        pages=view.pages(cursor),
    )


def _explained(view: View, row: Row, place: str) -> str:
    return f"{view.link('/payouts/' + row['payout_id'])}#{place}"


def _row(each: _Waiting, names: Mapping[str, str]) -> dict[str, Any]:
    payout = each.payout
    change = payout.amount - each.before.amount if each.before else None
    return {
        **shown_payout_document(payout),
        "operator": names.get(payout.operator_id, payout.operator_id),
        "change": None if change is None else format_minor(change, payout.currency),
        "excluded": format_minor(each.excluded, payout.currency),
        "because": doubt_words(payout.doubts),
        "approvals": f"{len(payout.approvals)} of {payout.approvals_needed or int(payout.waits)}",
    }


ROUTES = (approvals,)
