"""The parts of a payout's figures: its entries, all or of one step, and the lines behind what it leaves out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.payout_tables import line_columns, line_row
from api.pages.rendering import render
from api.pages.subjects.payout import known_payout
from api.pages.table import Table
from api.pages.view import View
from api.parameters import PageRequest
from api.problems import bad_parameter, not_found
from domain.calendar import instant, utc_text
from domain.money import format_minor
from projections.documents.payout_explained import LABELS, SENTENCES
from projections.payout_excluded import LeftOut, excluded, excluded_lines
from projections.payout_explained import ExplainedPayout
from projections.payout_steps import Step, paid_lines, waterfall
from projections.payout_story import PaidLine
from projections.reading import Snapshot


@dataclass(frozen=True, slots=True)
class _Part:
    of: ExplainedPayout
    zone: str | None
    title: str
    lines: Sequence[PaidLine]
    total: int
    entries: int


@page("/payouts/{payout_id}/entries", Right.MONEY, "step", listed="/v1/payouts/{payout_id}/lines")
async def entries(call: PageCall) -> Response:
    """The entries that a payout pays, all or those of one step, with their sum."""
    asked = call.query.get("step")
    if asked and asked not in list(Step):
        raise bad_parameter("step", f"is one of {', '.join(Step)}")
    step, part = Step(asked) if asked else None, call.page
    keys = part.keys(str, str)

    def ask(snapshot: Snapshot) -> _Part:
        shown, of = known_payout(snapshot, call.path["payout_id"])
        steps = {each.code: each for each in waterfall(snapshot.cursor, of).steps}
        chosen = [steps[step]] if step in steps else [] if step else [*steps.values()]
        lines = paid_lines(snapshot.cursor, of, part.limit + 1, after_keys(keys), step)
        title = LABELS[step] if step else "Entries that it pays"
        return _Part(
            of,
            shown.time_zone,
            title,
            lines,
            sum(each.amount for each in chosen),
            sum(each.entries for each in chosen),
        )

    return await _show_part(call, ask, "lines")


@page(
    "/payouts/{payout_id}/left-out", Right.MONEY, "reason", "available_on", "set_aside_for",
    listed="/v1/payouts/{payout_id}/excluded/lines",
)  # fmt: skip
async def left_out(call: PageCall) -> Response:
    """The lines behind one sum of what a payout does not pay."""
    query, part = call.query, call.page
    keys = part.keys(str, str)

    def ask(snapshot: Snapshot) -> _Part:
        shown, of = known_payout(snapshot, call.path["payout_id"])
        for each in excluded(snapshot.cursor, of).excluded:
            day = each.available_on.isoformat() if each.available_on else None
            if (each.reason, day, each.set_aside_for) == (
                query.get("reason"),
                query.get("available_on") or None,
                query.get("set_aside_for") or None,
            ):
                chosen = LeftOut(each.reason, each.available_on, each.set_aside_for)
                lines = excluded_lines(snapshot.cursor, of, chosen, part.limit + 1, after_keys(keys))
                return _Part(of, shown.time_zone, SENTENCES[each.reason], lines, each.amount, each.entries)
        raise not_found("sum of what is left out", query.get("reason") or "")

    return await _show_part(call, ask, "excluded/lines")


def after_keys(keys: Any) -> tuple[datetime, UUID] | None:
    """Behind which line a page begins, by what its cursor holds."""
    return (instant(keys[0]), UUID(keys[1])) if keys else None


async def _show_part(call: PageCall, ask: Callable[[Snapshot], _Part], resource: str) -> Response:
    part = call.page

    def present(view: View, found: _Part) -> Response:
        of = found.of
        api = f"/v1/payouts/{of.payout_id}/{resource}"
        table = lines_table(view, found.lines, part, of.currency, found.entries, api)
        total = format_minor(found.total, of.currency)
        back = view.link(f"/payouts/{of.payout_id}")
        return render("payout_part.html", view, of=of, title=found.title, total=total, table=table, back=back)

    return await call.show(ask, present, lambda found: found.zone)


def lines_table(
    view: View, found: Sequence[PaidLine], part: PageRequest, currency: str, entries: int, resource: str
) -> Table:
    """One page of lines, of which there are so many; the resource gives all of them as a file."""
    shown = found[: part.limit]
    last = shown[-1] if found[part.limit :] else None
    cursor = part.cursor(utc_text(last.effective_at), str(last.entry_id)) if last else None
    return Table(
        line_columns(view, meaning=True),
        [line_row(line, currency) for line in shown],
        f"{view.reader.number_text(entries)} entries, in the order in which they act",
        kind="entry",
        key="entry_id",
        empty="There are none.",
        exports=view.exports(resource),
        pages=view.pages(cursor),
    )


ROUTES = (entries, left_out)
