"""What an id is the id of, and everything that it touches: messages, events, entries, CDRs, payouts, bank files.

`find` says what has an id, `follow` shows one of it with what it is linked to. Links go both ways: what names another
thing is named by it. Lists are bounded and say how many there are in all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import CDR, MESSAGE_TYPES, stream_of
from domain.book.findings import FindingEnded, FindingOpened
from domain.calendar import utc_text
from domain.money import format_minor
from domain.payout.payout import PayoutCreated, PayoutStatus, PayoutStatusChanged, payout_stream
from domain.receipt import SETTLEMENT
from domain.session.assessment import NOTIFIED_STATES
from domain.session.decisions import CdrCredited, CdrIssued, SessionAssessed
from domain.session.orphans import ESTIMATED
from domain.session.session import session_stream
from domain.tariff.events import TariffWarned
from ledger.events.store import event_id
from projections.histories import Decided, History, Owner, Told, histories, owner_of_message
from projections.lookups import (
    Cdr,
    EntryRow,
    Letter,
    Lookups,
    Mention,
    Outcome,
    Payout,
    Waiting,
    is_same,
    spellings,
    uuids,
)
from projections.mentions import FIELDS, Kind, ids_in

# How many events are read to see what an id is of, and how many of each sort are shown unless more are asked for.
READ_MAX = 1_000
SHOWN = 20
EVERYTHING = 10_000_000

_NOTICE = "settlement.notification.raised"

# What is found by the events that mention it.
_MENTIONED = (
    *(Kind.MESSAGE, Kind.EVENT, Kind.PAYMENT, Kind.REFUND, Kind.DISPUTE, Kind.SETTLEMENT, Kind.INVOICE),
    *(Kind.CDR, Kind.BATCH, Kind.BANK_REFERENCE, Kind.EVSE),
)


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
class _Made:
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
        self.link(name, map(_payout_node, found))

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


def find(cursor: Cursor[TupleRow], id_: str) -> list[Node]:
    """What has this id, of every kind; UUIDs and hex are found in either case, UUIDs without hyphens too.

    Each with the operator whom it concerns, where it concerns one: a settlement, an invoice, a bank file and a dead
    letter may concern several. Needs a role that may read everything. Reads at most `READ_MAX` events of a kind.
    """
    if not id_.isprintable():
        return []
    return _Finder(Lookups(cursor)).find(id_)


def follow(cursor: Cursor[TupleRow], node: Node, limit: int = SHOWN) -> Trace:
    """Something that `find` has found, with what it is linked to, `limit` things of each sort."""
    return _Follower(Lookups(cursor), limit).follow(node)


def kinds_in_words() -> str:
    """What `find` looks for, for people."""
    return ", ".join(kind.replace("_", " ") for kind in Kind)


@dataclass(slots=True)
class _Finder:
    """Finds what has an id."""

    look: Lookups

    def find(self, id_: str) -> list[Node]:
        found = [*self._by_stream(id_), *self._by_table(id_), *self._by_mention(id_)]
        found.sort(key=lambda node: node.operator_id is not None)
        nodes = list({node.key: node for node in found}.values())
        exact = {node.kind for node in nodes if node.id == id_}
        return sorted(
            (node for node in nodes if node.id == id_ or node.kind not in exact),
            key=lambda node: (node.kind, node.of),
        )

    def _by_stream(self, id_: str) -> Iterator[Node]:
        names = spellings(id_)
        streams = {session_stream(name): (Kind.SESSION, name) for name in names}
        streams |= {payout_stream(name): (Kind.PAYOUT, name) for name in names}
        for stream_id in sorted(self.look.known_streams(list(streams))):
            kind, name = streams[stream_id]
            if kind is Kind.SESSION:
                outcome = self.look.outcomes([name]).get(name)
                yield Node(kind, name, operator_id=outcome.operator_id or None if outcome else None)
            else:
                payouts = self.look.payouts([name])
                yield _payout_node(payouts[0]) if payouts else Node(kind, name)

    def _by_table(self, id_: str) -> Iterator[Node]:
        ids = uuids(id_)
        yield from (_entry_node(row, self._operator_of_entry(row)) for row in self.look.entries(ids))
        yield from (_letter_node(letter) for letter in self.look.letters(ids))
        yield from (_cdr_node(cdr) for cdr in self.look.cdrs(spellings(id_)))
        for name, made_at, _ in self.look.files([*spellings(id_), f"{id_}.xml"]):
            yield Node(Kind.BANK_FILE, name, at=made_at)
        for spelling in spellings(id_):
            yield from (_waiting_node(each) for each in self.look.waiting(spelling))
        for each in self.look.waiting_for(spellings(id_)):
            yield Node(Kind.CDR, each.ref)
        yield from (_letter_node(each) for name in spellings(id_) for each in self.look.letters_of(name, READ_MAX))

    def _by_mention(self, id_: str) -> Iterator[Node]:
        for kind, mentions in self.look.mentions(_MENTIONED, id_, READ_MAX).items():
            for mention in mentions:
                for node in _meant(self.look, kind, id_, mention):
                    yield node if node.operator_id else replace(node, operator_id=self._operator(mention))

    def _operator_of_entry(self, row: EntryRow) -> str | None:
        return self._operator_of(Owner(Kind.SESSION, row.session_id or "")) or self._operator_of(
            Owner(Kind.PAYOUT, row.payout_id or "")
        )

    def _operator(self, mention: Mention) -> str | None:
        """Whom an event concerns: it says so, or what it is about does."""
        body = mention.body
        if mention.topic not in MESSAGE_TYPES:
            said = (part.get("operator_id") for part in (body, body.get("booking", {}), body.get("finding", {})))
            return next((operator_id for operator_id in said if operator_id), None)
        if operator_id := body["data"].get("operator_id"):
            return str(operator_id)
        if "cdr_id" in body["data"]:
            return next((cdr.operator_id for cdr in self.look.cdrs([body["data"]["cdr_id"]])), None)
        owner = owner_of_message(mention.topic, body["data"])
        return self._operator_of(owner) if owner else None

    def _operator_of(self, owner: Owner) -> str | None:
        if owner.kind is Kind.SESSION:
            outcome = self.look.outcomes([owner.id]).get(owner.id)
            return outcome.operator_id or None if outcome else None
        if owner.kind is Kind.PAYOUT:
            return next((payout.operator_id for payout in self.look.payouts([owner.id])), None)
        return None


def _meant(look: Lookups, kind: Kind, id_: str, mention: Mention) -> Iterator[Node]:
    """What of a kind an event mentions under an id; nothing where it only shares the hash."""
    body = mention.body
    if mention.topic not in MESSAGE_TYPES:
        if kind is Kind.EVENT and is_same(id_, mention.event_id):
            yield Node(kind, mention.event_id, says=mention.topic)
        elif kind is Kind.BATCH and is_same(id_, str(body.get("batch_id", ""))):
            yield Node(kind, body["batch_id"], operator_id=body["operator_id"])
    elif kind is Kind.MESSAGE:
        if is_same(id_, body["id"]):
            yield _mention_node(mention)
    else:
        for named, name in ids_in(body["data"]):
            if named is kind and is_same(id_, name):
                yield from _named_nodes(look, kind, name, mention)


def _named_nodes(look: Lookups, kind: Kind, id_: str, mention: Mention) -> Iterator[Node]:
    """What an id in a message's data means: whose it is stands in the message, or with its session."""
    data = mention.body["data"]
    operator_id = data.get("operator_id")
    if kind is Kind.PAYMENT:
        for provider in _providers(look, id_, data):
            yield Node(kind, id_, provider)
    elif kind is Kind.SETTLEMENT:
        yield Node(kind, id_, data["provider"])
    elif kind is Kind.INVOICE:
        yield Node(kind, id_, data["partner"].upper())
    elif kind is Kind.EVSE:
        yield Node(kind, id_, operator_id or "", operator_id)
    else:
        yield Node(kind, id_)


