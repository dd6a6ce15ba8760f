"""Sessions at one plug: when each was there, and which of them cannot be as it was told beside the one before.

A plug serves one vehicle at a time, and its meter counts on from session to session. So sessions that overlap, and
one that starts below the register at which the one before stopped, may bill the same energy twice. It is always the
later one that is in doubt, by (start, session id): a function of what is known of all, whatever came first.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID

from domain.book.findings import Finding, FindingKind
from domain.catalogue.catalogue import Catalogue
from domain.exact import Exact
from domain.named_ids import named_id
from domain.session.facts import Verdict
from domain.session.meter_facts import MeterFacts, contradiction, latest
from domain.session.orphans import closed_end
from domain.session.registers import falls
from domain.values import value

# Clocks of chargers and gateways differ by so much, and a cable is unplugged before its session is told to be over.
TOLERANCE = timedelta(minutes=1)


@value
class Overlap:
    """What is wrong with a session beside the earlier session `other_id` at its plug: OVERLAP or REGISTER_OVERLAP."""

    kind: FindingKind
    other_id: str


@value
class Stay:
    """A session at its plug: from when to when, and from which register to which, in Wh, all as corrected.

    One that a review found to be none does not count for those after it. What is wrong with itself stays known: it
    was held until the review, and is not billed from its end until then.
    """

    plug: UUID
    started_at: datetime
    ended_at: datetime
    start_wh: Exact
    stop_wh: Exact
    counts: bool = True


class Reach(NamedTuple):
    """Of a session and all before it at its plug the one that ended last: when, at which register, and which."""

    until: datetime
    stop_wh: Exact
    session_id: str


@lru_cache(maxsize=16_384)
def plug_id(operator_id: str, evse_uid: str, connector_id: str) -> UUID:
    """What identifies a plug; ids are without case (OCPI types, CiString).

    The uid of an EVSE is unique at its operator, whatever location is told (OCPI mod_locations, EVSE object).
    """
    parts = (operator_id, evse_uid.casefold(), connector_id.casefold())
    return named_id(NAMESPACE_URL, "wattledger:plug:" + ":".join(f"{len(part)}:{part}" for part in parts))


def stay_of(facts: MeterFacts, catalogue: Catalogue, closed_at: datetime | None) -> Stay | None:
    """When a session was at its plug; None while that is not known, and for one that took no place there.

    That is one without start or end, one whose reports contradict each other, one that ends before it starts, and a
    reservation that nobody used.
    """
    start, end, verdict = facts.first_start(), facts.first_end(), facts.verdict()
    if end is None and closed_at is not None:
        end = closed_end(facts, catalogue, closed_at)
    if start is None or end is None or start.no_show:
        return None
    known = latest(facts)
    if contradiction(facts, known, verdict):
        return None
    plug = plug_id(start.operator_id, start.evse_uid, start.connector_id)
    start, end = known.start(start), known.end(end)
    if start.at > end.at:
        return None
    counts = verdict is not Verdict.VOID
    return Stay(plug, start.at, end.at, start.register_wh, end.register_wh, counts)


def beside(before: Reach | None, session_id: str, stay: Stay) -> tuple[Overlap | None, Reach | None]:
    """What is wrong with a session beside those before it, and how far they reach together with it."""
    own = Reach(stay.ended_at, stay.stop_wh, session_id) if stay.counts else None
    if before is None:
        return None, own
    return _wrong(before, stay), own if own is not None and before.until <= own.until else before


def _wrong(before: Reach, stay: Stay) -> Overlap | None:
    if before.until - stay.started_at > TOLERANCE:
        overlaps = stay.ended_at - stay.started_at > TOLERANCE
        return Overlap(FindingKind.OVERLAP, before.session_id) if overlaps else None
    if falls(before.stop_wh, stay.start_wh):
        return Overlap(FindingKind.REGISTER_OVERLAP, before.session_id)
    return None


SENTENCES = {
    FindingKind.OVERLAP: "session {} was at its plug (EVSE {}, connector {}) while session {} was there",
    FindingKind.REGISTER_OVERLAP: (
        "session {} starts at its plug (EVSE {}, connector {}) below the register at which session {} stopped"
    ),
}


def overlap_finding(session_id: str, facts: MeterFacts, overlap: Overlap) -> Finding | None:
    """What people are told of a session that overlaps; None once somebody has looked at it.

    It is the finding of the later session, one at a time, open from its start on.
    """
    start = facts.start_as_corrected()
    if start is None or facts.verdict() is not None:
        return None
    sentence = SENTENCES[overlap.kind].format(session_id, start.evse_uid, start.connector_id, overlap.other_id)
    return Finding(overlap.kind, overlap.kind.lower(), session_id, start.operator_id, start.at, sentence)
