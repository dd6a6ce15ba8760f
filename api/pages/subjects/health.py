"""Health: what runs, how far everything is, what waits, and when the book was last verified."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from api.access.roles import Right, may
from api.call import tag_of
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Table
from api.pages.view import View
from api.v1.payee_checks import opted
from domain.book.words import HELD_BY_CODE
from projections.documents.system_state import state_document
from projections.queries import totals
from projections.reading import Snapshot
from projections.system_state import state_within


@page("/health", Right.SYSTEM)
async def health(call: PageCall) -> Response:
    """The state of the system, of one snapshot."""

    def ask(snapshot: Snapshot) -> Mapping[str, Any]:
        state = {**state_document(state_within(snapshot.cursor)), "totals": totals(snapshot.cursor)}
        return state | {"payees": opted(snapshot) if may(call.principal.duty, Right.BOOK) else None}

    def present(view: View, state: Mapping[str, Any]) -> Response:
        return render(
            "health.html",
            view,
            state=state,
            payees_tag=tag_of(state["payees"]) if state["payees"] else None,
            pieces=_pieces(state["pieces"]),
            read_models=_read_models(state["projections"]),
            partitions=_partitions(state["intake"]["partitions"]),
            waiting=_waiting(view, state),
            standing=_standing(view, state),
            runs=_runs(view, state["runs"]),
            checks=_checks(state["verified"]),
        )

    return await call.show(ask, present)


def _pieces(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        Column("piece", "Piece"),
        Column("state", "State", "badge"),
        Column("last_sign_at", "Last sign", "time"),
        Column("started_at", "Since", "time"),
    ]
    empty = "Nothing runs that gives signs: settled by hand, or by processes that have ended."
    return Table(columns, rows, "What runs", empty=empty)


def _read_models(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        Column("name", "Read model", "id"),
        Column("events_behind", "Behind", "number", unit="events"),
        Column("seconds_behind", "Behind", "number", unit="s"),
    ]
    return Table(columns, rows, "How far read models are behind the event store")


def _partitions(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        Column("topic", "Topic", "id"),
        Column("partition", "Partition", "number"),
        Column("next_offset", "Next offset", "number"),
        Column("event_time", "Latest event", "time"),
    ]
    return Table(columns, rows, "How far the intake has read", empty="Nothing was read yet.")


def _waiting(view: View, state: Mapping[str, Any]) -> Table:
    rows: list[dict[str, Any]] = [
        {"what": "Dead letters", "count": state["dead_letters"]["waiting"], "href": view.link("/dead-letters")},
        {"what": "Messages to be sent", "count": state["outbox"]["waiting"], "href": None},
        *(
            {"what": kind.replace("_", " ").capitalize(), "count": count, "href": view.link("/breaks", kind=kind)}
            for kind, count in sorted(state["findings"].items())
        ),
        *(
            {
                "what": f"Open on {code}: {HELD_BY_CODE.get(code, '')}",
                "count": count,
                "href": view.link("/accounts", code=code),
            }
            for code, count in sorted(state["open_items"].items())
        ),
    ]
    columns = [Column("what", "What", href=lambda row: row["href"]), Column("count", "How many", "number")]
    return Table(columns, rows, "What waits")


def _standing(view: View, state: Mapping[str, Any]) -> Table:
    rows = [
        {"what": noun, "state": each, "count": count, "href": view.link(path, **{name: each})}
        for noun, path, name, counts in (
            ("Sessions", "/sessions", "state", state["sessions"]),
            ("Payouts", "/payouts", "status", state["payouts"]),
        )
        for each, count in sorted(counts.items())
    ]
    columns = [
        Column("what", "What"),
        Column("state", "State", "badge", lambda row: row["href"]),
        Column("count", "How many", "number"),
    ]
    return Table(columns, rows, "Where sessions and payouts stand", empty="There is none yet.")


def _runs(view: View, found: Sequence[Mapping[str, Any]]) -> Table:
    rows = [{**each, "state": "DUE" if each["due"] else None} for each in found]
    columns = [
        Column("operator_id", "Operator", href=lambda row: view.link("/operators", row["operator_id"])),
        Column("last_date", "Paid through", "date"),
        Column("last_at", "Last run", "time"),
        Column("next_at", "Next run", "time"),
        Column("state", "Due", "badge"),
    ]
    return Table(columns, rows, "Payout runs", kind="operator", key="operator_id", empty="No run was made yet.")


def _checks(verified: Mapping[str, Any] | None) -> Table | None:
    if verified is None:
        return None
    columns = [
        Column("name", "Check"),
        Column("severity", "Severity"),
        Column("examined", "Examined", "number"),
        Column("found", "Found", "number"),
    ]
    return Table(columns, verified["checks"], "What was examined, and what was found")


ROUTES = (health,)
