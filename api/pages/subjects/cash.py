"""The cash position: what operators are owed and where that is, days from plug-out to cash, what waits for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.access.roles import Right, asks, may
from api.pages import charts
from api.pages.elements import element
from api.pages.figures import FIGURES, PLACES, parts_of, parts_of_all
from api.pages.format import zone_of
from api.pages.page import PageCall, bare_view, failed, page
from api.pages.rendering import render
from api.pages.subjects.operators import asked_of
from api.pages.subjects.statements import moment_in
from api.pages.table import Check, Column, Sum, Table
from api.pages.view import Filter, View
from api.problems import Problem, bad_parameter
from domain.money import format_minor
from ledger.access.duties import Duty
from projections.cash import DayOfCash, Span, cash_by_day
from projections.cash_overview import ToDo, Waiting, owed_by_the_book, owed_sums, to_do
from projections.cash_position import CashPosition, balances_as_of, cash_positions, span_as_of
from projections.documents.balances import owed_document
from projections.documents.cash import cash_document, day_document
from projections.operators import names_of_operators, operator, zone_name
from projections.overview import Eyes, reach
from projections.queries import OperatorBalance
from projections.reading import Snapshot

# Where nobody says which days are meant: the last two weeks.
_DAYS_SHOWN: Final = 14
_DAYS_MAX: Final = 366
_FILTERS: Final = (
    Filter("operator_id", "Operator"),
    Filter("currency", "Currency"),
    Filter("from", "From", is_moment=True),
    Filter("to", "To, not included", is_moment=True),
)
_NAMES: Final = tuple(each.name for each in _FILTERS)


@dataclass(frozen=True, slots=True)
class _Found:
    positions: Sequence[CashPosition]
    sums: Mapping[str, OperatorBalance]
    operators: Mapping[str, int]
    book: Mapping[str, int] | None
    names: Mapping[str, str]
    zone: str
    span: Span
    currency: str | None
    days: Sequence[DayOfCash]
    to_do: ToDo | None


async def _cash(call: PageCall) -> Response:
    part = call.page
    after: Any = part.keys(str, str)

    def ask(snapshot: Snapshot) -> _Found:
        asked, is_now = asked_of(call, snapshot), _is_now(call, snapshot)
        operator_id, currency = call.query.get("operator_id") or None, call.query.get("currency") or None
        zone = _zone(call, snapshot, operator_id)
        span = _span(call, snapshot)._replace(operator_id=operator_id, currency=currency)
        cursor = snapshot.cursor
        positions = cash_positions(cursor, span._replace(limit=part.limit + 1, after=after), asked, is_now=is_now)
        balances = [
            each
            for each in balances_as_of(cursor, asked, operator_id, is_now=is_now)
            if currency in (None, each.currency)
        ]
        shown = currency or _most_common(balances)
        days = cash_by_day(cursor, span_as_of(span._replace(currency=shown), asked.effective_at), zone)
        sees_all = may(call.principal.duty, Right.BOOK)
        return _Found(
            positions,
            owed_sums(balances),
            Counter(each.currency for each in balances),
            owed_by_the_book(cursor, asked) if sees_all and operator_id is None else None,
            names_of_operators(cursor, sorted({each.moved.operator_id for each in positions})),
            zone,
            span,
            shown,
            days if shown else [],
            to_do(cursor) if sees_all else None,
        )

    def present(view: View, found: _Found) -> Response:
        rows = found.positions[: part.limit]
        last = rows[-1].moved if found.positions[part.limit :] else None
        cursor = part.cursor(last.operator_id, last.currency) if last else None
        return render(
            "cash.html",
            view,
            filters=_FILTERS,
            table=_table(view, found, rows, cursor),
            places=[charts.Part(label, name.replace("_", "-"), Decimal(0)) for name, label in PLACES.items()],
            chart=_chart(view, found),
            waiting=_to_do(view, found.to_do) if found.to_do else None,
        )

    return await call.show(ask, present, lambda found: found.zone)


def _is_now(call: PageCall, snapshot: Snapshot) -> bool:
    return call.as_of.effective_at is None and snapshot.known >= snapshot.position


def _zone(call: PageCall, snapshot: Snapshot, operator_id: str | None) -> str:
    """Whose days are meant: the zone of the address, that of the one operator that is meant, else UTC.

    What a reader chose earlier does not count: an address has the same figures for everybody.
    """
    asked = zone_of(call.query.get("zone"))
    if asked is not None:
        return asked.key
    own = call.principal.operators
    one = operator_id or (own[0] if call.principal.duty is Duty.OPERATOR and len(own) == 1 else None)
    known = operator(snapshot.cursor, one) if one else None
    return (zone_name(known) if known else None) or "UTC"


def _span(call: PageCall, snapshot: Snapshot) -> Span:
    """The span that is asked for; without a beginning the last days before its end."""
    since, before = (moment_in(call, name) for name in ("from", "to"))
    eyes = Eyes.OWN if call.principal.duty is Duty.OPERATOR else Eyes.ALL
    latest = call.as_of.effective_at or reach(snapshot.cursor, eyes).latest or datetime.now(UTC)
    end = before or latest
    if since is None:
        since = (end - timedelta(days=_DAYS_SHOWN)).replace(hour=0, minute=0, second=0, microsecond=0)
    if end < since:
        raise bad_parameter("to", "is before `from`")
    if end - since > timedelta(days=_DAYS_MAX):
        raise bad_parameter("from", f"is more than {_DAYS_MAX} days before the end: ask for a shorter time")
    return Span(since, before, snapshot.known)


def _most_common(balances: Sequence[OperatorBalance]) -> str | None:
    """The currency that most operators have, of several the first."""
    counted = Counter(each.currency for each in balances)
    return min(counted, key=lambda currency: (-counted[currency], currency), default=None)


# Where the money is ----------------------------------------------------------------------------------------------


def _table(view: View, found: _Found, rows: Sequence[CashPosition], cursor: str | None) -> Table:
    sees_book = found.book is not None
    has_to_fix = any(each.to_fix for each in found.sums.values())
    figures = {name: head for name, head in FIGURES.items() if name != "to_fix" or has_to_fix}

    def figure(name: str, head: str) -> Column:
        return Column(name, head, "amount", lambda row: parts_of(view, row["operator_id"], row["currency"], name))

    columns = [
        Column("operator", "Operator", "html"),
        Column("currency", "Currency", href=lambda row: view.here(currency=row["currency"], cursor=None)),
        *(figure(name, head) for name, head in figures.items()),
        Column("median", "Days, median", "number"),
        Column("p90", "9 of 10", "number"),
        Column("bar", "Owed, by place", "html"),
    ]
    sums = [
        Sum(
            "All operators",
            owed_document(each),
            currency,
            hrefs=parts_of_all(view, currency, each) if sees_book else {},
        )
        for currency, each in sorted(found.sums.items())
        if found.operators[currency] > 1
    ]
    places = [label.lower() for name, label in PLACES.items() if name in figures]
    return Table(
        columns,
        [_row(view, each, found.names) for each in rows],
        f"Owed = {' + '.join(places)}. Every figure opens what it is the sum of. Days are from plug-out to the bank.",
        kind="position",
        key="key",
        sums=sums,
        checks=[_check(view, found)] if found.book is not None else [],
        empty="Nothing was earned yet.",
        exports=view.exports("/v1/cash"),
        pages=view.pages(cursor),
    )


def _row(view: View, each: CashPosition, names: Mapping[str, str]) -> dict[str, Any]:
    document, operator_id = cash_document(each), each.moved.operator_id
    owed, days = document["owed"], document["days_to_cash"]
    href = view.link(f"/operators/{quote(operator_id, safe='')}")
    parts = [charts.Part(label, name.replace("_", "-"), Decimal(owed[name])) for name, label in PLACES.items()]
    return {
        **owed,
        "key": f"{operator_id} {document['currency']}",
        "operator_id": operator_id,
        "operator": Markup('<a href="{}">{}</a> <code class="id">{}</code>').format(
            href, names.get(operator_id, operator_id), operator_id
        ),
        "currency": document["currency"],
        "median": days["median"],
        "p90": days["p90"],
        "bar": charts.split(parts, view.reader),
    }


def _check(view: View, found: _Found) -> Check:
    """Whether the sums are the book's own."""
    book = found.book or {}
    sums = {currency: _owed(each) for currency, each in found.sums.items()}
    currencies = [currency for currency in sums if view.query.get("currency") in (None, "", currency)]
    differ = [
        f"{currency} {view.reader.amount_text(format_minor(book.get(currency, 0), currency), currency)}"
        for currency in currencies
        if sums[currency] != book.get(currency, 0)
    ]
    if differ:
        return Check(False, f"The book’s 2010 to 2060 come to other sums: {', '.join(differ)}.")
    return Check(
        True, "The sum of all operators is the book’s 2011, 2010, 2020, 2030, 2050 and 2060 in each currency."
    )


