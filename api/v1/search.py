"""Search: what has an id, whatever it is the id of."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.resource import answers, resources
from api.shapes import Loose
from ledger.access.duties import Duty
from projections.reading import Snapshot
from projections.search import search

router = resources("search")

QUERY_MAX = 300
_EXAMPLE = Loose(
    {"kind": "session", "id": "S-1001", "href": "/v1/sessions/S-1001", "operator_id": "OP-NL"},
    nullable=("operator_id",),
)

Asked = Annotated[
    str,
    Query(
        max_length=QUERY_MAX,
        description="An id of anything; of a UUID its first 6 digits or more will do",
        examples=["8e8a3e2f"],
    ),
]


@router.get(
    "/search",
    summary="What has an id",
    responses=answers({"data": [_EXAMPLE], "next_cursor": None, "as_of": {}}),
)
async def found(call: Annotated[Call, plain_call_for(Right.MONEY)], q: Asked) -> Response:
    """Sessions, CDRs, payments, refunds, disputes, settlements, invoices, payouts and their EndToEndIds, batches.

    And entries, events, messages, dead letters, chargers, bank references and accounts. Exact after trimming; UUIDs
    and hex in either case, with hyphens and without. `href` is the resource, or what shows it: a payment's session.
    An operator finds its own.
    """

    def ask(snapshot: Snapshot) -> tuple[list[dict[str, Any]], int]:
        hits = search(snapshot.cursor, q, sees_all=call.principal.duty is not Duty.OPERATOR)
        return [each._asdict() | {"href": f"/v1{each.href}"} for each in hits], snapshot.known

    data, position = await call.read(ask)
    return call.json({"data": data, "next_cursor": None, "as_of": call.as_of.document(position)})
