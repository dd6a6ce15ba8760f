"""Operators: the terms in effect now, and the versions of their contracts."""

from typing import Annotated, Any

from fastapi import Depends
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import not_found
from api.resource import answers, resources
from api.tables import Column, Kind, texts, times
from projections.documents.operators import operator_document
from projections.documents.payee_checks import checked_account_document
from projections.operators import OperatorTerms, operator, operators
from projections.payee_checks import payee_checks
from projections.reading import Snapshot

router = resources("operators")

TABLE = Table(
    "operators",
    (
        *texts("operator_id", "name", "country_code", "party_id", "time_zone", "currency"),
        *times("effective_from"),
        Column("commission_percent", Kind.NUMBER, "commission.percent"),
        Column("commission_per_session", Kind.AMOUNT, "commission.per_session"),
        Column("commission_vat_percent", Kind.NUMBER, "commission.vat_percent"),
        *texts("psp_fee_bearer", "fund_release"),
        Column("payout_cutoff_time", field="payout.cutoff_time"),
        Column("payout_delay_days", Kind.NUMBER, "payout.delay_days"),
        Column("payout_minimum", Kind.AMOUNT, "payout.minimum"),
        Column("payout_reserve_percent", Kind.NUMBER, "payout.reserve_percent"),
        Column("payout_reserve_days", Kind.NUMBER, "payout.reserve_days"),
        Column("payout_requires_approval", field="payout.requires_approval"),
        Column("account_holder", field="bank_account.holder"),
        Column("account", field="bank_account.account"),
        Column("held", field="held.held"),
    ),
)
_EXAMPLE: dict[str, Any] = {
    "operator_id": "OP-NL",
    "name": "Waddenstroom Laden BV",
    "country_code": "NL",
    "party_id": "WAD",
    "time_zone": "Europe/Amsterdam",
    "currency": "EUR",
    "effective_from": "2026-03-01T00:00:00Z",
    "commission": {"percent": "7.5", "per_session": "0.00", "vat_percent": "21"},
    "psp_fee_bearer": "PLATFORM",
    "fund_release": "ON_SETTLEMENT",
    "payout": {
        "minimum": "25.00",
        "delay_days": 1,
        "cutoff_time": "02:30",
        "reserve_days": 30,
        "reserve_percent": "5",
        "requires_approval": False,
        "business_days_only": True,
    },
    "hold_overlaps": True,
    "bank_account": {"holder": "Waddenstroom Laden BV", "account": "NL** **** **** ..06"},
    "held": {"held": False, "reason": None},
    "versions": [
        {"in_effect_from": "2026-03-01T00:00:00Z", "published_at": "2026-03-01T00:00:00Z", "in_effect": True}
    ],
}

_CHECK: dict[str, Any] = {
    "holder": "Waddenstroom Laden BV",
    "account": "NL** **** **** ..06",
    "result": "CLOSE_MATCH",
    "suggested_name": "Waddenstroom Laden B.V.",
    "provider": "acme-vop",
    "at": "2026-03-10T10:20:00Z",
}


@router.get(
    "/operators",
    summary="Operators",
    responses=answers(
        {"data": [_EXAMPLE], "next_cursor": None, "as_of": {}}, description="Operators, by id.", files=True
    ),
)
async def list_operators(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    form: FormParameter = None,
) -> Response:
    """Operators by id, each with the terms in effect now."""

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        after = page.keys(str)
        found = operators(snapshot.cursor, page.limit + 1, after[0] if after else None)
        shown = found[: page.limit]
        more = len(found) > page.limit
        return [operator_document(each) for each in shown], page.cursor(shown[-1].operator_id) if more else None

    return await listed(call, page, form, TABLE, ask)


@router.get(
    "/operators/{operator_id}",
    summary="An operator",
    responses=answers(
        _EXAMPLE | {"payee_checks": [_CHECK]},
        404,
        description="Its terms in effect now, and what banks last answered about its accounts.",
        etag=True,
    ),
)
async def get_operator(operator_id: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]) -> Response:
    """One operator; another's is unknown to an operator."""

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        found = operator(snapshot.cursor, operator_id)
        return one_operator(snapshot, found) if found else None

    return await call.answer(ask, not_found("operator", operator_id))


def one_operator(snapshot: Snapshot, found: OperatorTerms) -> dict[str, Any]:
    """An operator as the resource shows it, whose tag a decision names."""
    checks = payee_checks(snapshot.cursor, found.operator_id)
    return operator_document(found) | {"payee_checks": [checked_account_document(each) for each in checks]}
