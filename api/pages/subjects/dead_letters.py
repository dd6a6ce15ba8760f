"""Records that were refused: all of them, and one with what it said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Table
from api.pages.view import Filter, View
from api.problems import bad_parameter, not_found
from api.tables import plain_text
from projections.deadletters import Wanted, letters_by_code, newest_letters, one_letter
from projections.reading import Snapshot

_FILTERS: Final = (
    Filter("code", "Code"),
    Filter("topic", "Topic"),
    Filter("event_type", "Type"),
    Filter("event_id", "Event"),
    Filter("replayed", "Sent again", ("true", "false")),
)
# What is shown of a key or of a header's value, which may be as long as a record.
_SHORT: Final = 300
_TRUTHS: Final = {None: None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class _Found:
    codes: Sequence[Mapping[str, Any]]
    letters: Sequence[Mapping[str, Any]]


@page("/dead-letters", Right.BOOK, *(each.name for each in _FILTERS), listed="/v1/dead-letters")
async def dead_letters(call: PageCall) -> Response:
    """What was refused, the newest first, under the numbers by code."""
    asked: dict[str, Any] = {each.name: call.query.get(each.name) for each in _FILTERS}
    if asked["replayed"] not in _TRUTHS:
        raise bad_parameter("replayed", "is true or false")
    chosen = Wanted(**asked | {"replayed": _TRUTHS[asked["replayed"]]})
    wanted = call.page

    def ask(snapshot: Snapshot) -> _Found:
        letters = newest_letters(snapshot.cursor, chosen, wanted.keys(datetime, UUID), wanted.limit + 1)
        return _Found(letters_by_code(snapshot.cursor), letters)

    def present(view: View, found: _Found) -> Response:
        shown = found.letters[: wanted.limit]
        last = shown[-1] if found.letters[wanted.limit :] else None
        cursor = wanted.cursor(last["recorded_at"], last["deadletter_id"]) if last else None
        return render(
            "dead_letters.html",
            view,
            filters=_FILTERS,
            codes=_codes(view, found.codes),
            table=_table(view, shown, cursor),
            waiting=[
                (each["code"], f"{each['code']} ({each['waiting']})") for each in found.codes if each["waiting"]
            ],
            code=chosen.code,
        )

    return await call.show(ask, present)


@page("/dead-letters/{deadletter_id}", Right.BOOK)
async def dead_letter(call: PageCall) -> Response:
    """One record: where it came from, why it was refused, and its text as it came."""
    asked = call.path["deadletter_id"]

    def ask(snapshot: Snapshot) -> Mapping[str, Any]:
        try:
            found = one_letter(snapshot.cursor, UUID(asked))
        except ValueError:
            found = None
        if found is None:
            raise not_found("dead letter", asked)
        return found

    def present(view: View, letter: Mapping[str, Any]) -> Response:
        told = letter["record"]
        record = told and told.get("excerpt", told)
        return render(
            "dead_letter.html",
            view,
            letter=letter,
            text=_text(record),
            is_binary=bool(record) and "base64" in record,
            is_cut=bool(told) and "excerpt" in told,
            key=_text(letter["key"], _SHORT),
            headers=_headers(letter["headers"]),
            may_replay=bool(letter["topic"]) and bool(told) and view.may(Right.REPLAY),
            is_mendable=bool(told) and "text" in told,
            record_href=f"/v1/dead-letters/{letter['deadletter_id']}/record",
            search=view.link("/search", q=letter["event_id"]) if letter["event_id"] else None,
        )

    return await call.show(ask, present)


def _text(shown: Mapping[str, str] | None, length_max: int | None = None) -> str | None:
    """What is shown of bytes: their text with signs of control in words, or base64 of what is no text."""
    if shown is None:
        return None
    text = plain_text(shown.get("text", shown.get("base64", "")))
    return text if length_max is None or len(text) <= length_max else f"{text[:length_max]}…"


def _codes(view: View, found: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        Column("code", "Why", "badge", lambda row: view.here(code=row["code"], cursor=None)),
        Column("letters", "Refused", "number"),
        Column("waiting", "Not sent again", "number"),
    ]
    return Table(columns, found, "All there are, by code", "code", "code", empty="Nothing was ever refused.")


def _table(view: View, letters: Sequence[Mapping[str, Any]], cursor: str | None) -> Table:
    columns = [
        Column("recorded_at", "Refused at", "time"),
        Column("code", "Why", "badge"),
        Column("sentence", "What was wrong"),
        Column("path", "Where", "id"),
        Column("topic", "Topic", "id"),
        Column("event_id", "Event", "id"),
        Column("replayed_at", "Sent again", "time"),
        Column("deadletter_id", "Record", "short", lambda row: view.link(f"/dead-letters/{row['deadletter_id']}")),
    ]
    return Table(
        columns,
        letters,
        "What was refused, the newest first",
        "dead_letter",
        "deadletter_id",
        empty="Nothing was refused that fits.",
        exports=view.exports("/v1/dead-letters"),
        pages=view.pages(cursor),
    )


def _headers(headers: Sequence[Mapping[str, str]]) -> Table | None:
    rows = [{"name": plain_text(each["name"]), "value": _text(each, _SHORT)} for each in headers]
    return (
        Table([Column("name", "Header", "id"), Column("value", "Value", "id")], rows, "Its headers") if rows else None
    )


ROUTES = (dead_letters, dead_letter)
