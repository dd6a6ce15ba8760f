"""One business date of an operator: what was paid of it, and what held back what was not, to the cent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.subjects.operators import known_operator
from api.pages.subjects.payout_parts import after_keys, lines_table
from api.pages.table import Check, Column, Row, Sum, Table
from api.pages.view import Filter, View
from api.problems import bad_parameter, not_found
from domain.calendar import ONE_DAY
from domain.money import format_minor
from projections.documents.payout_day import day_document
from projections.documents.payout_explained import SENTENCES
from projections.operators import OperatorTerms, zone_name
from projections.payout_day import DayOfOperator, NothingPaidOfDay, day_of_operator, lines_left_out
from projections.payout_excluded import ExcludedSum
from projections.payout_story import PaidLine
from projections.reading import Snapshot

FILTERS = (Filter("date", "Business date"), Filter("currency", "Currency"))
_STATES = {
    "OPEN": "The day is not over",
    "WAITS": "Its run waits",
    "MADE": "Payouts were made",
    "NOTHING_PAID": "Nothing was paid",
    "NO_TERMS": "No terms by then",
}


@page("/operators/{operator_id}/payout-day", Right.MONEY, "date", "currency")
async def payout_day(call: PageCall) -> Response:
    """The payouts of a business date, and what its run left out where it paid nothing."""
    wanted, currency = _day(call.query), call.query.get("currency") or None

    def ask(snapshot: Snapshot) -> tuple[OperatorTerms, DayOfOperator]:
        return _found(snapshot, call.path["operator_id"], wanted, currency)

    def present(view: View, found: tuple[OperatorTerms, DayOfOperator]) -> Response:
        terms, of = found
        document = day_document(of)
        days = {"before": of.business_date - ONE_DAY, "after": of.business_date + ONE_DAY}
        return render(
            "payout_day.html",
            view,
            name=str(terms.in_effect().terms["name"]),
            day=document,
            state=_STATES[document["state"]],
            filters=FILTERS,
            payouts=_payouts_table(view, document["payouts"]),
            nothing_paid=[
                (told, _left_out_table(view, of, each, told))
                for each, told in zip(of.nothing_paid, document["nothing_paid"], strict=True)
            ],
            beside={name: view.here(date=day) for name, day in days.items()},
        )

    return await call.show(ask, present, lambda found: zone_name(found[0]))


def _day(query: Mapping[str, str]) -> date | None:
    text = query.get("date")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise bad_parameter("date", "is no day: write it as 2026-03-25") from None


def _found(
    snapshot: Snapshot, operator_id: str, day: date | None, currency: str | None
) -> tuple[OperatorTerms, DayOfOperator]:
    terms = known_operator(snapshot, operator_id)
    of = day_of_operator(snapshot.cursor, operator_id, day, currency, known=snapshot.known)
    if of is None:
        raise not_found("operator", operator_id)
    return terms, of


def _payouts_table(view: View, found: Sequence[Row]) -> Table:
    columns = [
        Column("payout_id", "Payout", "short", lambda row: view.link("/payouts", row["payout_id"])),
        Column("amount", "Amount", "money"),
        Column("attempt", "Attempt", "number"),
        Column("status", "Status", "badge"),
    ]
    return Table(columns, found, "Payouts of this business date", kind="payout", key="payout_id", empty="None.")


def _left_out_table(view: View, of: DayOfOperator, each: NothingPaidOfDay, told: Mapping[str, Any]) -> Table:
    """What the run left out in a currency; each sum opens its lines, and the check says that nothing is missing."""
    path = f"/operators/{of.operator_id}/payout-day/left-out"

    def lines(row: Row) -> str:
        query = {name: row[name] for name in ("reason", "available_on")}
        return view.link(path, date=of.business_date, currency=each.currency, set_aside_for=row["payout_id"], **query)

    rows = [
        {**row, "currency": each.currency, "with": _comes_with(view, sum_)}
        for row, sum_ in zip(told["excluded"], each.excluded, strict=True)
    ]
    columns = [
        Column("sentence", "Reason"),
        Column("entries", "Entries", "number"),
        Column("sessions", "Sessions", "number"),
        Column("amount", each.currency, "amount", lines),
        Column("with", "Comes with", "html"),
    ]
    sums = {name: sum(getattr(sum_, name) for sum_ in each.excluded) for name in ("entries", "sessions")}
    owed = view.reader.amount_text(told["payable_before"], each.currency)
    explained = told["payable_before"] == told["excluded_sum"]
    sentence = f"2010 and 2011 of {of.operator_id} stood at {owed} when the run fired"
    return Table(
        columns,
        rows,
        f"What was owed and not paid, in {each.currency}",
        kind="excluded",
        key="reason",
        section="excluded",
        sums=[Sum("All of it", {**sums, "amount": told["excluded_sum"]}, each.currency, "amount")],
        checks=[Check(explained, f"{sentence}: {'nothing is' if explained else 'something is'} unexplained.")],
    )


def _comes_with(view: View, each: ExcludedSum) -> Markup | None:
    if each.set_aside_for:
        href = view.link("/payouts", each.set_aside_for)
        return Markup('<a class="id" href="{}">{}</a>').format(href, each.set_aside_for[:8])
    if each.available_on:
        return Markup("<span>run of {}</span>").format(view.reader.date(each.available_on))
    return None


@dataclass(frozen=True, slots=True)
class _Part:
    terms: OperatorTerms
    of: DayOfOperator
    currency: str
    sum_: ExcludedSum
    lines: Sequence[PaidLine]


@page(
    "/operators/{operator_id}/payout-day/left-out", Right.MONEY,
    "date", "currency", "reason", "available_on", "set_aside_for",
    listed="/v1/operators/{operator_id}/payout-day/lines",
)  # fmt: skip
async def left_out_of_day(call: PageCall) -> Response:
    """The lines behind one sum of what was not paid of a business date."""
    query, part = call.query, call.page
    wanted, available_on = _day(query), _day({"date": query.get("available_on", "")})

    def ask(snapshot: Snapshot) -> _Part:
        terms, of = _found(snapshot, call.path["operator_id"], wanted, query.get("currency") or None)
        for each in of.nothing_paid:
            sum_ = each.sum_of(query.get("reason") or None, available_on, query.get("set_aside_for") or None)
            if sum_ is not None:
                lines = lines_left_out(snapshot.cursor, each, sum_, part.limit + 1, after_keys(part.keys(str, str)))
                return _Part(terms, of, each.currency, sum_, lines)
        raise not_found("sum of what was not paid", query.get("reason") or "")

    def present(view: View, found: _Part) -> Response:
        of, sum_ = found.of, found.sum_
        resource = f"/v1/operators/{of.operator_id}/payout-day/lines"
        return render(
            "payout_day_part.html",
            view,
            of=of,
            title=SENTENCES[sum_.reason],
            total=format_minor(sum_.amount, found.currency),
            currency=found.currency,
            table=lines_table(view, found.lines, part, found.currency, sum_.entries, resource),
            back=view.link(f"/operators/{of.operator_id}/payout-day", date=of.business_date),
        )

    return await call.show(ask, present, lambda found: zone_name(found.terms))


ROUTES = (payout_day, left_out_of_day)
