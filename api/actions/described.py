"""How an action stands in the description of the API."""

from typing import Any

from api.resource import answers
from api.shapes import Loose

ACTION_EXAMPLE = {"action_id": "6f1d0c2b-7a53-5b6e-9d0a-2f4b8c1e7a90", "state": "PUBLISHED"}
TAKEN_EXAMPLE = Loose(
    ACTION_EXAMPLE | {"state": "TAKEN", "position": 13_204, "detail": "why it was refused"},
    optional=("position", "detail"),
)
_STATUSES = (403, 404, 409, 413, 415, 422)


def acts(*, decides: bool = False) -> dict[str, Any]:
    """`status_code` and `responses` of a POST that becomes an event; one that `decides` needs `If-Match`."""
    more = (*_STATUSES, *((412, 428) if decides else ()))
    found = answers(TAKEN_EXAMPLE, *more, description="What became of it, for who waits (`Prefer: wait=N`).")
    published = answers(ACTION_EXAMPLE, description="It is published; `Location` tells what becomes of it.")[200]
    return {"status_code": 202, "responses": {**found, 202: published}}