def _owed(each: OperatorBalance) -> int:
    return each.pending + each.available + each.reserved + each.disputed + each.in_transit + each.to_fix


# Earned and paid -------------------------------------------------------------------------------------------------


def _chart(view: View, found: _Found) -> dict[str, Any] | None:
    currency = found.currency
    if currency is None or not found.days:
        return None
    by_day = {each.day: each for each in found.days}
    first, last = min(by_day), max(by_day)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    documents = [day_document(by_day.get(day, DayOfCash(currency, day, 0, 0))) for day in days]
    series = [
        charts.Series("earned", "earned-bar", [Decimal(each["earned"]) for each in documents]),
        charts.Series("paid at the bank", "paid-bar", [Decimal(each["paid"]) for each in documents]),
    ]
    words = f"{view.reader.date_text(first)} to {view.reader.date_text(last)}, {found.zone}"
    caption = f"{currency} earned (light) and paid at the bank (dark), by day, {words}"
    columns = [Column("day", "Day", "date"), Column("earned", "Earned", "amount"), Column("paid", "Paid", "amount")]
    sums = {
        name: format_minor(sum(getattr(each, name) for each in found.days), currency) for name in ("earned", "paid")
    }
    span = {"from": found.span.since, "to": found.span.before, "currency": currency, "time_zone": found.zone}
    span |= {"operator_id": found.span.operator_id}
    table = Table(
        columns,
        documents,
        caption,
        kind="day",
        key="day",
        sums=[Sum("All of these days", sums, currency)],
        exports=_files(view, span),
    )
    labels = [str(day.day) for day in days]
    drawing = charts.bars(f"{currency} earned and paid by day", words, labels, series, view.reader)
    return {"drawing": drawing, "caption": caption, "series": series, "table": table}