def _providers(look: Lookups, payment_id: str, data: Mapping[str, Any]) -> list[str]:
    """Whose payment a message means: it says so, or its session has captured it."""
    if "provider" in data:
        return [data["provider"]]
    return look.providers([data["session_id"]], payment_id) or [""]


@dataclass(slots=True)
class _Follower:
    """Makes traces, each kind in its way."""

    look: Lookups
    limit: int

    def follow(self, node: Node) -> Trace:
        made = _Made(node, self.limit)
        _WAYS[node.kind](self, made)
        self._go_on(made)
        return made.trace

    def _go_on(self, made: _Made) -> None:
        """Past the direct links: to payouts that pay entries, their bank files and answers, to CDRs and messages."""
        shown = made.session_ids[: self.limit]
        if not made.payouts:
            made.payouts += self._paying(made, shown)
            made.link_further("payouts", map(_payout_node, made.payouts))
        ids = [payout.payout_id for payout in made.payouts[: self.limit]]
        files = [name for id_ in ids if (name := self.look.file_of(id_))]
        made.link_further("bank_files", [Node(Kind.BANK_FILE, name) for name in files])
        if made.node.kind is not Kind.PAYOUT:
            answers = histories(self.look.cursor, [payout_stream(id_) for id_ in ids]).values()
            made.link_further("answers", [_message_node(each, told) for each in answers for told in each.told])
        if made.node.kind is not Kind.SESSION:
            made.link_further("cdrs", [_cdr_node(cdr) for each in shown for cdr in self.look.cdrs_of(each)])
        if made.node.kind in (Kind.PAYOUT, Kind.ENTRY, Kind.CDR):
            of_sessions = self._histories_of(shown)
            nodes = [_message_node(each, told) for each in of_sessions for told in each.told]
            made.link_further("messages_of_sessions", nodes)

    def _paying(self, made: _Made, session_ids: Sequence[str]) -> list[Payout]:
        """The payouts that pay the entries of the trace; where none does, those of the sessions that it names."""
        found = self.look.paying(made.entry_ids[:READ_MAX])
        if found or not session_ids:
            return found
        decided = [one for each in self._histories_of(session_ids) for one in each.decided]
        return self.look.paying([entry_id for one in decided for entry_id in one.entry_ids])

    # Streams and what is in them

    def _history(self, stream_id: UUID) -> History | None:
        return histories(self.look.cursor, [stream_id]).get(stream_id)

    def _mentions(self, made: _Made) -> list[Mention]:
        """The events that mention the node, not those that only share its hash, in the order of the store."""
        node = made.node
        found = self.look.mentions([node.kind], node.id, max(self.limit, READ_MAX))[node.kind]
        return [each for each in found if node.key in {n.key for n in _meant(self.look, node.kind, node.id, each)}]

    def _entries(self, made: _Made, name: str, entry_ids: Sequence[UUID], operator_id: str | None) -> None:
        distinct = list(dict.fromkeys(entry_ids))
        made.entry_ids += distinct
        rows = self.look.entries(distinct[: self.limit])
        made.link(name, [_entry_node(row, operator_id) for row in rows], len(distinct))

    def _decided(self, made: _Made, history: History, decided: Sequence[Decided]) -> None:
        """Decisions, and the entries that they gave."""
        made.link("events", [_event_node(history, each) for each in decided])
        entry_ids = [entry_id for each in decided for entry_id in each.entry_ids]
        self._entries(made, "entries", entry_ids, history.operator_id)

    def _sessions(self, made: _Made, session_ids: Iterable[str], total: int = 0) -> None:
        """Sessions; `total` where more are there than were read."""
        distinct = list(dict.fromkeys(session_ids))
        made.session_ids += distinct
        outcomes = self.look.outcomes(distinct[: self.limit])
        nodes = [_session_node(each, outcomes.get(each)) for each in distinct[: self.limit]]
        made.link("sessions", nodes, max(total, len(distinct)))

    def _named(self, made: _Made, messages: Iterable[Told]) -> None:
        """What messages name, of every kind."""
        found: dict[Kind, list[Node]] = {}
        for told in messages:
            mention = Mention(0, UUID(int=0), 0, told.fact.type, {"data": told.fact.data})
            for kind, id_ in ids_in(told.fact.data):
                found.setdefault(kind, []).extend(_named_nodes(self.look, kind, id_, mention))
        for kind, nodes in found.items():
            self._link_named(made, kind, nodes)

    def _link_named(self, made: _Made, kind: Kind, nodes: Iterable[Node]) -> None:
        """Link to what messages name; of CDRs those that are shown are looked up, since there may be many."""
        distinct = list({node.key: node for node in nodes if node.key != made.node.key}.values())
        if kind is Kind.CDR:
            known = {cdr.cdr_id: _cdr_node(cdr) for cdr in self.look.cdrs([n.id for n in distinct[: self.limit]])}
            distinct = [known.get(node.id, node) for node in distinct]
        made.link(_PLURAL[kind], distinct)

    # Ways by kind

    def session(self, made: _Made) -> None:
        history = self._history(session_stream(made.node.id))
        if history is None:
            return
        outcome = self.look.outcomes([made.node.id]).get(made.node.id)
        made.fact("operator", history.operator_id)
        made.fact("outcome", _outcome_says(outcome) if outcome else "known from payments alone")
        made.link("messages", [_message_node(history, told) for told in history.told])
        self._named(made, [told for told in history.told if told.fact.type != _ELSEWHERE])
        self._link_receipts(made)
        self._decided(made, history, history.decided)
        made.link("cdrs", map(_cdr_node, self.look.cdrs_of(made.node.id)))
        made.link_payouts("payouts", self.look.paying(made.entry_ids))

    def _link_receipts(self, made: _Made) -> None:
        """Settlements and invoices with lines of what a session claims, also those whose lines count no more."""
        for ref_kind, ref in self.look.references(made.node.id):
            kind = Kind.CDR if ref_kind == CDR.kind else Kind.PAYMENT
            provider, _, id_ = ref.rpartition("\t")
            for mention in self.look.mentions([kind], id_, max(self.limit, READ_MAX))[kind]:
                data = mention.body["data"]
                lines = [line for line in data.get("items") or () if line.get("payment_id") == id_]
                if id_ in (data.get("cdr_ids") or ()) or (lines and data["provider"] == provider):
                    made.link("messages", [_mention_node(mention)])
                    made.link("settlements", self._of_data(Kind.SETTLEMENT, [mention]))
                    made.link("invoices", self._of_data(Kind.INVOICE, [mention]))
                    for named in (Kind.REFUND, Kind.DISPUTE):
                        found = [each for line in lines for each in ids_in(line) if each[0] is named]
                        made.link(_PLURAL[named], [Node(named, name) for _, name in found])

    def message(self, made: _Made) -> None:
        node = made.node
        for waiting in self.look.waiting(node.id):
            if waiting.source == node.of:
                made.fact("waits for", f"CDR {waiting.ref}, which no session has sent yet")
                made.link("cdrs", [Node(Kind.CDR, waiting.ref)])
        for mention in self._mentions(made):
            self._stored(made, mention)
        letters = [each for each in self.look.letters_of(node.id, READ_MAX) if each.source == node.of]
        made.link("dead_letters", map(_letter_node, letters))

    def _stored(self, made: _Made, mention: Mention) -> None:
        """A message where its stream has it, and the sessions that have lines of it."""
        history = self._history(mention.stream_id)
        if history is None:
            return
        made.fact("type", mention.topic)
        made.fact("time", utc_text(datetime.fromisoformat(mention.body["time"])))
        own = [told for told in history.told if (told.fact.source, told.id) == (made.node.of, made.node.id)]
        self._link_owner(made, history)
        self._named(made, own)
        sessions = self._sessions_of_lines([told.fact.data for told in own])
        if sessions:
            self._sessions(made, sessions)
        # The first part of a settlement hears of the others.
        first = histories(self.look.cursor, sorted(_first_parts([mention]) - {history.stream_id})).values()
        histories_ = [history, *first, *self._histories_of(sessions[: self.limit])]
        decided = [(each, one) for each in histories_ for one in each.caused_by(made.node.of, made.node.id)]
        made.link("events", [_event_node(each, one) for each, one in decided])
        self._entries(made, "entries", [entry for _, one in decided for entry in one.entry_ids], history.operator_id)

    def _histories_of(self, session_ids: Sequence[str]) -> list[History]:
        return list(histories(self.look.cursor, [session_stream(each) for each in session_ids]).values())

    def _sessions_of_lines(self, datas: Iterable[Mapping[str, Any]]) -> list[str]:
        """The sessions to which the lines of settlements and invoices belong."""
        payments: list[str] = []
        cdrs: list[str] = []
        for data in datas:
            lines = [line["payment_id"] for line in data.get("items") or () if line.get("payment_id")]
            payments += [f"{data['provider']}\t{payment_id}" for payment_id in lines]
            cdrs += [str(cdr_id) for cdr_id in data.get("cdr_ids") or ()]
        found = self.look.claimants("payment", payments) | self.look.claimants("cdr", cdrs)
        return sorted({session_id for claimed in found.values() for session_id in claimed})

    def _link_owner(self, made: _Made, history: History) -> None:
        """Link to what a stream is about; of something published only its name is told."""
        owner = history.owner
        if owner.kind is None:
            made.fact("about", owner.id)
        elif owner.kind is Kind.SESSION:
            self._sessions(made, [owner.id])
        elif owner.kind is Kind.PAYOUT and (payouts := self.look.payouts([owner.id])):
            made.link_payouts("payouts", payouts)
        else:
            made.link(_PLURAL[owner.kind], [Node(owner.kind, owner.id, owner.of, history.operator_id)])

    def event(self, made: _Made) -> None:
        for mention in self._mentions(made):
            history = self._history(mention.stream_id)
            if history is None:
                continue
            one = next(each for each in history.decided if each.version == mention.version)
            made.fact("type", one.topic)
            made.fact("sent as", _sent_as(history, one))
            self._link_owner(made, history)
            made.link("messages", [_message_node(history, told) for told in history.causes_of(one)])
            self._entries(made, "entries", one.entry_ids, history.operator_id)
            if isinstance(one.event, CdrIssued | CdrCredited):
                made.link("cdrs", map(_cdr_node, self.look.cdrs([one.event.cdr_id])))
            if isinstance(one.event, PayoutCreated):
                made.link("batches", [Node(Kind.BATCH, one.event.batch_id, operator_id=one.event.operator_id)])

    def entry(self, made: _Made) -> None:
        [row] = self.look.entries([UUID(made.node.id)])
        made.fact("kind", row.kind)
        made.fact("effective at", utc_text(row.effective_at))
        for account, amount in self.look.postings(row.entry_id):
            side = "debit" if amount > 0 else "credit"
            made.fact(side, f"{account} {format_minor(abs(amount), row.currency)} {row.currency}")
        history = self._history_of(row)
        if history is not None:
            self._link_owner(made, history)
            behind = [one for one in history.decided if row.entry_id in one.entry_ids]
            made.link("events", [_event_node(history, one) for one in behind])
            causes = [_message_node(history, told) for one in behind for told in history.causes_of(one)]
            made.link("messages", causes)
        others = [row.reverses] if row.reverses else []
        made.link("takes_back", map(_entry_node, self.look.entries(others)))
        made.link("taken_back_by", map(_entry_node, self.look.entries(self.look.reversed_by(row.entry_id))))
        paying = self.look.pays(self.look.paying([row.entry_id]), row.entry_id)
        made.link_payouts("paid_by", paying)

    def _history_of(self, row: EntryRow) -> History | None:
        if row.session_id:
            return self._history(session_stream(row.session_id))
        if row.payout_id:
            return self._history(payout_stream(row.payout_id))
        asked = Node(Kind.EVENT, str(row.cause))
        found = self._mentions(_Made(asked, self.limit))
        return self._history(found[0].stream_id) if found else None

    def payout(self, made: _Made) -> None:
        payouts = self.look.payouts([made.node.id])
        history = self._history(payout_stream(made.node.id))
        for payout in payouts:
            made.payouts.append(payout)
            made.fact("operator", payout.operator_id)
            made.fact("amount", f"{format_minor(payout.amount, payout.currency)} {payout.currency}")
            made.fact("business date", payout.business_date)
            made.fact("status", f"{payout.status} since {utc_text(payout.status_at)}")
            made.fact("end to end id", payout.payout_id.replace("-", ""))
            paid = self.look.entries(self.look.paid_entries(payout.payout_id, self.limit))
            made.link("pays", [_entry_node(row, payout.operator_id) for row in paid], payout.entries)
            self._sessions(made, self.look.paid_sessions(payout.payout_id))
            made.link("attempts", map(_payout_node, self.look.attempts(payout)))
            made.link("batches", [Node(Kind.BATCH, payout.batch_id, operator_id=payout.operator_id)])
        if name := self.look.file_of(made.node.id):
            made.link("bank_files", [Node(Kind.BANK_FILE, name)])
        if history is not None:
            made.fact("made", "not yet: what was said of it waits" if not payouts else None)
            made.link("messages", [_message_node(history, told) for told in history.told])
            self._named(made, history.told)
            self._decided(made, history, history.decided)

    def batch(self, made: _Made) -> None:
        mentions = self._mentions(made)
        made.link_payouts("payouts", self.look.payouts(each.body["payout_id"] for each in mentions))
        made.link("events", [Node(Kind.EVENT, each.event_id, says=each.topic) for each in mentions])

    def bank_file(self, made: _Made) -> None:
        for _, made_at, handed_off_at in self.look.files([made.node.id]):
            made.fact("made at", utc_text(made_at))
            made.fact("first written", utc_text(handed_off_at) if handed_off_at else "not yet")
        ids = self.look.payouts_in(made.node.id)
        made.link("payouts", map(_payout_node, self.look.payouts(ids[: self.limit])), len(ids))
        for payout_id in ids[: self.limit]:
            made.session_ids += self.look.paid_sessions(payout_id)

    def cdr(self, made: _Made) -> None:
        for cdr in self.look.cdrs([made.node.id]):
            made.fact("operator", cdr.operator_id)
            made.fact("credit", "yes" if cdr.credit else None)
            made.fact("issued at", utc_text(cdr.issued_at))
            self._sessions(made, [cdr.session_id])
            others = [each for each in self.look.cdrs_of(cdr.session_id) if each.number == cdr.number]
            made.link("credits" if cdr.credit else "credited_by", map(_cdr_node, others))
            if history := self._history(session_stream(cdr.session_id)):
                own = [one for one in history.decided if getattr(one.event, "cdr_id", "") == cdr.cdr_id]
                own = [one for one in own if isinstance(one.event, CdrIssued | CdrCredited)]
                made.link("events", [_event_node(history, one) for one in own])
        named = self._mentions(made)
        waiting = [_waiting_node(each) for each in self.look.waiting_for([made.node.id])]
        made.link("messages", [*map(_mention_node, named), *waiting])
        made.link("invoices", self._of_data(Kind.INVOICE, named))

    def _of_data(self, kind: Kind, mentions: Iterable[Mention]) -> Iterator[Node]:
        """What of a kind the messages name themselves."""
        for mention in mentions:
            for named, id_ in ids_in(mention.body["data"]):
                if named is kind:
                    yield from _named_nodes(self.look, kind, id_, mention)

    def named(self, made: _Made) -> None:
        """What only messages know: payments, refunds, disputes, settlements, invoices, bank references, chargers."""
        mentions = self._mentions(made)
        # Whoever mentions an id more often than is read is a charger, whose messages are each of one session or none.
        counts = self.look.counts(made.node.kind, made.node.id) if len(mentions) >= READ_MAX else {}
        made.link("messages", map(_mention_node, mentions), sum(counts.values()))
        owners = [owner_of_message(each.topic, each.body["data"]) for each in mentions]
        sessions = [owner.id for owner in owners if owner and owner.kind is Kind.SESSION]
        of_sessions = sum(counts.get(type_, 0) for type_ in _WITH_CHARGER)
        self._sessions(made, [*sessions, *self._sessions_named(made, mentions)], of_sessions)
        payouts = [owner.id for owner in owners if owner and owner.kind is Kind.PAYOUT]
        made.link_payouts("payouts", self.look.payouts(payouts))
        for kind in _BESIDE.get(made.node.kind, ()):
            self._link_named(made, kind, self._beside(made.node, kind, mentions))
        if made.node.kind in (Kind.SETTLEMENT, Kind.INVOICE):
            streams = {each.stream_id for each in mentions} | _first_parts(mentions)
            found = histories(self.look.cursor, sorted(streams)).values()
            made.link("events", [_event_node(each, one) for each in found for one in each.decided])
            entry_ids = [entry for each in found for one in each.decided for entry in one.entry_ids]
            self._entries(made, "entries", entry_ids, None)
        elif made.node.kind is not Kind.EVSE:
            self._entries_of_messages(made, mentions, payouts)

    def _entries_of_messages(self, made: _Made, mentions: Sequence[Mention], payout_ids: Sequence[str]) -> None:
        """What messages booked in the sessions and payouts that are shown: a hop further than the messages."""
        streams = [
            *map(session_stream, made.session_ids[: self.limit]),
            *map(payout_stream, payout_ids[: self.limit]),
        ]
        messages = [(each.body["source"], each.body["id"]) for each in mentions]
        found = histories(self.look.cursor, streams).values()
        booked = [one for each in found for message in messages for one in each.caused_by(*message)]
        entry_ids = list(dict.fromkeys(entry_id for one in booked for entry_id in one.entry_ids))
        rows = self.look.entries(entry_ids[: self.limit])
        made.link_further("entries", map(_entry_node, rows), len(entry_ids))

    def _sessions_named(self, made: _Made, mentions: Sequence[Mention]) -> list[str]:
        node = made.node
        if node.kind is Kind.PAYMENT:
            return self.look.claimants("payment", [f"{node.of}\t{node.id}"]).get(f"{node.of}\t{node.id}", [])
        if node.kind in (Kind.SETTLEMENT, Kind.INVOICE):
            return self._sessions_of_lines([each.body["data"] for each in mentions])
        if node.kind in (Kind.REFUND, Kind.DISPUTE):
            return self._sessions_of_lines([_only_lines_of(node, each.body["data"]) for each in mentions])
        return []

    def _beside(self, node: Node, kind: Kind, mentions: Iterable[Mention]) -> Iterator[Node]:
        """What of a kind stands beside the node: in the same message, and of a line in the same line."""
        for mention in mentions:
            data = mention.body["data"]
            for part in (data, *(data.get("items") or ())):
                ids = {FIELDS[name]: str(part[name]) for name in FIELDS if part.get(name) is not None}
                whole = {FIELDS[name]: str(data[name]) for name in FIELDS if data.get(name) is not None}
                if {**whole, **ids}.get(node.kind) == node.id and kind in (named := {**whole, **ids}):
                    yield from _named_nodes(self.look, kind, named[kind], mention)
            if node.kind is Kind.CDR or (kind is Kind.CDR and data.get("cdr_ids")):
                yield from self._of_data(kind, [mention])

    def dead_letter(self, made: _Made) -> None:
        for letter in self.look.letters([UUID(made.node.id)]):
            made.fact("code", letter.code)
            made.fact("because", letter.sentence)
            made.fact("topic", letter.topic)
            made.fact("type", letter.type)
            made.fact("replayed at", utc_text(letter.replayed_at) if letter.replayed_at else None)
            if letter.id and letter.source:
                asked = Node(Kind.MESSAGE, letter.id, letter.source)
                found = [_mention_node(each) for each in self._mentions(_Made(asked, self.limit))]
                made.link("messages", found)


