"""Refused records published again: one, as it came or mended, and all of one code."""

from typing import Annotated, Final
from uuid import UUID

from starlette.responses import Response

from api.access.roles import Right
from api.actions.asked import ASKED, Asked
from api.actions.bodies import Edited, OfCode
from api.actions.described import acts
from api.actions.desk import Plan, desk_of
from api.actions.replaying import mending, refusal_words, replaying, why_not_replayable
from api.call import Call, plain_call_for
from api.parameters import Identifier
from api.problems import Problem, not_found
from api.resource import resources
from contracts.refusal import Refusal
from ledger.access.actions import Deed
from ledger.intake import quarantine
from ledger.intake.quarantine import DeadLetter
from projections.reading import Snapshot

router = resources("dead letters")

# As many are published again at once; who has more asks again.
_LETTERS_MAX: Final = 1_000


@router.post("/dead-letters/replay", summary="Publish all refused records of a code again", **acts())
async def replay_code(
    body: OfCode, call: Annotated[Call, plain_call_for(Right.REPLAY)], asked: Asked = ASKED
) -> Response:
    """The oldest 1,000 of the code that were not published again yet. `REFUSED` says how many were refused again."""
    desk = desk_of(call)

    async def plan() -> Plan:
        found = await call.read(
            lambda snapshot: quarantine.oldest(snapshot.cursor, code=body.code, limit=_LETTERS_MAX)
        )
        letters = [each for each in found if why_not_replayable(each) is None]
        if not letters:
            raise Problem(
                409, "nothing_to_replay", f"no refused record of code {body.code!r} waits to be published again"
            )
        return Plan(replaying(body.code, [each.deadletter_id for each in letters], body.reason))

    return await desk.act(call, asked, plan)


@router.post("/dead-letters/{deadletter_id}/replay", summary="Publish a refused record again", **acts())
async def replay_letter(
    deadletter_id: Identifier,
    body: Edited,
    call: Annotated[Call, plain_call_for(Right.REPLAY)],
    asked: Asked = ASKED,
) -> Response:
    """As it came or, with `value`, with a new text in its place. What was refused is kept as it came.

    A new text that would be refused again is not published (422, with where and why). Who edited is in the audit log
    (`edited_by`), from what in the record's header `wattledger_edited_from`.
    """
    desk = desk_of(call)
    if body.value is not None:
        call.request.state.edited_by = call.principal.name

    async def plan() -> Plan:
        letter = await call.read(lambda snapshot: _letter(snapshot, deadletter_id))
        if letter is None:
            raise not_found("dead letter", deadletter_id)
        why = why_not_replayable(letter)
        if why is not None:
            raise Problem(409, "not_replayable", f"dead letter {letter.deadletter_id} {why}")
        if body.value is None:
            return Plan(replaying(str(letter.deadletter_id), [letter.deadletter_id], body.reason, letter))
        return Plan(_edited(letter, body.value, body.reason))

    return await desk.act(call, asked, plan)


def _letter(snapshot: Snapshot, text: str) -> DeadLetter | None:
    try:
        id_ = UUID(text)
    except ValueError:
        return None
    found = quarantine.show(snapshot.cursor, str(id_))
    return found[0] if found else None


def _edited(letter: DeadLetter, text: str, reason: str) -> Deed:
    """A new text in the place of a refused record. Raises Problem 422 where it would be refused, too."""
    deed = mending(letter, text.encode(), reason)
    if isinstance(deed, Refusal):
        detail = refusal_words(deed)
        raise Problem(422, "refused", f"value: {detail}", [{"pointer": "/value", "detail": detail}])
    return deed
