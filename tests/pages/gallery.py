"""Every component of the pages on one page, with figures of a demo: not served by the product."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, DictLoader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from api.pages import charts
from api.pages.assets import static_routes
from api.pages.format import reader_of
from api.pages.rendering import environment, render, render_error
from api.pages.table import Check, Column, Sum, Table
from api.pages.view import Filter, Moment, View

PLACES = ("pending", "available", "reserved", "disputed", "in_transit")
WAITING = {"approvals": 5, "breaks": 1, "dead_letters": 1}
OPERATORS: list[dict[str, Any]] = [
    {"operator_id": "OP-DE", "name": "Neckarlicht Ladeparks GmbH", "currency": "EUR", "pending": "0.00",
     "available": "141.86", "reserved": "53.44", "disputed": "0.00", "in_transit": "0.00", "owed": "195.30",
     "paid_out": "2444.81", "median": "1.8", "p90": "2.9"},
    {"operator_id": "OP-NL", "name": "Waddenstroom Laden BV", "currency": "EUR", "pending": "152.86",
     "available": "59.55", "reserved": "0.00", "disputed": "14.41", "in_transit": "255.16", "owed": "481.98",
     "paid_out": "1788.35", "median": "2.6", "p90": "3.0"},
    {"operator_id": "OP-JP", "name": "Sagami Juden KK", "currency": "JPY", "pending": "3185", "available": "17889",
     "reserved": "0", "disputed": "0", "in_transit": "0", "owed": "21074", "paid_out": "26951", "median": "2.7",
     "p90": "2.9"},
    {"operator_id": "OP-US", "name": "Mesa Alta Charging LLC <b>&", "currency": "USD", "pending": "-1.10",
     "available": "132.20", "reserved": "20.88", "disputed": "0.00", "in_transit": "203.03", "owed": "355.01",
     "paid_out": "500.82", "median": None, "p90": None},
]  # fmt: skip
STEPS = [
    ("Card sessions, gross", "121.94"),
    ("Commission on card sessions", "-10.36"),
    ("Roaming sessions, gross", "133.04"),
    ("Commission on roaming sessions", "-10.82"),
    ("Chargeback opened", "-14.41"),
]
ENTRIES = [
    {"effective_at": datetime(2026, 3, 19, 6 + n // 2, 51, tzinfo=UTC), "session_id": f"S-20{43 + n // 2}",
     "kind": "J02" if n % 2 else "J01", "amount": "-1.20" if n % 2 else "14.41", "currency": "EUR",
     "entry_id": f"17f82b2{n}-6a38-5d8e-9a2c-0123456789ab"}
    for n in range(8)
]  # fmt: skip


def _operators(view: View) -> Table:
    rows = [
        row
        | {"place": charts.split([charts.Part(p, p.replace("_", "-"), Decimal(row[p])) for p in PLACES], view.reader)}
        for row in OPERATORS
    ]
    columns = [
        Column("name", "Operator", href=lambda row: view.link(f"/operators/{row['operator_id']}")),
        Column("currency", "Currency"),
        *(
            Column(name, name.replace("_", " ").capitalize(), "amount", lambda row: view.link("/accounts"))
            for name in (*PLACES, "owed", "paid_out")
        ),
        Column("median", "Days, median", "number"),
        Column("p90", "9 of 10", "number"),
        Column("place", "Owed, by place", "html"),
    ]
    sums = {"pending": "152.86", "available": "201.41", "owed": "677.28", "paid_out": "4233.16"}
    return Table(
        columns,
        rows,
        "Owed = pending + available + reserved + disputed + in transit. Every figure opens what it is the sum of.",
        kind="operator",
        key="operator_id",
        sums=[Sum("All operators", sums, "EUR")],
        checks=[
            Check(True, "The sum of these lines is the book's 2011, 2010, 2020, 2030 and 2050 in each currency.")
        ],
        exports=view.exports("/v1/cash"),
    )


def _waterfall() -> Table:
    drawn = charts.steps([Decimal(amount) for _, amount in STEPS])
    rows = [
        {"label": label, "amount": amount, "currency": "EUR", "bar": bar}
        for (label, amount), bar in zip(STEPS, drawn, strict=False)
    ]
    columns = [
        Column("label", "Step"),
        Column("bar", "Drawn", "html"),
        Column("amount", "EUR", "amount", lambda _: "#"),
    ]
    paid = [Sum("Paid", {"amount": "219.39", "bar": drawn[-1]}, "EUR", total="amount")]
    return Table(
        columns, rows, "From gross to what was paid. Each step opens its entries.", section="waterfall", sums=paid
    )


def _entries(view: View) -> Table:
    columns = [
        Column("effective_at", "When", "time"),
        Column("session_id", "Session", href=lambda row: f"/sessions/{row['session_id']}"),
        Column("kind", "Kind"),
        Column("amount", "EUR", "amount"),
        Column("entry_id", "Entry", "short", lambda row: f"/entries/{row['entry_id']}"),
    ]
    return Table(columns, ENTRIES, "8 of 35, newest first", kind="entry", key="entry_id", pages=view.pages("abc"))


def _days(view: View) -> tuple[Any, Any, Table]:
    days = [date(2026, 3, day) for day in range(18, 32)]
    series = [
        charts.Series("earned", "earned-bar", [Decimal(300 + 17 * n % 90) for n in range(14)]),
        charts.Series("paid", "paid-bar", [Decimal(-40 if n == 3 else 55 * n) for n in range(14)]),
    ]
    labels = [view.reader.day_text(day) for day in days]
    drawing = charts.bars("Earned and paid", "EUR by day", labels, series, view.reader)
    rows = [
        {"day": day, "earned": f"{earned}.00", "paid": f"{paid}.00", "currency": "EUR"}
        for day, earned, paid in zip(days, series[0].values, series[1].values, strict=True)
    ]
    columns = [Column("day", "Day", "date"), Column("earned", "Earned", "amount"), Column("paid", "Paid", "amount")]
    return drawing, series, Table(columns, rows, "EUR by day")


def view_of(request: Request) -> View:
    """A reader by the request's own `lang` and `zone`."""
    query = dict(request.query_params)
    reader = reader_of([query.get("lang")], request.headers.get("accept-language", ""), [query.get("zone")])
    moment = Moment(
        datetime(2026, 3, 25, 14, 30, tzinfo=UTC),
        None,
        13204,
        200,
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 4, 1, tzinfo=UTC),
        datetime(2026, 3, 1, tzinfo=UTC),
    )
    role = query.get("role", "auditor")
    return View(reader, "/cash", query, "Mieke", role, WAITING, moment, "csrf")


async def gallery(request: Request) -> Response:
    """The page."""
    view = view_of(request)
    return render(
        "gallery.html",
        view,
        operators=_operators(view),
        waterfall=_waterfall(),
        entries=_entries(view),
        days=_days(view),
        nothing=Table([Column("a", "A"), Column("b", "B")], [], "Nothing", empty="No payout waits for anybody."),
        filters=[Filter("operator_id", "Operator"), Filter("status", "Status", ["PAID", "HELD"])],
        states=["PAID", "HELD", "AWAITING_APPROVAL", "RETURNED", "IN_TRANSIT"],
    )


async def error(request: Request) -> HTMLResponse:
    """The page of a failure."""
    return render_error(view_of(request), 404, "There is no such payout", "Check its id.", "a1b2")


def application() -> Starlette:
    """The gallery at `/`, a failure at `/error`, and the files of the product."""
    folder = Path(__file__).parent
    loader = DictLoader({"gallery.html": (folder / "gallery.html").read_text(encoding="utf-8")})
    made = environment()
    if not isinstance(made.loader, ChoiceLoader):
        assert made.loader is not None
        made.loader = ChoiceLoader([made.loader, loader])
    return Starlette(routes=[*static_routes(), Route("/", gallery), Route("/error", error)])