_ELSEWHERE = "payment.captured.elsewhere"
# The messages of sessions that name their charger, one each.
_WITH_CHARGER = ("charging.session.started", "charging.reservation.expired")

_PLURAL: Mapping[Kind, str] = {
    kind: {Kind.BATCH: "batches", Kind.ENTRY: "entries"}.get(kind, f"{kind}s") for kind in Kind
}

# What is named beside an id in messages, both ways.
_BESIDE: Mapping[Kind, tuple[Kind, ...]] = {
    Kind.PAYMENT: (Kind.REFUND, Kind.DISPUTE, Kind.SETTLEMENT),
    Kind.REFUND: (Kind.PAYMENT, Kind.SETTLEMENT),
    Kind.DISPUTE: (Kind.PAYMENT, Kind.SETTLEMENT),
    Kind.SETTLEMENT: (Kind.PAYMENT, Kind.REFUND, Kind.DISPUTE),
    Kind.INVOICE: (Kind.CDR,),
}

_WAYS: Mapping[Kind, Callable[[_Follower, _Made], None]] = {
    Kind.MESSAGE: _Follower.message,
    Kind.EVENT: _Follower.event,
    Kind.SESSION: _Follower.session,
    Kind.PAYMENT: _Follower.named,
    Kind.REFUND: _Follower.named,
    Kind.DISPUTE: _Follower.named,
    Kind.SETTLEMENT: _Follower.named,
    Kind.INVOICE: _Follower.named,
    Kind.CDR: _Follower.cdr,
    Kind.PAYOUT: _Follower.payout,
    Kind.BATCH: _Follower.batch,
    Kind.BANK_FILE: _Follower.bank_file,
    Kind.BANK_REFERENCE: _Follower.named,
    Kind.ENTRY: _Follower.entry,
    Kind.EVSE: _Follower.named,
    Kind.DEAD_LETTER: _Follower.dead_letter,
}


