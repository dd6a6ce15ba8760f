"""One stored event: a message as it was taken in, or a decision with the messages behind it; each to its raw text."""

from dataclasses import dataclass
from typing import Any

import orjson
from markupsafe import Markup
from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.raw import indented
from api.pages.rendering import render
from api.pages.subjects.entries import as_uuid
from api.pages.subjects.sessions import operator_link, zone_of_operator
from api.pages.table import Column, Row, Table
from api.pages.view import View
from api.problems import not_found
from domain.book.words import meaning_of
from domain.money import format_minor
from ledger.access.duties import Duty
from projections.documents.events import event_document
from projections.entry_list import EntryRow, entries_by_id
from projections.event_story import EventStory, event_story
from projections.mentions import Kind
from projections.reading import Snapshot

# More entries of one event than anybody looks at on one page; how many there are is said.
_ENTRIES_MAX = 200
_PAGES = {Kind.SESSION: "sessions", Kind.PAYOUT: "payouts"}


@dataclass(frozen=True, slots=True)
class _Found:
    story: EventStory
    entries: list[EntryRow]
    zone: str | None


@page("/events/{event_id}", Right.MONEY, as_of=True)
async def event(call: PageCall) -> Response:
    """What is stored under an event's id, where it came from, and what it gave."""
    id_ = call.path["event_id"]
    sees_all = call.principal.duty is not Duty.OPERATOR

    def ask(snapshot: Snapshot) -> _Found:
        story = event_story(snapshot.cursor, as_uuid(id_, "event"), snapshot.known)
        if story is None:
            raise not_found("event", id_)
        shown = story.entry_ids[:_ENTRIES_MAX]
        entries = entries_by_id(snapshot.cursor, shown, known=snapshot.known, sees_all=sees_all)
        return _Found(
            story,
            sorted(entries, key=lambda each: (each.effective_at, each.kind, each.entry_id)),
            zone_of_operator(snapshot, story.operator_id),
        )

    def present(view: View, found: _Found) -> Response:
        document = event_document(found.story)
        is_message = any(each.event_id == document["event_id"] and each.is_whole for each in found.story.messages)
        return render(
            "event.html",
            view,
            event=document,
            is_message=is_message,
            facts=_facts(view, found.story, document),
            behind=None if is_message else _messages(document, view),
            decisions=_decisions(document, view),
            entries=_entries(found.entries, len(found.story.entry_ids), view),
            raw=indented(orjson.dumps(document["body"])),
        )

    return await call.show(ask, present, lambda found: found.zone)


def _facts(view: View, story: EventStory, document: dict[str, Any]) -> list[tuple[str, Any]]:
    about = story.about
    words = f"{about.kind.value.replace('_', ' ')} {about.id}" if about.kind else about.id or None
    folder = _PAGES.get(about.kind) if about.kind else None
    said: Any = words
    if folder is not None:
        href = view.link(f"/{folder}", about.id)
        said = Markup('<a href="{}">{}</a>').format(href, words)
    return [
        ("About", said),
        *([("Of", about.of)] if about.of else []),
        ("Operator", operator_link(view, story.operator_id)),
        ("Known by", view.reader.time(story.recorded_at, seconds=True) if story.recorded_at else None),
        ("Version", view.reader.number(document["version"])),
        ("Position", view.reader.number(document["position"])),
        ("Event", Markup('<code class="id">{}</code>').format(document["event_id"])),
    ]


def _messages(document: dict[str, Any], view: View) -> Table:
    """The messages behind a decision, the latest first: each opens its own page, where its text is."""

    def href(row: Row) -> str | None:
        return view.link(f"/events/{row['event_id']}") if row["event_id"] else None

    columns = [
        Column("type", "Message", href=href),
        Column("source", "Source"),
        Column("id", "Id", "id", href),
        Column("time", "Said", "time"),
        Column("part", "Of it"),
    ]
    rows = [
        {**each, "part": "all" if each["is_whole"] else "the line about this"}
        for each in reversed(document["messages"])
    ]
    return Table(
        columns,
        rows,
        "Messages behind it, the latest first",
        kind="message",
        key="id",
        empty="The clock made it: no message is behind it.",
    )


def _decisions(document: dict[str, Any], view: View) -> Table:
    columns = [
        Column("type", "Decision", href=lambda row: view.link(f"/events/{row['event_id']}")),
        Column("event_id", "Event", "short", lambda row: view.link(f"/events/{row['event_id']}")),
    ]
    return Table(columns, document["decisions"], "Decisions, in their order", kind="event", key="event_id")


def _entries(entries: list[EntryRow], total: int, view: View) -> Table:
    rows = [
        {
            "effective_at": each.effective_at,
            "kind": each.kind,
            "meaning": meaning_of(each.kind, each.reverses is not None),
            "entry_id": str(each.entry_id),
            "amount": format_minor(_moved(each), each.currency),
            "currency": each.currency,
        }
        for each in entries
    ]
    columns = [
        Column("effective_at", "Effective", "time"),
        Column("kind", "Kind"),
        Column("meaning", "Meaning"),
        Column("amount", "Moves", "money"),
        Column("entry_id", "Entry", "short", lambda row: view.link(f"/entries/{row['entry_id']}")),
    ]
    shown = "Entries it gave" if total == len(rows) else f"{len(rows)} of the {total} entries it gave"
    return Table(columns, rows, shown, kind="entry", key="entry_id", empty="None that you see.")


def _moved(entry: EntryRow) -> int:
    return sum(amount for amount in entry.amounts if amount > 0) or -sum(entry.amounts)


ROUTES = (event,)
