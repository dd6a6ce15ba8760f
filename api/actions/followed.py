"""What became of an action, for who asked for it and for who reads the book."""

from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from api.access.roles import Right, may
from api.actions.desk import action_document
from api.call import Call
from api.problems import not_found
from ledger.access.actions import Action
from ledger.access.duties import Duty
from ledger.database import Role
from projections.action_state import state_of, state_of_id
from projections.reading import Snapshot

C = TypeVar("C", bound=Call)


async def kept_action(call: Call, action_id: str) -> tuple[UUID, Action | None]:
    """The id of an action, and what is kept of it. Raises Problem 404 for one that is another's."""
    missing = not_found("action", action_id)
    try:
        id_ = UUID(action_id)
    except ValueError:
        raise missing from None
    desk = call.surface.desk
    kept = await desk.do(lambda: desk.store.by_id(id_)) if desk is not None else None
    is_hers = kept is not None and kept.principal == call.principal.name
    if not (is_hers or may(call.principal.duty, Right.BOOK)):
        raise missing
    return id_, kept


def reading_hers(call: C) -> C:
    """A call that reads what became of an action of hers, which the rows of her role may not say."""
    if call.principal.duty is not Duty.OPERATOR:
        return call
    return replace(call, principal=replace(call.principal, acts_in=Role.AUDITOR))


def followed(snapshot: Snapshot, id_: UUID, kept: Action | None) -> dict[str, Any] | None:
    """How it stands, with what it was about where that is kept; None where the store knows none."""
    if kept is not None:
        return action_document(id_, state_of(snapshot, kept)) | {"type": kept.type, "subject": kept.subject}
    found = state_of_id(snapshot, str(id_))
    return None if found is None else action_document(id_, found)
