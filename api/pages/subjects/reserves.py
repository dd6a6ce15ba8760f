"""What people keep back of what an operator is owed, apart from its rolling reserve, and what was given back."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from api.access.roles import Right
from api.actions.bodies import Release, Reserve
from api.pages.forms import Sent, form
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.subjects.operators import known_operator
from api.pages.table import Column, Table
from api.pages.view import View
from api.v1.operator_actions import hold_reserve, release_reserve
from domain.matter.judgement import MatterKind
from projections.documents.matters import hold_document
from projections.matters import list_matters
from projections.operators import OperatorTerms, zone_name
from projections.reading import Snapshot

_SHOWN_MAX = 100


@page("/operators/{operator_id}/reserves", Right.MONEY)
async def reserves(call: PageCall) -> Response:
    """Each with what is left of it; the newest ones."""

    def ask(snapshot: Snapshot) -> tuple[OperatorTerms, list[dict[str, Any]]]:
        terms = known_operator(snapshot, call.path["operator_id"])
        rows = list_matters(snapshot.cursor, MatterKind.HOLD, terms.operator_id, limit=_SHOWN_MAX)
        return terms, [hold_document(row) for row in rows]

    def present(view: View, found: tuple[OperatorTerms, list[dict[str, Any]]]) -> Response:
        terms, holds = found
        return render(
            "reserves.html",
            view,
            operator_id=terms.operator_id,
            currency=terms.in_effect().terms["currency"],
            table=_table(view, terms.operator_id, holds),
            trail=_trail(holds),
            held=[each for each in holds if each["state"] == "HELD"],
        )

    return await call.show(ask, present, lambda found: zone_name(found[0]))


def _table(view: View, operator_id: str, holds: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        {**each, "amount": each["amount"]["amount"], "left": each["left"]["amount"], "currency": _currency(each)}
        for each in holds
    ]
    columns = [
        Column("hold_id", "Reserve", "short"),
        Column("state", "State", "badge"),
        Column("amount", "Held", "money"),
        Column("left", "Left", "amount"),
        Column("until", "Until", "time"),
        Column("session_id", "Session", "id"),
        Column("reason", "Why"),
        Column("held_by", "By"),
        Column("held_at", "Since", "time"),
    ]
    return Table(
        columns,
        rows,
        "Reserves, newest first",
        "hold",
        "hold_id",
        empty="Nothing is held of this operator.",
        exports=view.exports(f"/v1/operators/{quote(operator_id, safe='')}/holds"),
    )


def _trail(holds: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        {
            **release,
            "hold_id": each["hold_id"],
            "amount": release["amount"]["amount"],
            "currency": _currency(each),
            "by": release["by"] or "its day",
        }
        for each in holds
        for release in each["releases"]
    ]
    columns = [
        Column("hold_id", "Reserve", "short"),
        Column("at", "Given back", "time"),
        Column("amount", "Amount", "money"),
        Column("by", "By"),
        Column("reason", "Why"),
    ]
    return Table(columns, rows, "What was given back", empty="Nothing was given back yet.")


def _currency(hold: Mapping[str, Any]) -> str:
    return str(hold["amount"]["currency"])


@form("/operators/{operator_id}/reserves/hold", Right.PROPOSE, reserves, "reserve")
async def hold(call: PageCall, sent: Sent) -> Response:
    """A new one."""
    body = sent.body(
        Reserve,
        amount=sent.money(),
        until=sent.time("until"),
        session_id=sent.text("session_id"),
        reason=sent.text("reason"),
    )
    return await hold_reserve(call.path["operator_id"], body, call, sent.asked)


@form("/operators/{operator_id}/reserves/{hold_id}/give-back", Right.PROPOSE, reserves, "give-back-{hold_id}")
async def give_back(call: PageCall, sent: Sent) -> Response:
    """A part of one, or all that is left."""
    amount = sent.money() if sent.text("amount") else None
    body = sent.body(Release, amount=amount, reason=sent.text("reason"))
    return await release_reserve(call.path["operator_id"], call.path["hold_id"], body, call, sent.asked)


ROUTES = (reserves, hold, give_back)
