"""One entry of the book: its lines, what it is about, and the stored event that caused it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from markupsafe import Markup
from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.subjects.sessions import zone_of_operator
from api.pages.table import Check, Column, Sum, Table
from api.pages.view import View
from api.problems import not_found
from domain.book.words import HELD_BY_CODE, meaning_of
from domain.money import format_minor
from ledger.access.duties import Duty
from projections.entry_list import EntryRow, entries_by_id
from projections.event_story import EventStory, event_story
from projections.reading import Snapshot


@dataclass(frozen=True, slots=True)
class _Found:
    entry: EntryRow
    event: EventStory | None
    zone: str | None


@page("/entries/{entry_id}", Right.MONEY, as_of=True)
async def entry(call: PageCall) -> Response:
    """An entry with those of its lines that who asks may see, and the message behind it."""
    id_ = call.path["entry_id"]
    sees_all = call.principal.duty is not Duty.OPERATOR

    def ask(snapshot: Snapshot) -> _Found:
        known = snapshot.known
        rows = entries_by_id(snapshot.cursor, [as_uuid(id_, "entry")], known=known, sees_all=sees_all)
        if not rows:
            raise not_found("entry", id_)
        event = event_story(snapshot.cursor, rows[0].cause, known)
        return _Found(rows[0], event, zone_of_operator(snapshot, event.operator_id if event else None))

    def present(view: View, found: _Found) -> Response:
        title = f"{found.entry.kind}, {meaning_of(found.entry.kind, found.entry.reverses is not None)}"
        return render(
            "entry.html",
            view,
            title=title,
            entry=found.entry,
            facts=_facts(view, found.entry),
            message=found.event.messages[-1] if found.event and found.event.messages else None,
            lines=_lines(view, found.entry, whole=sees_all),
        )

    return await call.show(ask, present, lambda found: found.zone)


def as_uuid(text: str, what: str) -> UUID:
    """The id as a UUID. Raises Problem 404 for what is none."""
    try:
        return UUID(text)
    except ValueError:
        raise not_found(what, text) from None


def _facts(view: View, entry: EntryRow) -> list[tuple[str, Any]]:
    return [
        ("Effective", view.reader.time(entry.effective_at, seconds=True)),
        ("Recorded", view.reader.time(entry.recorded_at, seconds=True)),
        ("Period", entry.period),
        ("Session", linked(view, "/sessions", entry.session_id)),
        ("Payout", linked(view, "/payouts", entry.payout_id)),
        ("Takes back", linked(view, "/entries", entry.reverses)),
        ("Taken back by", linked(view, "/entries", entry.reversed_by)),
        ("Caused by event", linked(view, "/events", entry.cause)),
        ("Entry", Markup('<code class="id">{}</code>').format(entry.entry_id)),
    ]


def linked(view: View, folder: str, id_: object) -> Markup | None:
    """An id that opens its page, in a folder of pages; None where there is none."""
    return None if id_ is None else Markup('<a class="id" href="{}">{}</a>').format(view.link(folder, str(id_)), id_)


def _lines(view: View, entry: EntryRow, *, whole: bool) -> Table:
    rows = [
        {
            "line": number,
            "account": account,
            "holds": HELD_BY_CODE.get(account.partition("/")[0]),
            "amount": format_minor(amount, entry.currency),
            "currency": entry.currency,
        }
        for number, (account, amount) in enumerate(zip(entry.accounts, entry.amounts, strict=True), start=1)
    ]
    total = format_minor(sum(entry.amounts), entry.currency)
    columns = [
        Column("line", "Line"),
        Column(
            "account",
            "Account",
            "id",
            lambda row: view.link("/accounts", account=row["account"], currency=row["currency"]),
        ),
        Column("holds", "Holds"),
        Column("amount", "Debit positive", "money"),
    ]
    return Table(
        columns,
        rows,
        "Lines of the entry, each account with its other lines" if whole else "Lines on your accounts",
        kind="posting",
        key="line",
        sums=[Sum("Sum", {"amount": total}, entry.currency, "amount")],
        checks=[Check(sum(entry.amounts) == 0, "debits and credits are equal")] if whole else [],
    )


ROUTES = (entry,)
