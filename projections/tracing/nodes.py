"""What a trace is made of: things by their ids, each in a few words, and the links between them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.book.findings import FindingEnded, FindingOpened
from domain.book.refusals import DecisionRefused
from domain.money import format_minor
from domain.payout.events import (
    ApprovalCounted,
    ApprovalLapsed,
    PayoutCreated,
    PayoutHandedOff,
    PayoutStatus,
    PayoutStatusChanged,
)
from domain.session.assessment import NOTIFIED_STATES
from domain.session.decisions import CdrCredited, CdrIssued, SessionAssessed
from domain.session.orphans import ESTIMATED
from domain.tariff.events import TariffWarned
from ledger.events.store import event_id
from projections.histories import Decided, History, Told
from projections.lookups import (
    Cdr,
    EntryRow,
    Letter,
    Mention,
    Outcome,
    Payout,
    Waiting,
)
from projections.mentions import Kind

# How many events are read to see what an id is of.
READ_MAX = 1_000

_NOTICE = "settlement.notification.raised"


@dataclass(frozen=True, slots=True)
class Node:
    """One thing by its id; `of` is whose id it is: a message's source, a payment's or settlement's provider, an
    invoice's partner, a charger's operator. `says` is what it is in a few words.
    """

    kind: Kind
    id: str
    of: str = ""
    operator_id: str | None = None
    at: datetime | None = None
    says: str = ""

    @property
    def key(self) -> tuple[Kind, str, str]:
        """What makes it one thing."""
        return self.kind, self.id, self.of


@dataclass(frozen=True, slots=True)
class Links:
    """Things of one sort that something is linked to: `total` of them, the first shown."""

    name: str
    total: int
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """Something with what is known of it in itself, what it is linked to, and what is further along those links."""

    node: Node
    facts: tuple[tuple[str, str], ...]
    links: tuple[Links, ...]
    further: tuple[Links, ...]


@dataclass(slots=True)
class Made:
    """A trace in the making; nodes that are told twice are shown once.

    `entry_ids`, `session_ids` and `payouts` are all there are, shown or not: what is further along goes on from them.
    """

    node: Node
    limit: int
    facts: list[tuple[str, str]] = field(default_factory=list)
    links: dict[str, Links] = field(default_factory=dict)
    further: dict[str, Links] = field(default_factory=dict)
    entry_ids: list[UUID] = field(default_factory=list)
    session_ids: list[str] = field(default_factory=list)
    payouts: list[Payout] = field(default_factory=list)

    def fact(self, name: str, value: object) -> None:
        if value not in (None, ""):
            self.facts.append((name, str(value)))

    def link(self, name: str, nodes: Iterable[Node], total: int | None = None) -> None:
        """Link to more of a sort; `total` where more of them are there than are given."""
        _add(self.links, name, [node for node in nodes if node.key != self.node.key], total, self.limit)

    def link_payouts(self, name: str, payouts: Iterable[Payout]) -> None:
        """Link to payouts, and go on from them."""
        found = list(payouts)
        self.payouts += found
        self.link(name, map(payout_node, found))

    def link_further(self, name: str, nodes: Iterable[Node], total: int | None = None) -> None:
        """What is no direct link and not among them."""
        direct = {node.key for links in self.links.values() for node in links.nodes} | {self.node.key}
        _add(self.further, name, [node for node in nodes if node.key not in direct], total, self.limit)

    @property
    def trace(self) -> Trace:
        """What was made."""
        return Trace(self.node, tuple(self.facts), tuple(self.links.values()), tuple(self.further.values()))


def _add(links: dict[str, Links], name: str, nodes: Iterable[Node], total: int | None, limit: int) -> None:
    known = links[name] if name in links else Links(name, 0, ())
    found = list({node.key: node for node in (*known.nodes, *nodes)}.values())
    if found:
        links[name] = Links(name, max(total or 0, known.total, len(found)), tuple(found[:limit]))


def session_node(session_id: str, outcome: Outcome | None) -> Node:
    if outcome is None:
        return Node(Kind.SESSION, session_id)
    return Node(Kind.SESSION, session_id, operator_id=outcome.operator_id or None, says=outcome_says(outcome))


def outcome_says(outcome: Outcome) -> str:
    if outcome.gross is None or outcome.currency is None:
        return f"{outcome.state} {outcome.reason}".strip()
    return f"{outcome.state} {format_minor(outcome.gross, outcome.currency)} {outcome.currency}"


def message_node(history: History, told: Told) -> Node:
    says = told.fact.type if told.is_whole else f"{told.fact.type}, a line of it"
    return Node(Kind.MESSAGE, told.id, told.fact.source, history.operator_id, told.fact.time, says)


def mention_node(mention: Mention) -> Node:
    body = mention.body
    at = datetime.fromisoformat(body["time"])
    return Node(Kind.MESSAGE, body["id"], body["source"], body["data"].get("operator_id"), at, mention.topic)


def waiting_node(waiting: Waiting) -> Node:
    return Node(Kind.MESSAGE, waiting.id, waiting.source, at=waiting.time, says=f"{waiting.type}, waits for its CDR")


def event_node(history: History, decided: Decided) -> Node:
    type_ = sent_as(history, decided)
    sent = f", sent as {type_}" if type_ else ""
    id_ = str(event_id(history.stream_id, decided.version))
    return Node(Kind.EVENT, id_, operator_id=history.operator_id, says=f"{decided.topic}{sent}")


# Decisions of which people are told each time.
_TOLD = (PayoutStatusChanged, ApprovalCounted, ApprovalLapsed, DecisionRefused, TariffWarned)


def sent_as(history: History, decided: Decided) -> str | None:
    """The type of the message that goes out of a decision and has its id; None where none does."""
    event = decided.event
    if isinstance(event, CdrIssued | CdrCredited):
        return f"settlement.cdr.{'issued' if isinstance(event, CdrIssued) else 'credited'}"
    if isinstance(event, PayoutCreated):
        return "settlement.batch.created" if event.status != PayoutStatus.AWAITING_APPROVAL else None
    if isinstance(event, SessionAssessed):
        return _NOTICE if _is_told(history, decided.version, event) else None
    if isinstance(event, FindingOpened | FindingEnded):
        return _NOTICE if event.first else None
    if isinstance(event, PayoutHandedOff):
        return "settlement.batch.created"
    return _NOTICE if isinstance(event, _TOLD) else None


def _is_told(history: History, version: int, outcome: SessionAssessed) -> bool:
    """Whether people hear of an outcome: once of a state that keeps a session from being billed, and its reason."""
    if outcome.state not in NOTIFIED_STATES and outcome.reason != ESTIMATED:
        return False
    earlier = [each.event for each in history.decided if each.version < version]
    before = next((each for each in reversed(earlier) if isinstance(each, SessionAssessed)), None)
    return before is None or (before.state, before.reason) != (outcome.state, outcome.reason)


def entry_node(row: EntryRow, operator_id: str | None = None) -> Node:
    says = f"{row.kind} {format_minor(row.amount, row.currency)} {row.currency}"
    return Node(Kind.ENTRY, str(row.entry_id), operator_id=operator_id, at=row.effective_at, says=says)


def payout_node(payout: Payout) -> Node:
    amount = f"{format_minor(payout.amount, payout.currency)} {payout.currency}"
    says = f"{amount} of {payout.business_date}, attempt {payout.attempt}, {payout.status}"
    return Node(Kind.PAYOUT, payout.payout_id, operator_id=payout.operator_id, at=payout.fired_at, says=says)


def cdr_node(cdr: Cdr) -> Node:
    says = f"{'credit ' if cdr.credit else ''}CDR {cdr.number} of session {cdr.session_id}"
    return Node(Kind.CDR, cdr.cdr_id, operator_id=cdr.operator_id, at=cdr.issued_at, says=says)


def letter_node(letter: Letter) -> Node:
    says = f"{letter.code}: {letter.sentence}"
    return Node(Kind.DEAD_LETTER, str(letter.deadletter_id), at=letter.recorded_at, says=says)
