"""Sessions rated anew by another tariff: what it would come to, and the order to do so."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.responses import Response

from api.access.bodies import refuse_other_bodies
from api.access.roles import Right
from api.actions.asked import ASKED, Asked
from api.actions.bodies import Rating, RatingOrder
from api.actions.described import acts
from api.actions.desk import Plan, desk_of
from api.call import Call, plain_call_for
from api.parameters import moment
from api.problems import Problem, not_found, unavailable
from api.resource import answers, resources
from api.shapes import Keyed, Loose
from domain.catalogue.catalogue import Catalogue
from domain.errors import AmountError
from domain.tariff.published import taxes_of
from domain.tariff.taxes import Tax
from engine.errors import OrderRefused
from engine.rating_orders import Wanted, latest_tariff, made_order, order_event
from engine.what_if import Order, Totals, what_if_in
from engine.what_if_documents import order_currency, order_document, session_if_document, totals_document
from ledger.access.actions import action_id
from ledger.access.duties import Duty
from ledger.database import Role
from ledger.errors import MachineryFault
from ledger.intake.catalogue import KnownCatalogue
from projections.action_state import SOURCE
from projections.documents.network_costs import margins_if_document
from projections.network.margins_if import Change, margins_if
from projections.reading import Scope, Snapshot

router = resources("tariffs")

# Of more sessions the sums alone are told; each of them takes as long to judge as when it was rated.
_LISTED_MAX: Final = 1_000
_AT_ONCE: Final = 2
_AMOUNTS: Final = {
    "net": "1024.50",
    "gross": "1239.65",
    "share": "1162.10",
    "commission": "64.09",
    "commission_vat": "13.46",
}
_SESSION: Final = {
    "session_id": "S-1001",
    "energy_wh": "20110",
    "gross": "11.82",
    "share": "11.08",
    "gross_under": "10.05",
    "share_under": "9.42",
    "difference": "-1.77",
    "shortfall": "0.00",
    "refund_due": "1.77",
    "refused": None,
}
_TIMES: Final = ("median_s", "mean_s", "median_s_under", "mean_s_under")
_EXAMPLE: Final = {
    "order": Loose(
        {
            "operator_id": "OP-NL",
            "ordered_at": "2026-03-25T10:00:00Z",
            "started_from": "2026-03-01T00:00:00Z",
            "started_before": "2026-03-08T00:00:00Z",
            "sessions_of_tariff": "FAST",
            "tariff_id": "FAST",
            "currency": "EUR",
            "taxes": [],
        },
        nullable=("sessions_of_tariff",),
    ),
    "sessions": [Loose(_SESSION, nullable=("energy_wh", "gross_under", "share_under", "refused"))],
    "sessions_listed": 1,
    "totals": {
        "currency": "EUR",
        "sessions": 1,
        "sessions_changed": 1,
        **dict.fromkeys(("billed", "under", "by_an_order"), _AMOUNTS),
        "shortfall": "0.00",
        "refunds_due": "1.77",
        "cdrs": 1,
        "cdrs_under": 1,
        "credit_cdrs_to_issue": 1,
        "cdrs_to_issue": 1,
        "refused": Keyed({"NOT_PRICED": 1}),
        "not_rated": Keyed({"SUSPENSE": 1}),
    },
    "margins": Loose(
        {
            "currency": "EUR",
            "sessions": 1,
            "margin": "4.02",
            "margin_under": "2.56",
            "difference": "-1.46",
            "without_margin": 0,
            "missing": ["ENERGY"],
            "days_to_cash": Loose({"paid": 1, **dict.fromkeys(_TIMES, 224_640)}, nullable=_TIMES),
        },
        nullable=("margin", "margin_under", "difference"),
    ),
}

_places = asyncio.Semaphore(_AT_ONCE)


@router.post(
    "/rerating-orders/preview",
    summary="What sessions would come to by another tariff",
    responses=answers(_EXAMPLE, 404, 413, 415, 422),
)
async def preview_order(
    body: Rating,
    call: Annotated[Call, plain_call_for(Right.RERATE_PREVIEW)],
    _json: Annotated[None, Depends(refuse_other_bodies)],
) -> Response:
    """What `wattledger rerate --json` prints; nothing is stored. Of more than 1,000 sessions the sums are told alone.

    An operator asks for its own sessions.
    """
    return call.json(await previewed(call, body))


async def previewed(call: Call, body: Rating) -> dict[str, Any]:
    """What sessions would come to, as a document. Raises Problem 404, 422 and 503."""
    if call.principal.duty is Duty.OPERATOR and body.operator_id not in call.principal.operators:
        raise not_found("operator", body.operator_id)

    def ask(snapshot: Snapshot) -> dict[str, Any]:
        catalogue = _catalogue(snapshot)
        order = _order(catalogue, body, datetime.now(UTC))
        return _what_if(snapshot, catalogue, order)

    def read() -> dict[str, Any]:
        with call.surface.readers.stream(Scope(Role.AUDITOR)) as snapshot:
            return ask(snapshot)

    async with _places:
        try:
            return await asyncio.to_thread(read)
        except MachineryFault as fault:
            raise unavailable(str(fault)) from fault


@router.post("/rerating-orders", summary="Order sessions rated by another tariff", **acts())
async def order_rerating(
    body: RatingOrder, call: Annotated[Call, plain_call_for(Right.RERATE)], asked: Asked = ASKED
) -> Response:
    """As `wattledger rerate --apply`, from now on; its id is the action's. Credit CDRs follow by the clock."""
    desk, order_id = desk_of(call), str(action_id(call.principal.name, asked.key))

    async def plan() -> Plan:
        now = datetime.now(UTC)
        order = await call.read(
            lambda snapshot: _order(_catalogue(snapshot), body, now, reason=body.reason, order_id=order_id)
        )
        return Plan(desk.deed(order_event(order), subject=order_id, operator_id=body.operator_id))

    return await desk.act(call, asked, plan)


