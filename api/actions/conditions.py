"""On what a decision is made: the object as it was read, by its tag."""

from collections.abc import Callable, Mapping
from typing import Any

from api.actions.asked import Asked
from api.call import Call, tag_of
from api.problems import Problem
from projections.decidable import Objection
from projections.reading import Snapshot


async def decided_upon(
    call: Call, asked: Asked, ask: Callable[[Snapshot], Mapping[str, Any] | None], missing: Problem
) -> Mapping[str, Any]:
    """The object that is decided, as it stands. Raises `missing`, 428 without If-Match, 412 where it has changed."""
    found = await call.read(ask)
    if found is None:
        raise missing
    if asked.if_match is None:
        detail = "is missing: send the ETag of what is decided, as it was read"
        raise Problem(428, "no_condition", f"If-Match: {detail}", [{"parameter": "If-Match", "detail": detail}])
    refuse_changed(asked, found)
    return found


def refuse_changed(asked: Asked, found: Mapping[str, Any]) -> None:
    """Raises Problem 412 where `If-Match` is given and names another state of the object."""
    if asked.if_match is None or asked.if_match.strip() == "*":
        return
    # A strong comparison (RFC 9110, 13.1.1): a weak tag is never the same.
    given = {each.strip() for each in asked.if_match.split(",")}
    if tag_of(found) not in given:
        raise Problem(
            412,
            "changed",
            "If-Match: what is decided has changed since it was read; read it again, and decide on what it is now",
        )


def refuse(objection: Objection | None) -> None:
    """Raises Problem 422 for a field that says what cannot be, 409 for anything else that speaks against it."""
    if objection is None:
        return
    if objection.code != "refused":
        raise Problem(409, objection.code, objection.sentence)
    pointer = f"/{objection.field}"
    detail = objection.sentence
    raise Problem(422, "refused", f"{pointer}: {detail}", [{"pointer": pointer, "detail": detail}])
