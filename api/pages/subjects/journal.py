"""The journal: entries of the book, newest first, by whatever is asked of them."""

from collections.abc import Sequence
from uuid import UUID

from markupsafe import Markup
from starlette.responses import Response

from api.access.roles import Right
from api.pages.asked import bounds_of, narrowed, range_of
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Table
from api.pages.view import Filter, View
from api.problems import bad_parameter
from domain.book.words import HELD_BY_CODE, MEANING_OF_KIND, meaning_of
from domain.calendar import instant, utc_text
from domain.money import format_minor
from ledger.access.duties import Duty
from projections.entry_list import EntryFilter, EntryRow, list_entries
from projections.reading import Snapshot

_PLAIN = ("account", "code", "operator_id", "session_id", "payout_id", "kind", "currency")
FILTERS = (
    Filter("account", "Account"),
    Filter("code", "Code", sorted(HELD_BY_CODE)),
    Filter("operator_id", "Operator"),
    Filter("session_id", "Session"),
    Filter("payout_id", "Payout"),
    Filter("kind", "Kind", sorted(MEANING_OF_KIND)),
    Filter("currency", "Currency"),
    Filter("effective_at.gte", "Effective from", is_moment=True),
    Filter("effective_at.lte", "Effective until", is_moment=True),
)


@page(
    "/journal", Right.MONEY, *_PLAIN, *bounds_of("effective_at"), *bounds_of("recorded_at"),
    as_of=True, listed="/v1/entries",
)  # fmt: skip
async def journal(call: PageCall) -> Response:
    """Entries as they were known, newest effective time first; a tenant's are those of its own operators."""
    wanted, part = _wanted(call), call.page
    keys = part.keys(str, str)
    after = (instant(keys[0]), UUID(keys[1])) if keys else None
    sees_all = call.principal.duty is not Duty.OPERATOR

    def ask(snapshot: Snapshot) -> list[EntryRow]:
        return list_entries(
            snapshot.cursor, wanted, known=snapshot.known, limit=part.limit + 1, after=after, sees_all=sees_all
        )

    def present(view: View, found: list[EntryRow]) -> Response:
        shown = found[: part.limit]
        last = shown[-1] if found[part.limit :] else None
        cursor = part.cursor(utc_text(last.effective_at), str(last.entry_id)) if last else None
        return render("journal.html", view, filters=FILTERS, table=entry_table(view, shown, cursor))

    return await call.show(ask, present)


def _wanted(call: PageCall) -> EntryFilter:
    asked = {name: call.query.get(name) for name in _PLAIN}
    operator_id = asked.pop("operator_id")
    operators: tuple[str, ...] | None = (operator_id,) if operator_id is not None else None
    if call.principal.duty is Duty.OPERATOR:
        own = call.principal.operators
        if operator_id is not None and operator_id not in own:
            raise bad_parameter("operator_id", f"you see {', '.join(own)}")
        operators = operators or own
    effective = narrowed(range_of(call.query, "effective_at"), call.as_of.effective_at)
    return EntryFilter(
        **asked, operators=operators, effective_at=effective, recorded_at=range_of(call.query, "recorded_at")
    )


def entry_table(view: View, entries: Sequence[EntryRow], cursor: str | None = None) -> Table:
    """Entries, each with its lines: an amount is debit positive, and a line opens its account."""
    rows = [
        {
            "effective_at": each.effective_at,
            "entry_id": str(each.entry_id),
            "kind": each.kind,
            "meaning": meaning_of(each.kind, each.reverses is not None),
            "about": _about(view, each),
            "lines": lines_of(view, each),
        }
        for each in entries
    ]
    columns = [
        Column("effective_at", "Effective", "time"),
        Column("kind", "Kind"),
        Column("meaning", "Meaning"),
        Column("about", "About", "html"),
        Column("lines", "Lines, debit positive", "html"),
        Column("entry_id", "Entry", "short", lambda row: view.link(f"/entries/{row['entry_id']}")),
    ]
    return Table(
        columns,
        rows,
        f"{len(rows)} entries, newest first" if cursor or "cursor" in view.query else f"{len(rows)} entries",
        kind="entry",
        key="entry_id",
        empty="No entry is like that.",
        exports=view.exports("/v1/entries"),
        pages=view.pages(cursor),
    )


def lines_of(view: View, entry: EntryRow) -> Markup:
    """The lines of an entry as a list of accounts and amounts."""
    items = [
        Markup('<li><a href="{}">{}</a> {}</li>').format(
            view.link("/accounts", account=account, currency=entry.currency),
            account,
            view.reader.amount(format_minor(amount, entry.currency), entry.currency, "posting", with_currency=True),
        )
        for account, amount in zip(entry.accounts, entry.amounts, strict=True)
    ]
    return Markup('<ul class="postings">{}</ul>').format(Markup("").join(items))


def _about(view: View, entry: EntryRow) -> Markup | None:
    about = [
        Markup('<a href="{}">{} {}</a>').format(view.link(f"/{noun}s", id_), noun, id_[:_SHORT])
        for noun, id_ in (("session", entry.session_id), ("payout", entry.payout_id))
        if id_ is not None
    ]
    return Markup(" ").join(about) if about else None


_SHORT = 13

ROUTES = (journal,)
