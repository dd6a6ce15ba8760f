"""A person decides at the command line: who she is by her key, what she may, and what became of her decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from api.access.principal import Principal
from api.access.roles import Right, may
from consumers.publisher import Outgoing
from ledger.access import keys
from ledger.access.seals import door_cursor
from ledger.database import Role, connect
from ledger.intake.quarantine import why_refused
from projections.decidable import objection
from projections.decisions import REFUSED, find_decision
from projections.freshness import up_to_date
from wattledger.crew import Crew, OnProgress
from wattledger.decision_keys import signer
from wattledger.decisions import decision
from wattledger.errors import ApplicationError
from wattledger.secret_key import people_seals
from wattledger.store import Store
from wattledger.verbs import publish_records, take_in


@dataclass(frozen=True, slots=True)
class Deed:
    """What is decided: the type of the event and its data without `by`; who may; `key` tells a second try."""

    type_: str
    data: Mapping[str, Any]
    right: Right
    by_people: bool = False
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that was published, and what became of it: TAKEN, or REFUSED with a sentence why."""

    id: str
    state: str
    detail: str | None


def actor_by(store: Store, text: str) -> Principal:
    """Whose key a text is. Raises ApplicationError for one that is no key, is unknown or has ended."""
    parsed = keys.parsed(text)
    if parsed is None:
        raise ApplicationError(
            "that is no key, which has the form wl_ID_SECRET; `wattledger apikey create --for NAME` makes one"
        )
    key_id, secret = parsed
    seals = people_seals(store.settings)
    with connect(store.dsn, Role.DOOR) as connection, door_cursor(connection, seals) as cursor:
        key = keys.proven(cursor, key_id, secret)
    if key is None:
        raise ApplicationError(f"key {key_id} is unknown, has ended or was revoked; see `wattledger apikey list`")
    return Principal.of_key(key_id, key)


def decide(store: Store, crew: Crew, actor: Principal, deed: Deed, on_progress: OnProgress) -> Decided:
    """Publish a decision and take it in; what became of it.

    Raises ApplicationError where the actor may not decide it, where the intake would refuse its form, and where
    nothing is there to be decided.
    """
    refuse_who_may_not(actor, deed)
    event = decision(signer(store.settings), deed.type_, {**deed.data, "by": actor.name}, deed.key or str(uuid4()))
    _refuse_undecidable(store, crew, deed, event, on_progress)
    return give(store, crew, event, on_progress)


def refuse_who_may_not(actor: Principal, deed: Deed) -> None:
    """Raises ApplicationError where the actor may not decide it."""
    if not may(actor.duty, deed.right):
        raise ApplicationError(f"{actor.name} is {actor.duty} and may not {deed.right}")
    if deed.by_people and not actor.is_person:
        raise ApplicationError(
            f"{actor.name} acts for nobody, and people decide this: use a key made by `apikey create --for NAME`"
        )


def give(store: Store, crew: Crew, event: Mapping[str, Any], on_progress: OnProgress) -> Decided:
    """Publish a decision that is signed and take it in; what became of it."""
    publish_records(store, [Outgoing.of_event(event)])
    take_in(crew, on_progress)
    return _outcome(store, event)


def _refuse_undecidable(store: Store, crew: Crew, deed: Deed, event: Mapping[str, Any], tell: OnProgress) -> None:
    """Raises ApplicationError where what is known speaks against a decision that is new."""
    if _why_not(store, deed, event) is None:
        return
    # What waits to be taken in may tell of it.
    take_in(crew, tell)
    why = _why_not(store, deed, event)
    if why is not None:
        raise ApplicationError(f"{why}; nothing is decided")


def _why_not(store: Store, deed: Deed, event: Mapping[str, Any]) -> str | None:
    with up_to_date(store.dsn) as connection, connection.cursor() as cursor:
        if find_decision(cursor, event["source"], event["id"]) is not None:
            return None
        against = objection(cursor, deed.type_, event["data"])
    return None if against is None else against.sentence


def _outcome(store: Store, event: Mapping[str, Any]) -> Decided:
    with up_to_date(store.dsn) as connection, connection.cursor() as cursor:
        found = find_decision(cursor, event["source"], event["id"])
        why = why_refused(cursor, event["source"], event["id"]) if found is None else None
    if found is not None:
        return Decided(event["id"], found.state, found.sentence if found.state == REFUSED else None)
    if why is not None:
        return Decided(event["id"], REFUSED, why)
    raise ApplicationError(
        f"decision {event['id']} was published and not taken in yet; `wattledger trace {event['id']}` tells later"
    )