def _catalogue(snapshot: Snapshot) -> Catalogue:
    known = KnownCatalogue()
    known.read(snapshot.cursor)
    return known.catalogue


def _order(
    catalogue: Catalogue, body: Rating, now: datetime, *, reason: str | None = None, order_id: str | None = None
) -> Order:
    """The order that a body asks for. Raises Problem 422 where it would be refused, 404 for an unknown operator."""
    if body.operator_id not in catalogue.operators:
        raise not_found("operator", body.operator_id)
    tariff, taxes = _tariff(catalogue, body)
    wanted = Wanted(
        body.operator_id,
        _moment("started_from", body.started_from),
        _moment("started_before", body.started_before),
        tariff,
        taxes,
        now,
        sessions_of=body.sessions_of_tariff,
        reason=reason,
    )
    try:
        return made_order(catalogue, wanted, SOURCE, order_id)
    except OrderRefused as refused:
        raise Problem(422, "refused", str(refused), [{"pointer": "", "detail": str(refused)}]) from refused


def _tariff(catalogue: Catalogue, body: Rating) -> tuple[Mapping[str, Any], tuple[Tax, ...]]:
    given = _taxes(body)
    if (body.tariff is None) == (body.tariff_id is None):
        raise _refused("/tariff", "name one: tariff_id, of a published one, or tariff, an OCPI tariff")
    if body.tariff is not None:
        return body.tariff, given
    published = latest_tariff(catalogue, body.operator_id, body.tariff_id or "")
    if published is None:
        raise _refused("/tariff_id", f"{body.operator_id} published no tariff {body.tariff_id!r}")
    return published.document, given or published.taxes


def _taxes(body: Rating) -> tuple[Tax, ...]:
    try:
        return taxes_of(body.taxes)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AmountError):
        raise _refused("/taxes", 'cannot be read; write them as [{"name": "GST", "percent": "5"}]') from None


def _moment(field: str, text: str) -> datetime:
    try:
        return moment(text)
    except ValueError as error:
        raise _refused(f"/{field}", str(error)) from None


def _refused(pointer: str, detail: str) -> Problem:
    return Problem(422, "refused", f"{pointer}: {detail}", [{"pointer": pointer, "detail": detail}])


def _what_if(snapshot: Snapshot, catalogue: Catalogue, order: Order) -> dict[str, Any]:
    totals, currency = Totals(), order_currency(order)
    sessions: list[dict[str, Any]] = []
    changes: dict[str, Change] = {}
    for each in what_if_in(snapshot.cursor.connection, catalogue, order):
        totals.add(each)
        if each.billed is not None:
            changes[each.session_id] = Change(*each.brings)
            if len(sessions) < _LISTED_MAX:
                sessions.append(session_if_document(each, currency))
    return {
        "order": order_document(order),
        "sessions": sessions,
        "sessions_listed": len(sessions),
        "totals": totals_document(totals, currency),
        "margins": margins_if_document(margins_if(snapshot.cursor, changes), currency),
    }
