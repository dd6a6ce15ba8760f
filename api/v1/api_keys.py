"""Keys of programs: who may use the API, as what, until when, and when each was last used."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.access.acting_for import refuse_key_for
from api.access.bodies import idempotency_key, refuse_other_bodies
from api.access.gate import Gate
from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, moment, page_request
from api.problems import Problem, not_found
from api.resource import answers, resources
from api.tables import texts, times
from ledger.access import keys, people
from ledger.access.documents import key_document
from ledger.access.duties import Duty
from ledger.errors import AccessRefused, AskedOtherwise
from projections.reading import Snapshot

router = resources("keys")

C = TypeVar("C", bound=Call)

TABLE = Table(
    "api-keys",
    (
        *texts("id", "name", "role", "operators", "principal", "created_by"),
        *times("created_at", "expires_at", "last_used_at", "revoked_at"),
    ),
)
_EXAMPLE = {
    "id": "3f1c9a0b7d2e4c55",
    "name": "reports",
    "role": "operator",
    "operators": ["OP-NL"],
    "principal": "key:3f1c9a0b7d2e4c55",
    "created_at": "2026-03-25T10:00:00Z",
    "created_by": "Anna",
    "expires_at": None,
    "last_used_at": "2026-03-25T12:00:00Z",
    "revoked_at": None,
}
_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


def but_200(found: dict[int | str, Any]) -> dict[int | str, Any]:
    """The answers of a resource that has none with status 200."""
    return {status: each for status, each in found.items() if status != 200}


class NewKey(BaseModel):
    """A key to be made: what it is for, its role and operators, whom it acts for, and until when it is good."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=1_000, examples=["reports"])
    role: Duty
    operators: list[str] = Field(default_factory=list, max_length=1_000, examples=[["OP-NL"]])
    acts_for: str | None = Field(default=None, alias="for", max_length=1_000, description="The user it acts for")
    expires_at: str | None = Field(default=None, max_length=40, examples=["2027-01-01T00:00:00Z"])


@router.get(
    "/api-keys",
    summary="Keys, the newest first",
    responses=answers({"data": [_EXAMPLE], "next_cursor": None}, files=True),
)
async def list_keys(
    call: Annotated[Call, plain_call_for(Right.CREDENTIALS)],
    page: Annotated[PageRequest, Depends(page_request)],
    form: FormParameter = None,
) -> Response:
    """Keys, those too that have ended; nobody can see their secrets."""

    return await listed(at_the_door(call), page, form, TABLE, keys_of)


def keys_of(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
    """The keys of a page of the list, and where the next one begins."""
    behind = page.keys(datetime, str)
    found = keys.newest(snapshot.cursor, page.limit + 1, (behind[0], behind[1]) if behind else None)
    shown = found[: page.limit]
    last = shown[-1] if found[page.limit :] else None
    return [key_document(key) for key in shown], page.cursor(last.created_at, last.id) if last else None


@router.post(
    "/api-keys",
    summary="Make a key",
    status_code=201,
    responses={201: answers(_EXAMPLE | {"key": "wl_ID_SECRET"})[200], **but_200(answers(_EXAMPLE, 413, 415, 422))},
)
async def create_key(
    request: Request,
    body: NewKey,
    call: Annotated[Call, plain_call_for(Right.CREDENTIALS)],
    _json: Annotated[None, Depends(refuse_other_bodies)],
    _once: Annotated[str | None, Header(alias="Idempotency-Key", description="New for each key")] = None,
) -> Response:
    """A key, whose secret is shown this once: the same again, by its `Idempotency-Key`, has `key` null."""
    once = idempotency_key(request)
    asked = keys.Asked(once, hashlib.sha256(orjson.dumps(body.model_dump(), option=orjson.OPT_SORT_KEYS)).digest())
    expires_at = _expiry(body.expires_at)
    gate = gate_of(call)

    def create() -> tuple[keys.Key, str | None]:
        with gate.door.transaction() as cursor:
            if body.acts_for is not None:
                known, has_issuer = people.find(cursor, body.acts_for), gate.settings.issuer is not None
                refuse_key_for(body.acts_for, known, body.role, body.operators, has_issuer=has_issuer)
            return keys.create(
                cursor,
                body.name,
                body.role,
                body.operators,
                created_by=call.principal.name,
                acts_for=body.acts_for,
                expires_at=expires_at,
                asked=asked,
            )

    try:
        made, text = await gate.credentials.in_thread(create)
    except AccessRefused as refused:
        field, _colon, detail = str(refused).partition(": ")
        pointer = f"/{'operators' if field == 'operator' else field}"
        raise Problem(422, "refused", str(refused), [{"pointer": pointer, "detail": detail}]) from refused
    except AskedOtherwise as otherwise:
        raise Problem(422, "other_body", f"Idempotency-Key: {otherwise}; send a new one") from otherwise
    request.state.audited_object = f"api-key/{made.id}"
    answer = call.json({**key_document(made), "key": text}, 201)
    answer.headers["Location"] = f"/v1/api-keys/{made.id}"
    if text is None:
        answer.headers["Idempotent-Replayed"] = "true"
    return answer


@router.get(
    "/api-keys/{key_id}", summary="One key", responses=answers(_EXAMPLE, 404, etag=True, description="The key.")
)
async def get_key(key_id: Identifier, call: Annotated[Call, plain_call_for(Right.CREDENTIALS)]) -> Response:
    """A key without its secret."""

    def ask(snapshot: Snapshot) -> dict[str, Any] | None:
        found = keys.find(snapshot.cursor, key_id)
        return key_document(found) if found else None

    return await at_the_door(call).answer(ask, not_found("key", key_id))


@router.delete(
    "/api-keys/{key_id}",
    summary="Revoke a key",
    status_code=204,
    response_class=Response,
    responses={204: {"description": "It is revoked, or was."}, **but_200(answers(_EXAMPLE, 404))},
)
async def revoke_key(
    request: Request, key_id: Identifier, call: Annotated[Call, plain_call_for(Right.CREDENTIALS)]
) -> Response:
    """End a key for good: it is refused at once here, and within seconds by other servers of the same store."""
    gate = gate_of(call)

    def revoke() -> keys.Key | None:
        with gate.door.transaction() as cursor:
            return keys.revoke(cursor, key_id) if keys.find(cursor, key_id) else None

    revoked = await gate.credentials.in_thread(revoke)
    if revoked is None:
        raise not_found("key", key_id)
    gate.credentials.forget()
    request.state.audited_object = f"api-key/{revoked.id}"
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


def at_the_door(call: C) -> C:
    """A call that reads people, keys and the audit log, and nothing else."""
    return replace(call, principal=call.principal.at_the_door())


def gate_of(call: Call) -> Gate:
    """The gate of the application, which has one wherever somebody can manage keys."""
    gate = call.surface.gate
    if gate is None:
        raise Problem(404, "not_found", "this application has no people and keys of its own")
    return gate


def _expiry(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = moment(text)
    except ValueError as error:
        raise Problem(
            422, "refused", f"expires_at: {error}", [{"pointer": "/expires_at", "detail": str(error)}]
        ) from None
    if not datetime.now(UTC) < found < _FOREVER:
        detail = "is over: name a time to come, or leave it out"
        raise Problem(422, "refused", f"expires_at: {detail}", [{"pointer": "/expires_at", "detail": detail}])
    return found
