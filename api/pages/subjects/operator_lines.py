"""The payable lines of an operator: where each stands, and why it is not paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.subjects.operators import STATES, desk_of, known_operator
from api.pages.table import Column, Table
from api.pages.view import Filter, View
from api.problems import bad_parameter
from domain.book.words import meaning_of
from domain.calendar import instant, utc_text
from domain.money import format_minor
from projections.documents.operator_lines import operator_line_document
from projections.documents.operators import operator_document
from projections.operator_figures import Unpaid, unpaid
from projections.operator_lines import Desk, LineState, OperatorLine, operator_lines
from projections.operators import OperatorTerms, zone_name
from projections.reading import Snapshot

FILTERS = (Filter("state", "State", [state.value for state in LineState]),)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of lines, and the sum of all that are like them, where they are not paid."""

    terms: OperatorTerms
    desk: Desk
    lines: Sequence[OperatorLine]
    sums: Sequence[Unpaid]


@page(
    "/operators/{operator_id}/lines", Right.MONEY, "state", "currency",
    listed="/v1/operators/{operator_id}/lines",
)  # fmt: skip
async def lines_of_operator(call: PageCall) -> Response:
    """Lines newest first, of a state or of all."""
    operator_id, part, currency = call.path["operator_id"], call.page, call.query.get("currency")
    state = _state(call.query.get("state"))
    keys = part.keys(str, str)
    after = (instant(keys[0]), UUID(keys[1])) if keys else None

    def ask(snapshot: Snapshot) -> Found:
        terms = known_operator(snapshot, operator_id)
        desk = desk_of(snapshot, operator_id)
        lines = operator_lines(snapshot.cursor, desk, state, part.limit + 1, after, currency)
        sums = [] if state is None else unpaid(snapshot.cursor, operator_id, desk.next_date)
        of_state = [each for each in sums if each.state == state and currency in (None, each.currency)]
        return Found(terms, desk, lines, of_state)

    def present(view: View, found: Found) -> Response:
        shown = found.lines[: part.limit]
        last = shown[-1] if found.lines[part.limit :] else None
        cursor = part.cursor(utc_text(last.effective_at), str(last.entry_id)) if last else None
        total = found.sums[0] if len(found.sums) == 1 else None
        return render(
            "operator_lines.html",
            view,
            operator=operator_document(found.terms),
            label=STATES.get(total.state, "") if total else "",
            total=format_minor(total.amount, total.currency) if total else None,
            currency=total.currency if total else None,
            table=_table(view, found.desk, shown, cursor),
            filters=FILTERS,
        )

    return await call.show(ask, present, lambda found: zone_name(found.terms))


def _state(text: str | None) -> LineState | None:
    try:
        return LineState(text) if text is not None else None
    except ValueError:
        raise bad_parameter("state", f"is one of {', '.join(LineState)}") from None


def _table(view: View, desk: Desk, lines: Sequence[OperatorLine], cursor: str | None) -> Table:
    rows = [
        {**operator_line_document(desk, each), "meaning": meaning_of(each.kind, is_mirror=False)} for each in lines
    ]
    columns = [
        Column("effective_at", "Effective", "time"),
        Column("meaning", "Meaning"),
        Column("session_id", "Session", href=lambda row: view.link("/sessions", row["session_id"])),
        Column("amount", "Amount", "money"),
        Column("state", "State", "badge"),
        Column(
            "reason", "Why", href=lambda row: view.link("/payouts", row["payout_id"]) if row["payout_id"] else None
        ),
        Column("entry_id", "Entry", "short", lambda row: view.link(f"/entries/{row['entry_id']}")),
    ]
    return Table(
        columns,
        rows,
        "Entries that move what is owed, newest first, as they stand now",
        kind="entry",
        key="entry_id",
        empty="There is none.",
        exports=view.exports(f"/v1{view.path}"),
        pages=view.pages(cursor),
    )


ROUTES = (lines_of_operator,)
