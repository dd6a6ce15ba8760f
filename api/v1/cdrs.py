"""CDRs and credit CDRs that went out, as OCPI objects."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.examples import CDR
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import not_found
from api.resource import answers, resources
from api.spans import issued_span
from api.tables import Column, Kind, numbers, texts, times
from projections.cdr_lines import OCPI_2_2_1, OCPI_2_3_0
from projections.entry_list import Range
from projections.reading import Snapshot
from projections.session_list import CdrsWanted, cdr_documents, list_cdrs

router = resources("sessions")

TABLE = Table(
    "cdrs",
    (
        *texts("id", "session_id", "country_code", "party_id"),
        *times("start_date_time", "end_date_time"),
        Column("credit"),
        Column("credit_reference_id"),
        *numbers("total_energy", "total_time"),
        Column("total_cost_excl_vat", Kind.AMOUNT, "total_cost.excl_vat"),
        Column("total_cost_incl_vat", Kind.AMOUNT, "total_cost.incl_vat"),
        *texts("currency"),
        *times("last_updated"),
    ),
)


class Version(StrEnum):
    """The versions of OCPI that CDRs are given in."""

    V2_2_1 = OCPI_2_2_1
    V2_3_0 = OCPI_2_3_0


VersionParameter = Annotated[Version, Query(description="The version of OCPI")]


@router.get(
    "/cdrs",
    summary="CDRs and credit CDRs, the latest issued first",
    responses=answers({"data": [CDR], "next_cursor": None, "as_of": {}}, files=True),
)
async def cdrs(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    issued: Annotated[Range, Depends(issued_span)],
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's")] = None,
    session_id: Annotated[Identifier | None, Query(description="Only this session's")] = None,
    credit: Annotated[bool | None, Query(description="Only credit CDRs, or only the others")] = None,
    version: VersionParameter = Version.V2_2_1,
    form: FormParameter = None,
) -> Response:
    """OCPI objects; those of 2.2.1 are the texts that went out, those of 2.3.0 are made of what was stored."""
    wanted = CdrsWanted(operator_id, session_id, credit, None, *issued)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[Any], str | None]:
        keys: Any = page.keys(datetime, str)
        rows = list_cdrs(snapshot.cursor, wanted, limit=page.limit + 1, after=keys)
        shown = rows[: page.limit]
        cursor = page.cursor(shown[-1].issued_at, shown[-1].cdr_id) if rows[page.limit :] else None
        return list(cdr_documents(snapshot.cursor, shown, version, parsed=form is not None)), cursor

    return await listed(call, page, form, TABLE, ask)


@router.get(
    "/cdrs/{cdr_id}",
    summary="A CDR",
    responses=answers(CDR, 404, description="The OCPI object.", etag=True),
)
async def cdr(
    cdr_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    version: VersionParameter = Version.V2_2_1,
) -> Response:
    """A CDR or a credit CDR as an OCPI object, with `as_of` behind its own fields."""

    def ask(snapshot: Snapshot) -> Any:
        rows = list_cdrs(snapshot.cursor, CdrsWanted(cdr_id=cdr_id), limit=1)
        return next(cdr_documents(snapshot.cursor, rows, version), None)

    return await call.answer(ask, not_found("CDR", cdr_id))
