"""Refused records published again at the command line: as they came, or one with another text in its place."""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from uuid import uuid4

import orjson

from api.access.principal import Principal
from api.access.roles import Right, may
from api.actions.desk import action_document
from api.actions.replaying import mending, record_of, refusal_words, replaying, why_not_replayable
from consumers.publisher import Outgoing
from contracts.refusal import Refusal
from ledger.access import audit_log
from ledger.access.actions import Action, ActionStore, Deed
from ledger.access.audit_log import Record
from ledger.access.door import Door
from ledger.intake.quarantine import DeadLetter
from projections.action_state import PUBLISHED, ActionState
from wattledger.errors import ApplicationError
from wattledger.store import Store
from wattledger.verbs import publish_records

# How the audit log tells what was done at the command line from what was asked over HTTP.
_METHOD, _PATH, _DONE = "COMMAND", "deadletter replay", 202


def deed_of(letters: Sequence[DeadLetter], subject: str, reason: str, value: bytes | None) -> Deed:
    """What is published: the letters as they came or, with a value, the only one with that text in its place.

    Raises ApplicationError where publishing a letter again would not mend it, and where the text would be refused.
    """
    for letter in letters:
        why = why_not_replayable(letter)
        if why is not None:
            raise ApplicationError(f"dead letter {letter.deadletter_id} {why}")
    first, *_ = letters
    if value is None:
        one = first if len(letters) == 1 else None
        return replaying(subject, [each.deadletter_id for each in letters], reason, one)
    deed = mending(first, value, reason)
    if isinstance(deed, Refusal):
        raise ApplicationError(f"--value would be refused, too, and is not sent: {refusal_words(deed)}")
    return deed


def publish_again(store: Store, letters: Sequence[DeadLetter], deed: Deed, who: str, actor: Principal | None) -> int:
    """Publish refused records again; how many. What was refused is kept as it came.

    With a reason it is an action, as one over HTTP is, and in the audit log; `who` does it, by the key of `actor`
    where there is one. Raises ApplicationError where that may not.
    """
    if actor is not None and not may(actor.duty, Right.REPLAY):
        raise ApplicationError(f"{who} is {actor.duty} and may not {Right.REPLAY}")
    records = [Outgoing(*record_of(letter, deed.record_value)) for letter in letters]
    with closing(Door(store.dsn)) as door:
        actions = ActionStore(door)
        action = _begun(actions, deed, who) if deed.reason else None
        # Marked first: a record that is refused again while this runs is listed again from then on.
        ids = [letter.deadletter_id for letter in letters]
        actions.mark_replayed(ids)
        try:
            published = publish_records(store, records)
        except BaseException:
            actions.mark_replayed(ids, replayed=False)
            raise
        if action is not None:
            answer = orjson.dumps(action_document(action.action_id, ActionState(PUBLISHED)))
            actions.answered(action.action_id, _DONE, answer)
            with door.transaction() as cursor:
                audit_log.add(cursor, [_noted(action, who, actor, is_edited=deed.record_value is not None)])
    return published


def _begun(actions: ActionStore, deed: Deed, who: str) -> Action:
    """The action, kept before anything is published."""
    asked = hashlib.sha256(deed.record_value or b"".join(each.bytes for each in deed.letters or ())).digest()
    begun = actions.begin(who, str(uuid4()), asked, deed)
    if begun is None:
        raise ApplicationError("what was asked was let go at this moment: ask again")
    return begun


def _noted(action: Action, who: str, actor: Principal | None, *, is_edited: bool) -> Record:
    return Record(
        datetime.now(UTC),
        action.idempotency_key,
        who,
        str(actor.duty) if actor is not None else None,
        _METHOD,
        _PATH,
        _DONE,
        f"action/{action.action_id}",
        who if is_edited else None,
    )
