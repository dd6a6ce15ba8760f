"""Tariffs as they were published, and whether one would be accepted."""

from typing import Annotated, Any

import orjson
from fastapi import Body, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from api.access.bodies import refuse_other_bodies
from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import Problem, not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import Column, numbers, texts, times
from contracts.tariff_check import tariff_faults
from domain.tariff.lint import lint
from projections.documents.tariffs import published_document, tariff_document
from projections.reading import Snapshot
from projections.tariffs import list_tariffs, versions_of

router = resources("tariffs")

TABLE = Table(
    "tariffs",
    (
        *texts("operator_id", "tariff_id", "partner"),
        *times("effective_from", "published"),
        *texts("hash"),
        *numbers("sessions"),
        Column("warnings"),
    ),
)
_VERSION: dict[str, Any] = {
    "operator_id": "OP-NL",
    "tariff_id": "FAST",
    "partner": None,
    "effective_from": "2026-03-01T00:00:00Z",
    "published": "2026-02-20T09:00:00Z",
    "hash": "0f7b0e1c5d",
    "warnings": [{"code": "NO_END", "path": "elements.0", "sentence": "never ends"}],
    "sessions": 412,
}
_EXAMPLE = Loose(_VERSION, nullable=("partner",))
_TARIFF: dict[str, Any] = {
    "country_code": "NL",
    "party_id": "WAD",
    "id": "FAST",
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.59, "vat": 21.0, "step_size": 1}]}],
    "last_updated": "2026-03-01T00:00:00Z",
}

_WHOLE = Loose(_VERSION | {"tariff": _TARIFF}, nullable=("partner",), free=("tariff",))


@router.get(
    "/tariffs",
    summary="Versions of tariffs, by operator and in the order in which they arrived",
    responses=answers({"data": [_EXAMPLE], "next_cursor": None, "as_of": {}}, files=True),
)
async def tariffs(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's")] = None,
    form: FormParameter = None,
) -> Response:
    """Each version with the hash that CDRs name, the warnings it came with, and how many sessions it rates."""

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys: Any = page.keys(str, int)
        found = list_tariffs(snapshot.cursor, operator_id, limit=page.limit + 1, after=keys)
        shown = found[: page.limit]
        cursor = page.cursor(shown[-1].operator_id, shown[-1].seq) if found[page.limit :] else None
        return [published_document(each) for each in shown], cursor

    return await listed(call, page, form, TABLE, ask)


@router.get(
    "/tariffs/{operator_id}/{tariff_id}",
    summary="A tariff",
    responses=answers(
        {"operator_id": "OP-NL", "tariff_id": "FAST", "sessions": 412, "versions": [_WHOLE]},
        404,
        etag=True,
    ),
)
async def tariff(
    operator_id: Identifier, tariff_id: Identifier, call: Annotated[Call, plain_call_for(Right.MONEY)]
) -> Response:
    """All versions of a tariff with their OCPI objects; those for one partner alone stand behind the others."""

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        versions = versions_of(snapshot.cursor, operator_id, tariff_id)
        return tariff_document(versions) if versions else None

    return await call.answer(ask, not_found("tariff", f"{operator_id}/{tariff_id}"))


@router.post(
    "/tariffs/lint",
    summary="Would this tariff be accepted?",
    responses=answers({"accepted": True, "errors": [], "warnings": _VERSION["warnings"]}, 413, 415, 422),
)
async def lint_tariff(
    request: Request,
    tariff: Annotated[dict[str, Any], Body(description="An OCPI tariff, 2.2.1 or 2.3.0", examples=[_TARIFF])],
    call: Annotated[Call, plain_call_for(Right.LINT)],
    _json: Annotated[None, Depends(refuse_other_bodies)],
) -> Response:
    """What would refuse it, and if nothing does what would be warned about. Nothing is stored."""
    document = _strictly(await request.body())
    try:
        faults = tariff_faults(document)
        warnings = () if faults else lint(document)
    except RecursionError:
        raise Problem(422, "refused", "the tariff is nested too deeply; send an OCPI tariff") from None
    errors = [
        {"code": each.code, "path": each.path, "sentence": f"{each.excerpt} {each.problem}".strip()}
        for each in faults
    ]
    told = [{"code": each.code, "path": each.path, "sentence": each.sentence} for each in warnings]
    return call.json({"accepted": not errors, "errors": errors, "warnings": told})


def _strictly(body: bytes) -> Any:
    """The document as the intake reads it, which takes no NaN and no half characters."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "not_json", f"the body is not JSON: {error}; send an OCPI tariff") from None