def _files(view: View, span: Mapping[str, object]) -> dict[str, str]:
    path = "/v1/cash/days"
    return {
        "CSV": view.link(path, **span, format="csv"),
        "Excel": view.link(path, **span, format="xlsx"),
        "JSON": view.link(path, **span),
    }


# To do -----------------------------------------------------------------------------------------------------------


def _to_do(view: View, waits: ToDo) -> Table:
    approvals = view.link("/approvals")
    rows = [_waiting(view, "Payouts to approve", approvals, each) for each in waits.approvals]
    for each in waits.to_fix:
        href = view.link("/breaks", kind="PAYOUT_TO_FIX", currency=each.currency)
        rows.append(_waiting(view, "Failed or came back, and not paid again", href, each))
    for reason, count in waits.suspended.items():
        href = view.link("/sessions", state="SUSPENSE")
        rows.append(_plain(view, "Sessions in suspense", href, count, reason.replace("_", " ").lower()))
    for name, words, path in (
        ("breaks", "Amounts that do not match", "/breaks"),
        ("dead_letters", "Dead letters", "/dead-letters"),
    ):
        if view.counts.get(name):
            rows.append(_plain(view, words, view.link(path), view.counts[name], None))
    columns = [
        Column("what", "What", href=lambda row: str(row["href"])),
        Column("count", "How many", "number"),
        Column("amount", "Amount", "html"),
    ]
    return Table(columns, rows, "What waits for a person", empty="Nothing waits for anybody.")


def _waiting(view: View, what: str, href: str, each: Waiting) -> dict[str, Any]:
    shown = view.reader.amount(format_minor(each.amount, each.currency), each.currency, "waiting", with_currency=True)
    return {
        "what": what,
        "href": href,
        "count": each.payouts,
        "amount": element('<a class="figure" href="%s">%s</a>', href, shown),
    }


def _plain(view: View, what: str, href: str, count: int, words: str | None) -> dict[str, Any]:
    return {"what": what, "href": href, "count": count, "amount": Markup("{}").format(words) if words else None}


cash = page("/cash", Right.MONEY, *_NAMES, as_of=True, listed="/v1/cash")(_cash)
_first = page("/", Right.MONEY, *_NAMES, as_of=True, listed="/v1/cash")(_cash)


async def _home(request: Request) -> Response:
    """The cash position; who may not see it is led to the first page of their role."""
    try:
        principal = await request.app.state.surface.authenticate(request)
    except Problem as problem:
        return failed(request, problem)
    request.state.principal = principal
    if not may(principal.duty, Right.MONEY):
        return RedirectResponse(bare_view(request).home, 303, {"Cache-Control": "no-store"})
    found: Response = await _first.endpoint(request)
    return found


ROUTES = (cash, Route("/", asks(Right.SELF, _home), methods=["GET"], name="/"))
