"""Four eyes at the door: who may not decide, whatever her role. The domain looks at it again, from events alone.

What two requests do at once is told apart by a Guard, which looks while nobody else can act on the same thing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

from api.access.principal import Principal
from api.problems import Problem
from domain.payout.approvals import APPROVAL_LASTS
from domain.payout.circumstances import FOUR_EYES
from domain.people import same_person
from ledger.access.actions import Earlier, Guard
from projections.decisions import REFUSED, Decision, decisions_about, decisions_of_operator
from projections.reading import Snapshot

APPROVED: Final = "payout.approved"
_FOR_GOOD: Final = timedelta(days=3_650)
CHANGES: Final = ("bank_account.proposed", "bank_account.confirmed", "operator.registered", "operator.changed")


def refuse_no_person(principal: Principal) -> None:
    """Raises Problem 403 for a key that was made for nobody: people decide."""
    if not principal.is_person:
        raise _refused(
            "people decide: sign in, or use a key that was made for you (`wattledger apikey create --for NAME`)"
        )


def refuse_maker(principal: Principal, maker: str | None) -> None:
    """Raises Problem 403 where who decides has made what is decided."""
    if maker is not None and _is(principal, maker):
        raise _refused(f"{maker} proposed this, and who proposes does not decide; somebody else has to")


def changes_by(snapshot: Snapshot, principal: Principal, operator_id: str) -> list[Decision]:
    """Changes of an operator's account that somebody made or confirmed within the time that she may not approve."""
    since = datetime.now(UTC) - FOUR_EYES
    return [
        each
        for each in decisions_of_operator(snapshot.cursor, operator_id, CHANGES)
        if _is(principal, each.decided_by) and each.acts_at > since
    ]


def is_changer(principal: Principal, operator_id: str) -> Problem:
    """403 for who has changed the operator's terms or account of late."""
    return _refused(
        f"{principal.name} changed the terms or the account of {operator_id} within the last {FOUR_EYES.days} "
        "days, and does not approve its payouts; somebody else has to"
    )


def refused_before(snapshot: Snapshot, subject: str, types: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Which decisions about a thing count for nothing, by (source, id)."""
    found = decisions_about(snapshot.cursor, [subject], types)
    return frozenset((each.source, each.id) for each in found if each.state == REFUSED)


def approves_once(
    principal: Principal,
    payout: tuple[str, str],
    content_hash: str,
    refused: frozenset[tuple[str, str]],
) -> Guard:
    """Nobody approves one content twice, nor by two requests at once, nor the payouts of whose account she changed.

    `payout` is its id and its operator's.
    """
    payout_id, operator_id = payout

    def refuse(earlier: Sequence[Earlier]) -> None:
        for each in earlier:
            if not _is(principal, each.principal) or (each.source, each.event_id) in refused:
                continue
            if each.type in CHANGES:
                raise is_changer(principal, operator_id)
            is_recent = each.begun_at > datetime.now(UTC) - APPROVAL_LASTS
            if each.subject == payout_id and is_recent and _content_hash(each) == content_hash:
                raise _refused(f"{principal.name} has approved this already; somebody else has to")

    return Guard((APPROVED, *CHANGES), FOUR_EYES, refuse)


def decides_once(
    principal: Principal, subject: str, proposed: str, decided: Sequence[str], refused: frozenset[tuple[str, str]]
) -> Guard:
    """Nobody decides what she proposed, even where the proposal has not been taken yet, nor the same twice."""

    def refuse(earlier: Sequence[Earlier]) -> None:
        for each in earlier:
            if each.subject != subject or not _is(principal, each.principal):
                continue
            if each.type == proposed:
                refuse_maker(principal, each.principal)
            elif (each.source, each.event_id) not in refused:
                raise _refused(f"{principal.name} has decided this already")

    return Guard((proposed, *decided), _FOR_GOOD, refuse)


def _is(principal: Principal, name: str) -> bool:
    """Whether a name is of who asks; names are compared as the domain compares them."""
    return same_person(principal.name, name)


def _content_hash(each: Earlier) -> object:
    data = orjson.loads(each.record_value or b"{}").get("data") or {}
    return data.get("content_hash")


def _refused(sentence: str) -> Problem:
    return Problem(403, "four_eyes", sentence)
