"""What operators are owed and have not got, by cause, with the sessions and payouts behind each."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from starlette.responses import RedirectResponse, Response

from api.access.roles import Right
from api.pages import charts
from api.pages.figures import parts_of
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Sum, Table
from api.pages.view import AS_OF, Filter, View
from api.problems import bad_parameter
from domain.money import format_minor
from domain.network.cash_causes import Cause
from projections.as_of import AsOf
from projections.documents.network_cash import not_collected_document, part_document
from projections.network.cause_parts import TOLD, CausePart, Suspended, cause_parts, suspended
from projections.network.not_collected import NotCollected, not_collected
from projections.reading import Snapshot

_FILTERS: Final = (Filter("operator_id", "Operator"), Filter("currency", "Currency"))
_NAMES: Final = tuple(each.name for each in _FILTERS)

# What each cause is called, in the order in which a cent meets them.
WORDS: Final[Mapping[Cause, str]] = {
    Cause.NOT_CAPTURED: "Not captured from the driver",
    Cause.PAYMENT_FAILED: "The driver's payment failed",
    Cause.NOT_SETTLED: "Captured, not settled by the provider",
    Cause.ROAMING_NOT_ACCEPTED: "Not accepted by the partner",
    Cause.ROAMING_UNPAID: "Not paid by the partner",
    Cause.IN_DELAY: "Released, in its days of delay",
    Cause.AWAITING_RUN: "Available, waits for a run",
    Cause.BELOW_MINIMUM: "Below what a run pays",
    Cause.AWAITING_APPROVAL: "In a payout that waits for approval",
    Cause.RESERVED: "Held as reserve",
    Cause.DISPUTED: "Disputed",
    Cause.IN_TRANSIT: "On its way to the bank",
    Cause.RETURNED: "Came back, on its way again",
}
# The lines of an operator that a cause of what is available is made of, by their state.
_STATE_OF: Final = {
    Cause.AWAITING_RUN: "PAYABLE",
    Cause.BELOW_MINIMUM: "PAYABLE",
    Cause.AWAITING_APPROVAL: "SET_ASIDE",
}
_OF_PAYOUTS: Final = frozenset({Cause.IN_TRANSIT, Cause.RETURNED})


@dataclass(frozen=True, slots=True)
class _Found:
    each: Sequence[NotCollected]
    waiting: Mapping[str, Suspended]


@page("/cash/not-collected", Right.MONEY, *_NAMES, as_of=True)
async def collected(call: PageCall) -> Response:
    """By currency the causes, as a picture with a table; and what each operator has of them."""
    operator_id, currency = (call.query.get(name) or None for name in _NAMES)

    def ask(snapshot: Snapshot) -> _Found:
        asked = AsOf(call.as_of.effective_at, call.as_of.known_at, snapshot.known)
        found = not_collected(snapshot.cursor, asked, operator_id, currency)
        return _Found(found, suspended(snapshot.cursor, operator_id))

    def present(view: View, found: _Found) -> Response:
        of_currency: dict[str, list[NotCollected]] = defaultdict(list)
        for each in found.each:
            of_currency[each.currency].append(each)
        tables = [_causes(view, name, rows) for name, rows in sorted(of_currency.items())]
        return render("not_collected.html", view, filters=_FILTERS, tables=tables, table=_operators(view, found))

    return await call.show(ask, present)


def _causes(view: View, currency: str, found: Sequence[NotCollected]) -> Table:
    """The causes of one currency, each with a bar that begins where the one before ended."""
    sums = [sum(each.amounts[cause] for each in found) for cause in Cause]
    whose = found[0].operator_id if len(found) == 1 else None
    bars = charts.steps([Decimal(format_minor(amount, currency)) for amount in sums])
    rows = [
        {
            "cause": cause.value,
            "words": WORDS[cause],
            "amount": format_minor(amount, currency),
            "currency": currency,
            "bar": bar,
            "href": _parts_of(view, whose, currency, cause) if whose and amount else None,
        }
        for cause, amount, bar in zip(Cause, sums, bars, strict=False)
    ]
    columns = [
        Column("words", "Cause", href=lambda row: row["href"]),
        Column("cause", "Code", "id"),
        Column("amount", "Amount", "money"),
        Column("bar", "On top of those before", "html"),
    ]
    total = Sum("All of it", {"amount": format_minor(sum(sums), currency)}, currency, total="amount")
    of = f"of {whose}" if whose else f"of {len(found)} operators"
    return Table(columns, rows, f"What has not come, {currency}, {of}", kind="cause", key="cause", sums=[total])


def _parts_of(view: View, operator_id: str, currency: str, cause: Cause) -> str:
    state = _STATE_OF.get(cause)
    if state is None:
        parts = {"operator_id": operator_id, "currency": currency, "cause": cause.value}
        return view.link("/cash/not-collected/parts", **parts)
    if any(name in view.query for name in AS_OF):
        return parts_of(view, operator_id, currency, "available")
    return view.link("/operators", operator_id, "lines", state=state, currency=currency)


def _operators(view: View, found: _Found) -> Table:
    rows = []
    for each in found.each:
        document = not_collected_document(each, found.waiting.get(each.operator_id))
        parts = [
            charts.Part(label, shade, sum((Decimal(document["causes"][cause]) for cause in causes), Decimal(0)))
            for label, shade, causes in _GROUPS
        ]
        rows.append(
            {
                **document,
                "key": f"{each.operator_id} {each.currency}",
                "bar": charts.split(parts, view.reader),
                "suspended_wh": document["suspended"]["energy_wh"],
            }
        )
    columns = [
        Column("operator_id", "Operator", "id", lambda row: view.here(operator_id=row["operator_id"])),
        Column("currency", "Currency"),
        Column("total", "Not collected", "amount"),
        Column("bar", "By group of causes", "html"),
        Column("suspended_wh", "In suspense now", "number", unit="Wh"),
    ]
    caption = "What each operator has not got: pending, available, reserved, disputed and in transit"
    return Table(
        columns,
        rows,
        caption,
        kind="position",
        key="key",
        empty="Nothing was earned yet.",
        exports=view.exports("/v1/cash/not-collected"),
    )


# Causes that are one thing to whoever looks at many operators, with the class that colours them.
_GROUPS: Final = (
    ("Waits for a payment", "pending", ("NOT_CAPTURED", "PAYMENT_FAILED", "NOT_SETTLED")),
    ("Waits for a partner", "to-fix", ("ROAMING_NOT_ACCEPTED", "ROAMING_UNPAID")),
    ("Waits for a run", "available", ("IN_DELAY", "AWAITING_RUN", "BELOW_MINIMUM", "AWAITING_APPROVAL")),
    ("Held", "reserved", ("RESERVED", "DISPUTED")),
    ("On its way", "in-transit", ("IN_TRANSIT", "RETURNED")),
)


@page("/cash/not-collected/parts", Right.MONEY, *_NAMES, "cause", as_of=True, listed="/v1/cash/not-collected/parts")
async def parts(call: PageCall) -> Response:
    """The sessions and payouts that a cause is the sum of."""
    if not any(call.query.get(name) for name in (*_NAMES, "cause")):
        # Nobody is led here without them but by an address that was cut short: there is one to choose from.
        return RedirectResponse("/cash/not-collected", 303, {"Cache-Control": "no-store"})
    part, of = call.page, _asked(call.query)
    keys: Any = part.keys(str)

    def ask(snapshot: Snapshot) -> tuple[Sequence[CausePart], int]:
        asked = AsOf(call.as_of.effective_at, call.as_of.known_at, snapshot.known)
        found = cause_parts(snapshot.cursor, of, asked, part.limit + 1, keys[0] if keys else None)
        sums = not_collected(snapshot.cursor, asked, of[0], of[1])
        return found, sum(each.amounts[of[2]] for each in sums)

    def present(view: View, found: tuple[Sequence[CausePart], int]) -> Response:
        rows, total = found
        following = part.cursor(rows[part.limit - 1].subject) if rows[part.limit :] else None
        return render(
            "not_collected_parts.html",
            view,
            operator_id=of[0],
            currency=of[1],
            cause=of[2].value,
            words=WORDS[of[2]],
            total=format_minor(total, of[1]),
            table=_parts(view, of, rows[: part.limit], following),
        )

    return await call.show(ask, present)


def _asked(query: Mapping[str, str]) -> tuple[str, str, Cause]:
    """Whose, in which currency and of which cause; raises Problem 400 where one is missing or is none."""
    operator_id, currency, cause = (query.get(name) or "" for name in (*_NAMES, "cause"))
    for name, told in zip(_NAMES, (operator_id, currency), strict=True):
        if not told:
            raise bad_parameter(name, "is missing: name one")
    if cause not in {each.value for each in TOLD}:
        raise bad_parameter("cause", f"is one of {', '.join(each.value for each in TOLD)}")
    return operator_id, currency, Cause(cause)


def _parts(view: View, of: tuple[str, str, Cause], found: Sequence[CausePart], following: str | None) -> Table:
    place = "/payouts" if of[2] in _OF_PAYOUTS else "/sessions"
    columns = [
        Column("subject", "Session or payout", "id", lambda row: view.link(place, row["subject"])),
        Column("amount", "Amount", "money"),
        Column("since", "Since", "time"),
    ]
    return Table(
        columns,
        [part_document(each, of[1]) for each in found],
        "By session or payout, in the order of their ids",
        kind="part",
        key="subject",
        empty="Nothing stands there.",
        exports=view.exports("/v1/cash/not-collected/parts"),
        pages=view.pages(following),
    )


ROUTES = (collected, parts)