def _only_lines_of(node: Node, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """A settlement with the lines alone that name a refund or a dispute."""
    lines = [line for line in data.get("items") or () if node.id in (line.get("refund_id"), line.get("dispute_id"))]
    return {**data, "items": lines}


def _first_parts(mentions: Iterable[Mention]) -> set[UUID]:
    """The streams of the first parts of settlements, which keep what is found of the whole."""
    told = [each.body["data"] for each in mentions if each.topic == SETTLEMENT]
    return {stream_of(SETTLEMENT, {**data, "part": 1}) for data in told}


def _session_node(session_id: str, outcome: Outcome | None) -> Node:
    if outcome is None:
        return Node(Kind.SESSION, session_id)
    return Node(Kind.SESSION, session_id, operator_id=outcome.operator_id or None, says=_outcome_says(outcome))


def _outcome_says(outcome: Outcome) -> str:
    if outcome.gross is None or outcome.currency is None:
        return f"{outcome.state} {outcome.reason}".strip()
    return f"{outcome.state} {format_minor(outcome.gross, outcome.currency)} {outcome.currency}"


def _message_node(history: History, told: Told) -> Node:
    says = told.fact.type if told.is_whole else f"{told.fact.type}, a line of it"
    return Node(Kind.MESSAGE, told.id, told.fact.source, history.operator_id, told.fact.time, says)


def _mention_node(mention: Mention) -> Node:
    body = mention.body
    at = datetime.fromisoformat(body["time"])
    return Node(Kind.MESSAGE, body["id"], body["source"], body["data"].get("operator_id"), at, mention.topic)


def _waiting_node(waiting: Waiting) -> Node:
    return Node(Kind.MESSAGE, waiting.id, waiting.source, at=waiting.time, says=f"{waiting.type}, waits for its CDR")


def _event_node(history: History, decided: Decided) -> Node:
    sent_as = _sent_as(history, decided)
    sent = f", sent as {sent_as}" if sent_as else ""
    id_ = str(event_id(history.stream_id, decided.version))
    return Node(Kind.EVENT, id_, operator_id=history.operator_id, says=f"{decided.topic}{sent}")


def _sent_as(history: History, decided: Decided) -> str | None:
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
    return _NOTICE if isinstance(event, PayoutStatusChanged | TariffWarned) else None


def _is_told(history: History, version: int, outcome: SessionAssessed) -> bool:
    """Whether people hear of an outcome: once of a state that keeps a session from being billed, and its reason."""
    if outcome.state not in NOTIFIED_STATES and outcome.reason != ESTIMATED:
        return False
    earlier = [each.event for each in history.decided if each.version < version]
    before = next((each for each in reversed(earlier) if isinstance(each, SessionAssessed)), None)
    return before is None or (before.state, before.reason) != (outcome.state, outcome.reason)


def _entry_node(row: EntryRow, operator_id: str | None = None) -> Node:
    says = f"{row.kind} {format_minor(row.amount, row.currency)} {row.currency}"
    return Node(Kind.ENTRY, str(row.entry_id), operator_id=operator_id, at=row.effective_at, says=says)


def _payout_node(payout: Payout) -> Node:
    amount = f"{format_minor(payout.amount, payout.currency)} {payout.currency}"
    says = f"{amount} of {payout.business_date}, attempt {payout.attempt}, {payout.status}"
    return Node(Kind.PAYOUT, payout.payout_id, operator_id=payout.operator_id, at=payout.fired_at, says=says)


def _cdr_node(cdr: Cdr) -> Node:
    says = f"{'credit ' if cdr.credit else ''}CDR {cdr.number} of session {cdr.session_id}"
    return Node(Kind.CDR, cdr.cdr_id, operator_id=cdr.operator_id, at=cdr.issued_at, says=says)


def _letter_node(letter: Letter) -> Node:
    says = f"{letter.code}: {letter.sentence}"
    return Node(Kind.DEAD_LETTER, str(letter.deadletter_id), at=letter.recorded_at, says=says)
