"""What became of an action, for who asked for it and for who reads the book."""

from typing import Any
from uuid import UUID

from api.access.roles import Right, may
from api.actions.desk import action_document
from api.call import Call
from api.problems import not_found
from ledger.access.actions import Action
from projections.action_state import state_of, state_of_id
from projections.reading import Snapshot


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


def followed(snapshot: Snapshot, id_: UUID, kept: Action | None) -> dict[str, Any] | None:
    """How it stands, with what it was about where that is kept; None where the store knows none."""
    if kept is not None:
        return action_document(id_, state_of(snapshot, kept)) | {"type": kept.type, "subject": kept.subject}
    found = state_of_id(snapshot, str(id_))
    return None if found is None else action_document(id_, found)
