"""Figures of a month beside the quartiles among all operators, of which nobody can be told."""

from datetime import date
from operator import attrgetter
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import bad_parameter
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import numbers, texts
from projections.documents.benchmark import benchmark_document
from projections.network.benchmark import compared, last_month, month_of
from projections.network.horizon import network_horizon
from projections.reading import Snapshot

router = resources("network")

_QUARTILES = ("lower_quartile", "median", "upper_quartile", "operators")
TABLE = Table("benchmark", (*texts("operator_id", "figure", "currency"), *numbers("own", *_QUARTILES)))
_EXAMPLE: dict[str, Any] = Loose(
    {
        "operator_id": "OP-NL",
        "figure": "time_utilisation",
        "currency": "EUR",
        "own": "0.163621",
        "lower_quartile": "0.11",
        "median": "0.14",
        "upper_quartile": "0.18",
        "operators": 7,
    },
    nullable=("currency", "own", *_QUARTILES),
)


@router.get(
    "/benchmark",
    summary="Figures of a month beside the quartiles among operators",
    responses=answers({"data": [_EXAMPLE], "next_cursor": None, "as_of": {}}, files=True),
)
async def benchmark(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Of this operator")] = None,
    month: Annotated[str | None, Query(max_length=7, description="As 2026-03; by default the last one over")] = None,
    form: FormParameter = None,
) -> Response:
    """Utilisations and net per hour of a whole month, `own` beside the quartiles among all operators.

    Quartiles have two digits. They are null where fewer than five operators stand behind a figure, or one has more
    than half of its weight (time in service; time occupied where that divides), and while the month is not over.
    """
    wanted = asked_month(month)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        until = network_horizon(snapshot.cursor)
        first = wanted or (last_month(until) if until else None)
        found = compared(snapshot.cursor, first, operator_id, until) if first else []
        key = attrgetter("operator_id", "figure", "currency")
        shown, following = page.part(sorted(found, key=key), key, str, str, str)
        return [benchmark_document(each) for each in shown], following

    return await listed(call, page, form, TABLE, ask)


def asked_month(text: str | None) -> date | None:
    """The first day of the month that is asked for; raises Problem 400 for what is none."""
    try:
        return month_of(text) if text else None
    except ValueError as error:
        raise bad_parameter("month", str(error)) from None
