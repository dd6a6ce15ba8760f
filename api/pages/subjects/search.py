"""Search: any id, from outside or inside, to the page that shows it."""

from typing import Any

from starlette.responses import RedirectResponse, Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import SECURITY_HEADERS, render
from api.pages.table import Column, Table
from api.pages.view import View
from api.problems import bad_parameter
from api.v1.search import QUERY_MAX
from ledger.access.duties import Duty
from projections.reading import Snapshot
from projections.search import Found, search

# Resources whose pages have another name.
_PAGES = {"/balances": "/accounts"}


@page("/search", Right.MONEY, "q")
async def found(call: PageCall) -> Response:
    """What has an id; where one thing has it, straight to its page."""
    asked = call.query.get("q", "").strip()
    if len(asked) > QUERY_MAX:
        raise bad_parameter("q", f"is longer than {QUERY_MAX} signs, as no id is")
    sees_all = call.principal.duty is not Duty.OPERATOR

    def ask(snapshot: Snapshot) -> list[Found]:
        return search(snapshot.cursor, asked, sees_all=sees_all)

    def present(view: View, hits: list[Found]) -> Response:
        places = {page_of(each) for each in hits}
        if len(places) == 1:
            return RedirectResponse(view.link(places.pop()), 303, dict(SECURITY_HEADERS))
        return render("search.html", view, asked=asked, table=_table(view, asked, hits))

    return await call.show(ask, present)


def page_of(hit: Found) -> str:
    """The page that shows what was found."""
    path, mark, query = hit.href.partition("?")
    return f"{_PAGES.get(path, path)}{mark}{query}"


def _table(view: View, asked: str, hits: list[Found]) -> Table:
    rows: list[dict[str, Any]] = [
        {
            "kind": each.kind.replace("_", " "),
            "id": each.id,
            "operator_id": each.operator_id,
            "href": page_of(each),
            "key": f"{each.kind} {each.id}",
        }
        for each in hits
    ]
    columns = [
        Column("kind", "What"),
        Column("id", "Id", "id", lambda row: view.link(row["href"])),
        Column("operator_id", "Operator"),
    ]
    return Table(
        columns,
        rows,
        f"{len(rows)} things have this id, or an id that begins so",
        kind="found",
        key="key",
        empty=f"Nothing that you may see has the id {asked!r}." if asked else "Write an id, or 6 digits of a UUID.",
    )


ROUTES = (found,)
