"""Adjustments and write-offs: what one person proposes about money, and another decides."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from api.access.roles import Right
from api.call import tag_of
from api.pages.matters import ADJUSTMENTS, WRITE_OFFS, Proposed, matter_decision, matter_facts, matter_row
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Table
from api.pages.view import Filter, View, address
from api.problems import bad_parameter, not_found
from projections.matters import MatterRow, find_matter, list_matters
from projections.reading import Snapshot

_SHOWN_MAX = 200
# What stands in the form for a new one may be in the address, so that a page can lead here.
_BEGUN = ("operator_id", "account", "amount", "currency", "session_id", "reason_code")


_STATES = ("PROPOSED", "APPROVED", "REJECTED")
_FILTERS = (Filter("operator_id", "Operator"), Filter("state", "State", _STATES))


async def _list(call: PageCall, of: Proposed, template: str) -> Response:
    """The newest ones of a filter; all of them are in the file and the API."""
    operator_id, state = call.query.get("operator_id") or None, call.query.get("state") or None
    if state is not None and state not in _STATES:
        raise bad_parameter("state", f"is one of {', '.join(_STATES)}")

    def ask(snapshot: Snapshot) -> list[MatterRow]:
        return list_matters(snapshot.cursor, of.kind, operator_id, state, limit=_SHOWN_MAX)

    def present(view: View, found: Sequence[MatterRow]) -> Response:
        rows = [matter_row(of, each) for each in found]
        begun = {name: call.query.get(name) for name in _BEGUN}
        return render(template, view, filters=_FILTERS, table=_table(view, of, rows), begun=begun)

    return await call.show(ask, present)


def _table(view: View, of: Proposed, rows: Sequence[Mapping[str, Any]]) -> Table:
    noun = "a write-off" if of is WRITE_OFFS else "an adjustment"
    columns = [
        Column(of.field, of.noun, "short", lambda row: view.link(of.place, row[of.field])),
        Column("operator_id", "Operator", "id", lambda row: _operator(view, row)),
        *([Column("account", "Account", "id")] if of is WRITE_OFFS else [Column("direction", "Direction")]),
        Column("state", "State", "badge"),
        Column("amount", "Amount", "money", lambda row: view.link(of.place, row[of.field])),
        Column("reason_code", "Reason"),
        Column("proposed_by", "Proposed by"),
        Column("decided_by", "Decided by"),
    ]
    return Table(
        columns,
        rows,
        f"{of.noun}s, newest first. Each opens what it is, and is decided there.",
        of.noun.lower().replace("-", "_"),
        of.field,
        empty="There is none that fits." if view.is_filtered(_FILTERS) else f"Nobody has proposed {noun}.",
        exports=_exports(view, f"/v1{of.place}"),
    )


def _exports(view: View, resource: str) -> dict[str, str]:
    """All rows of the filter as files; what begins a form is none."""
    asked = {each.name: view.query.get(each.name) for each in _FILTERS}
    files = {"CSV": "csv", "Excel": "xlsx", "JSON": None}
    return {label: address(resource, asked | {"format": form}) for label, form in files.items()}


def _operator(view: View, row: Mapping[str, Any]) -> str | None:
    return view.link("/operators", row["operator_id"]) if row["operator_id"] else None


async def _one(call: PageCall, of: Proposed) -> Response:
    """One of them; it is decided by somebody else than who proposed it."""
    id_ = call.path[of.field]

    def ask(snapshot: Snapshot) -> dict[str, Any]:
        found = find_matter(snapshot.cursor, of.kind, id_)
        if found is None:
            raise not_found(of.noun.lower(), id_)
        return of.document(found)

    def present(view: View, document: Mapping[str, Any]) -> Response:
        return render(
            "matter.html",
            view,
            matter=document,
            title=f"{of.noun} {id_[:8]}",
            facts=matter_facts(view, document),
            decision=matter_decision(view, of, call.principal, document),
            tag=tag_of(document),
        )

    return await call.show(ask, present)


@page("/adjustments", Right.BOOK, *_BEGUN, "state")
async def adjustments(call: PageCall) -> Response:
    """All adjustments, and the form for a new one."""
    return await _list(call, ADJUSTMENTS, "adjustments.html")


@page("/adjustments/{adjustment_id}", Right.BOOK)
async def adjustment(call: PageCall) -> Response:
    """One adjustment."""
    return await _one(call, ADJUSTMENTS)


@page("/write-offs", Right.BOOK, *_BEGUN, "state")
async def write_offs(call: PageCall) -> Response:
    """All write-offs, and the form for a new one."""
    return await _list(call, WRITE_OFFS, "write_offs.html")


@page("/write-offs/{write_off_id}", Right.BOOK)
async def write_off(call: PageCall) -> Response:
    """One write-off."""
    return await _one(call, WRITE_OFFS)


ROUTES = (adjustments, adjustment, write_offs, write_off)
