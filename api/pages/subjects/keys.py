"""Keys, to look at: those that sign what people decide, and those by which programs ask."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Table
from api.pages.view import View
from api.v1.api_keys import keys_of


@page("/keys", Right.CREDENTIALS, listed="/v1/api-keys")
async def keys(call: PageCall) -> Response:
    """No secret is among them; they are made and ended by commands, and over HTTP."""
    wanted, at_the_door = call.page, replace(call, principal=call.principal.at_the_door())
    found = await at_the_door.read(lambda snapshot: keys_of(snapshot, wanted))
    # They stand in files.
    sign = await asyncio.to_thread(call.surface.decision_keys)

    def present(view: View, of: tuple[Sequence[Mapping[str, Any]], str | None]) -> Response:
        return render("keys.html", view, sign=_sign(sign), table=_programs(view, *of))

    return await call.show(lambda _: found, present)


def _sign(found: Sequence[tuple[str, bool]]) -> Table:
    columns = [Column("id", "Key", "id"), Column("state", "Signs here", "badge")]
    return Table(
        columns,
        [{"id": id_, "state": "SIGNS" if signs else None} for id_, signs in found],
        "What is signed by any of them counts",
        kind="decision_key",
        key="id",
        empty="There is none yet: the first is made with the first decision.",
    )


def _programs(view: View, rows: Sequence[Mapping[str, Any]], cursor: str | None) -> Table:
    columns = [
        Column("name", "Key"),
        Column("role", "Role", "badge"),
        Column("principal", "Acts as"),
        Column("operators", "Operators"),
        Column("last_used_at", "Last used", "time"),
        Column("expires_at", "Good until", "time"),
        Column("revoked_at", "Revoked", "time"),
        Column("created_by", "Made by"),
        Column("id", "Id", "id"),
    ]
    return Table(
        columns,
        [{**each, "role": each["role"].upper(), "operators": ", ".join(each["operators"]) or None} for each in rows],
        "Newest first",
        kind="api_key",
        key="id",
        empty="No program has a key.",
        exports=view.exports("/v1/api-keys"),
        pages=view.pages(cursor),
    )


ROUTES = (keys,)
