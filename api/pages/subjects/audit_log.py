"""The audit log as a page: who read or did what, the newest first."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Table
from api.pages.view import Filter, View
from api.problems import bad_parameter
from api.v1.audit_log import records_of
from ledger.access.duties import Duty
from projections.reading import Snapshot

_FILTERS: Final = (
    Filter("principal", "Who"),
    Filter("role", "Role", [duty.value for duty in Duty]),
    Filter("object", "Object"),
    Filter("path", "Address"),
    Filter("status", "Status"),
    Filter("request_id", "Request"),
)
_COLUMNS: Final = (
    Column("at", "At", "time"),
    Column("principal", "Who"),
    Column("role", "Role", "badge"),
    Column("method", "Method"),
    Column("path", "Address", "id"),
    Column("status", "Status"),
    Column("object", "Object", "id"),
    Column("request_id", "Request", "short"),
)


@page("/audit", Right.AUDIT_LOG, *(each.name for each in _FILTERS), listed="/v1/audit-log")
async def audit_log(call: PageCall) -> Response:
    """The records of a filter, a page at a time."""
    wanted = call.page
    asked: dict[str, Any] = {each.name: call.query[each.name] for each in _FILTERS if call.query.get(each.name)}
    if "status" in asked:
        asked["status"] = _status(asked["status"])
    of_log = replace(call, principal=call.principal.at_the_door())

    ask = records_of(asked, {})
    found = await of_log.read(lambda snapshot: ask(snapshot, wanted))

    def present(view: View, of: tuple[Sequence[Mapping[str, Any]], str | None]) -> Response:
        rows, cursor = of
        table = Table(
            _COLUMNS,
            rows,
            "Who read or did what, the newest first",
            "audit",
            "id",
            empty="Nothing was noted that fits.",
            exports=view.exports("/v1/audit-log"),
            pages=view.pages(cursor),
        )
        return render("audit_log.html", view, table=table, filters=_FILTERS)

    def ready(_: Snapshot) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        return found

    return await call.show(ready, present)


def _status(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 3):
        raise bad_parameter("status", "is a number of three digits, such as 404")
    return int(text)


ROUTES = [audit_log]
