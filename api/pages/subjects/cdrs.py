"""One CDR as it went out."""

import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.raw import indented
from api.pages.rendering import render
from api.pages.subjects.entries import linked
from api.pages.subjects.sessions import operator_link, zone_of_operator
from api.pages.view import View
from api.problems import not_found
from projections.reading import Snapshot
from projections.session_list import CdrRow, CdrsWanted, list_cdrs


@page("/cdrs/{cdr_id}", Right.MONEY)
async def cdr(call: PageCall) -> Response:
    """A CDR or a credit CDR: whose it is, what it says, and its text in OCPI 2.2.1."""
    cdr_id = call.path["cdr_id"]

    def ask(snapshot: Snapshot) -> tuple[CdrRow, str | None]:
        rows = list_cdrs(snapshot.cursor, CdrsWanted(cdr_id=cdr_id), limit=1)
        if not rows:
            raise not_found("CDR", cdr_id)
        return rows[0], zone_of_operator(snapshot, rows[0].operator_id)

    def present(view: View, found: tuple[CdrRow, str | None]) -> Response:
        row, _ = found
        document = json.loads(row.document, parse_float=Decimal)
        raw = indented(row.document)
        api = f"/v1/cdrs/{quote(cdr_id, safe='')}"
        return render("cdr.html", view, row=row, facts=_facts(view, row, document), raw=raw, api=api)

    return await call.show(ask, present, lambda found: found[1])


def _facts(view: View, row: CdrRow, document: dict[str, Any]) -> list[tuple[str, Any]]:
    total = document.get("total_cost") or {}
    currency = str(document.get("currency") or "")
    reference = document.get("credit_reference_id")
    return [
        ("Session", linked(view, "/sessions", row.session_id)),
        ("Operator", operator_link(view, row.operator_id)),
        ("Issued", view.reader.time(row.issued_at, seconds=True)),
        ("Credits", linked(view, "/cdrs", reference)),
        ("Number of the session's", view.reader.number(row.number)),
        ("Without VAT", _cost(view, total.get("excl_vat"), currency)),
        ("With VAT", _cost(view, total.get("incl_vat"), currency)),
        ("CDR", Markup('<code class="id">{}</code>').format(row.cdr_id)),
    ]


def _cost(view: View, value: Decimal | int | None, currency: str) -> Markup | None:
    return None if value is None else view.reader.amount(str(value), currency, "total_cost", True)


ROUTES = (cdr,)
