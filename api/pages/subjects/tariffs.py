"""Tariffs: every version that was published, what is odd about it, and the sessions that are rated by it."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import orjson
from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.raw import indented
from api.pages.rendering import render
from api.pages.subjects.sessions import operator_href, operator_link, zone_of_operator
from api.pages.table import Column, Row, Sum, Table
from api.pages.view import Filter, View
from api.problems import not_found
from projections.documents.tariffs import published_document, tariff_document
from projections.reading import Snapshot
from projections.tariffs import PublishedTariff, list_tariffs, versions_of

FILTERS = (Filter("operator_id", "Operator"),)


@page("/tariffs", Right.MONEY, *(each.name for each in FILTERS), listed="/v1/tariffs")
async def tariffs(call: PageCall) -> Response:
    """Versions by operator and in the order in which they arrived."""
    part = call.page
    wanted = call.query.get("operator_id") or None

    def ask(snapshot: Snapshot) -> tuple[list[PublishedTariff], str | None]:
        keys: Any = part.keys(str, int)
        found = list_tariffs(snapshot.cursor, wanted, limit=part.limit + 1, after=keys)
        shown = found[: part.limit]
        return shown, part.cursor(shown[-1].operator_id, shown[-1].seq) if found[part.limit :] else None

    def present(view: View, found: tuple[list[PublishedTariff], str | None]) -> Response:
        return render("tariffs.html", view, filters=FILTERS, table=_list(view, *found))

    return await call.show(ask, present)


def _list(view: View, found: Sequence[PublishedTariff], cursor: str | None) -> Table:
    columns = [
        Column("tariff_id", "Tariff", href=lambda row: tariff_href(view, row)),
        Column("operator_id", "Operator", href=lambda row: operator_href(view, row["operator_id"])),
        Column("partner", "For"),
        Column("effective_from", "In effect from", "time"),
        Column("published", "Published", "time"),
        Column("sessions", "Sessions", "number", lambda row: rated_href(view, row)),
        Column("warnings", "Warnings", "number", lambda row: tariff_href(view, row)),
        Column("hash", "Version", "short"),
    ]
    rows = [_row(each) for each in found]
    return Table(
        columns,
        rows,
        "Versions of tariffs, by operator and in the order in which they arrived",
        kind="tariff",
        key="key",
        empty="No tariff was published yet.",
        exports=view.exports("/v1/tariffs"),
        pages=view.pages(cursor),
    )


def _row(version: PublishedTariff) -> dict[str, Any]:
    found = published_document(version)
    return {
        **found,
        "partner": version.partner or "everybody",
        "warnings": len(version.warnings),
        "key": f"{version.operator_id}/{version.tariff_id}/{version.hash}",
    }


def tariff_href(view: View, row: Row) -> str:
    """The address of a tariff's page."""
    return view.link("/tariffs", row["operator_id"], row["tariff_id"])


def rated_href(view: View, row: Row) -> str:
    """The sessions that a version rates."""
    return view.link("/sessions", operator_id=row["operator_id"], tariff_hash=row["hash"])


@page("/tariffs/{operator_id}/{tariff_id}", Right.MONEY)
async def tariff(call: PageCall) -> Response:
    """One tariff: its versions, their warnings, and what each says."""
    operator_id, tariff_id = call.path["operator_id"], call.path["tariff_id"]

    def ask(snapshot: Snapshot) -> tuple[list[PublishedTariff], str | None]:
        versions = versions_of(snapshot.cursor, operator_id, tariff_id)
        if not versions:
            raise not_found("tariff", f"{operator_id}/{tariff_id}")
        return versions, zone_of_operator(snapshot, operator_id)

    def present(view: View, found: tuple[list[PublishedTariff], str | None]) -> Response:
        versions, _ = found
        document = tariff_document(versions)
        return render(
            "tariff.html",
            view,
            tariff_id=document["tariff_id"],
            facts=[("Operator", operator_link(view, operator_id)), ("Versions", view.reader.number(len(versions)))],
            table=_versions(view, versions, document["sessions"]),
            warnings=_warnings(versions),
            texts=[(view.reader.time(each.effective_from), each, _text(each)) for each in reversed(versions)],
            anew=_anew(view, operator_id, tariff_id),
            api=f"/v1/tariffs/{quote(operator_id, safe='')}/{quote(tariff_id, safe='')}",
        )

    return await call.show(ask, present, lambda found: found[1])


def _versions(view: View, versions: Sequence[PublishedTariff], sessions: int) -> Table:
    columns = [
        Column("effective_from", "In effect from", "time"),
        Column("published", "Published", "time"),
        Column("partner", "For"),
        Column("hash", "Version", "short"),
        Column("warnings", "Warnings", "number"),
        Column("sessions", "Sessions", "number", lambda row: rated_href(view, row)),
    ]
    rows = [_row(each) for each in versions]
    return Table(
        columns,
        rows,
        "Versions; sessions are those that are rated by each now",
        kind="version",
        key="key",
        sums=[Sum("All", {"sessions": sessions})],
    )


def _warnings(versions: Sequence[PublishedTariff]) -> Table:
    rows = [
        {**warning, "hash": each.hash, "key": f"{each.hash} {number}"}
        for each in versions
        for number, warning in enumerate(each.warnings)
    ]
    columns = [
        Column("code", "Warning"),
        Column("path", "Where"),
        Column("sentence", "Says"),
        Column("hash", "Version", "short"),
    ]
    return Table(columns, rows, "Warnings that versions were accepted with", kind="warning", key="key", empty="None.")


def _anew(view: View, operator_id: str, tariff_id: str) -> str | None:
    """Where sessions are rated anew by a tariff, for who may look at that."""
    if not view.may(Right.RERATE):
        return None
    return view.link("/rerating-orders", operator_id=operator_id, tariff_id=tariff_id)


def _text(version: PublishedTariff) -> str:
    return indented(orjson.dumps(dict(version.tariff)))


ROUTES = (tariffs, tariff)
