"""What something is linked to, both ways: what names another thing is named by it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.messages import CDR, stream_of
from domain.calendar import utc_text
from domain.money import format_minor
from domain.payout.events import (
    PayoutCreated,
    payout_stream,
)
from domain.receipt import SETTLEMENT
from domain.session.decisions import CdrCredited, CdrIssued
from domain.session.session import session_stream
from projections.histories import Decided, History, Told, histories, owner_of_message
from projections.lookups import (
    EntryRow,
    Lookups,
    Mention,
    Payout,
)
from projections.mentions import FIELDS, Kind, ids_in
from projections.tracing.finding import meant, named_nodes
from projections.tracing.nodes import (
    READ_MAX,
    Made,
    Node,
    Trace,
    cdr_node,
    entry_node,
    event_node,
    letter_node,
    mention_node,
    message_node,
    outcome_says,
    payout_node,
    sent_as,
    session_node,
    waiting_node,
)


@dataclass(slots=True)
class Follower:
    """Makes traces, each kind in its way."""

    look: Lookups
    limit: int

    def follow(self, node: Node) -> Trace:
        made = Made(node, self.limit)
        _WAYS[node.kind](self, made)
        self._go_on(made)
        return made.trace

    def _go_on(self, made: Made) -> None:
        """Past the direct links: to payouts that pay entries, their bank files and answers, to CDRs and messages."""
        shown = made.session_ids[: self.limit]
        if not made.payouts:
            made.payouts += self._paying(made, shown)
            made.link_further("payouts", map(payout_node, made.payouts))
        ids = [payout.payout_id for payout in made.payouts[: self.limit]]
        files = [name for id_ in ids if (name := self.look.file_of(id_))]
        made.link_further("bank_files", [Node(Kind.BANK_FILE, name) for name in files])
        if made.node.kind is not Kind.PAYOUT:
            answers = histories(self.look.cursor, [payout_stream(id_) for id_ in ids]).values()
            made.link_further("answers", [message_node(each, told) for each in answers for told in each.told])
        if made.node.kind is not Kind.SESSION:
            made.link_further("cdrs", [cdr_node(cdr) for each in shown for cdr in self.look.cdrs_of(each)])
        if made.node.kind in (Kind.PAYOUT, Kind.ENTRY, Kind.CDR):
            of_sessions = self._histories_of(shown)
            nodes = [message_node(each, told) for each in of_sessions for told in each.told]
            made.link_further("messages_of_sessions", nodes)

    def _paying(self, made: Made, session_ids: Sequence[str]) -> list[Payout]:
        """The payouts that pay the entries of the trace; where none does, those of the sessions that it names."""
        found = self.look.paying(made.entry_ids[:READ_MAX])
        if found or not session_ids:
            return found
        decided = [one for each in self._histories_of(session_ids) for one in each.decided]
        return self.look.paying([entry_id for one in decided for entry_id in one.entry_ids])

    # Streams and what is in them

    def _history(self, stream_id: UUID) -> History | None:
        return histories(self.look.cursor, [stream_id]).get(stream_id)

    def _mentions(self, made: Made) -> list[Mention]:
        """The events that mention the node, not those that only share its hash, in the order of the store."""
        node = made.node
        found = self.look.mentions([node.kind], node.id, max(self.limit, READ_MAX))[node.kind]
        return [each for each in found if node.key in {n.key for n in meant(self.look, node.kind, node.id, each)}]

    def _entries(self, made: Made, name: str, entry_ids: Sequence[UUID], operator_id: str | None) -> None:
        distinct = list(dict.fromkeys(entry_ids))
        made.entry_ids += distinct
        rows = self.look.entries(distinct[: self.limit])
        made.link(name, [entry_node(row, operator_id) for row in rows], len(distinct))

    def _decided(self, made: Made, history: History, decided: Sequence[Decided]) -> None:
        """Decisions, and the entries that they gave."""
        made.link("events", [event_node(history, each) for each in decided])
        entry_ids = [entry_id for each in decided for entry_id in each.entry_ids]
        self._entries(made, "entries", entry_ids, history.operator_id)

    def _sessions(self, made: Made, session_ids: Iterable[str], total: int = 0) -> None:
        """Sessions; `total` where more are there than were read."""
        distinct = list(dict.fromkeys(session_ids))
        made.session_ids += distinct
        outcomes = self.look.outcomes(distinct[: self.limit])
        nodes = [session_node(each, outcomes.get(each)) for each in distinct[: self.limit]]
        made.link("sessions", nodes, max(total, len(distinct)))

    def _named(self, made: Made, messages: Iterable[Told]) -> None:
        """What messages name, of every kind."""
        found: dict[Kind, list[Node]] = {}
        for told in messages:
            mention = Mention(0, UUID(int=0), 0, told.fact.type, {"data": told.fact.data})
            for kind, id_ in ids_in(told.fact.data):
                found.setdefault(kind, []).extend(named_nodes(self.look, kind, id_, mention))
        for kind, nodes in found.items():
            self._link_named(made, kind, nodes)

    def _link_named(self, made: Made, kind: Kind, nodes: Iterable[Node]) -> None:
        """Link to what messages name; of CDRs those that are shown are looked up, since there may be many."""
        distinct = list({node.key: node for node in nodes if node.key != made.node.key}.values())
        if kind is Kind.CDR:
            known = {cdr.cdr_id: cdr_node(cdr) for cdr in self.look.cdrs([n.id for n in distinct[: self.limit]])}
            distinct = [known.get(node.id, node) for node in distinct]
        made.link(_PLURAL[kind], distinct)

    # Ways by kind

    def session(self, made: Made) -> None:
        history = self._history(session_stream(made.node.id))
        if history is None:
            return
        outcome = self.look.outcomes([made.node.id]).get(made.node.id)
        made.fact("operator", history.operator_id)
        made.fact("outcome", outcome_says(outcome) if outcome else "known from payments alone")
        made.link("messages", [message_node(history, told) for told in history.told])
        self._named(made, [told for told in history.told if told.fact.type != _ELSEWHERE])
        self._link_receipts(made)
        self._decided(made, history, history.decided)
        made.link("cdrs", map(cdr_node, self.look.cdrs_of(made.node.id)))
        made.link_payouts("payouts", self.look.paying(made.entry_ids))

    def _link_receipts(self, made: Made) -> None:
        """Settlements and invoices with lines of what a session claims, also those whose lines count no more."""
        for ref_kind, ref in self.look.references(made.node.id):
            kind = Kind.CDR if ref_kind == CDR.kind else Kind.PAYMENT
            provider, _, id_ = ref.rpartition("\t")
            for mention in self.look.mentions([kind], id_, max(self.limit, READ_MAX))[kind]:
                data = mention.body["data"]
                lines = [line for line in data.get("items") or () if line.get("payment_id") == id_]
                if id_ in (data.get("cdr_ids") or ()) or (lines and data["provider"] == provider):
                    made.link("messages", [mention_node(mention)])
                    made.link("settlements", self._of_data(Kind.SETTLEMENT, [mention]))
                    made.link("invoices", self._of_data(Kind.INVOICE, [mention]))
                    for named in (Kind.REFUND, Kind.DISPUTE):
                        found = [each for line in lines for each in ids_in(line) if each[0] is named]
                        made.link(_PLURAL[named], [Node(named, name) for _, name in found])

    def message(self, made: Made) -> None:
        node = made.node
        for waiting in self.look.waiting(node.id):
            if waiting.source == node.of:
                made.fact("waits for", f"CDR {waiting.ref}, which no session has sent yet")
                made.link("cdrs", [Node(Kind.CDR, waiting.ref)])
        for mention in self._mentions(made):
            self._stored(made, mention)
        letters = [each for each in self.look.letters_of(node.id, READ_MAX) if each.source == node.of]
        made.link("dead_letters", map(letter_node, letters))

    def _stored(self, made: Made, mention: Mention) -> None:
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
        made.link("events", [event_node(each, one) for each, one in decided])
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

    def _link_owner(self, made: Made, history: History) -> None:
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

    def event(self, made: Made) -> None:
        for mention in self._mentions(made):
            history = self._history(mention.stream_id)
            if history is None:
                continue
            one = next(each for each in history.decided if each.version == mention.version)
            made.fact("type", one.topic)
            made.fact("sent as", sent_as(history, one))
            self._link_owner(made, history)
            made.link("messages", [message_node(history, told) for told in history.causes_of(one)])
            self._entries(made, "entries", one.entry_ids, history.operator_id)
            if isinstance(one.event, CdrIssued | CdrCredited):
                made.link("cdrs", map(cdr_node, self.look.cdrs([one.event.cdr_id])))
            if isinstance(one.event, PayoutCreated):
                made.link("batches", [Node(Kind.BATCH, one.event.batch_id, operator_id=one.event.operator_id)])

    def entry(self, made: Made) -> None:
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
            made.link("events", [event_node(history, one) for one in behind])
            causes = [message_node(history, told) for one in behind for told in history.causes_of(one)]
            made.link("messages", causes)
        others = [row.reverses] if row.reverses else []
        made.link("takes_back", map(entry_node, self.look.entries(others)))
        made.link("taken_back_by", map(entry_node, self.look.entries(self.look.reversed_by(row.entry_id))))
        paying = self.look.pays(self.look.paying([row.entry_id]), row.entry_id)
        made.link_payouts("paid_by", paying)

    def _history_of(self, row: EntryRow) -> History | None:
        if row.session_id:
            return self._history(session_stream(row.session_id))
        if row.payout_id:
            return self._history(payout_stream(row.payout_id))
        asked = Node(Kind.EVENT, str(row.cause))
        found = self._mentions(Made(asked, self.limit))
        return self._history(found[0].stream_id) if found else None

    def payout(self, made: Made) -> None:
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
            made.link("pays", [entry_node(row, payout.operator_id) for row in paid], payout.entries)
            self._sessions(made, self.look.paid_sessions(payout.payout_id))
            made.link("attempts", map(payout_node, self.look.attempts(payout)))
            made.link("batches", [Node(Kind.BATCH, payout.batch_id, operator_id=payout.operator_id)])
        if name := self.look.file_of(made.node.id):
            made.link("bank_files", [Node(Kind.BANK_FILE, name)])
        if history is not None:
            made.fact("made", "not yet: what was said of it waits" if not payouts else None)
            made.link("messages", [message_node(history, told) for told in history.told])
            self._named(made, history.told)
            self._decided(made, history, history.decided)

    def batch(self, made: Made) -> None:
        mentions = self._mentions(made)
        made.link_payouts("payouts", self.look.payouts(each.body["payout_id"] for each in mentions))
        made.link("events", [Node(Kind.EVENT, each.event_id, says=each.topic) for each in mentions])

    def bank_file(self, made: Made) -> None:
        for _, made_at, handed_off_at in self.look.files([made.node.id]):
            made.fact("made at", utc_text(made_at))
            made.fact("first written", utc_text(handed_off_at) if handed_off_at else "not yet")
        ids = self.look.payouts_in(made.node.id)
        made.link("payouts", map(payout_node, self.look.payouts(ids[: self.limit])), len(ids))
        for payout_id in ids[: self.limit]:
            made.session_ids += self.look.paid_sessions(payout_id)

    def cdr(self, made: Made) -> None:
        for cdr in self.look.cdrs([made.node.id]):
            made.fact("operator", cdr.operator_id)
            made.fact("credit", "yes" if cdr.credit else None)
            made.fact("issued at", utc_text(cdr.issued_at))
            self._sessions(made, [cdr.session_id])
            others = [each for each in self.look.cdrs_of(cdr.session_id) if each.number == cdr.number]
            made.link("credits" if cdr.credit else "credited_by", map(cdr_node, others))
            if history := self._history(session_stream(cdr.session_id)):
                own = [one for one in history.decided if getattr(one.event, "cdr_id", "") == cdr.cdr_id]
                own = [one for one in own if isinstance(one.event, CdrIssued | CdrCredited)]
                made.link("events", [event_node(history, one) for one in own])
        named = self._mentions(made)
        waiting = [waiting_node(each) for each in self.look.waiting_for([made.node.id])]
        made.link("messages", [*map(mention_node, named), *waiting])
        made.link("invoices", self._of_data(Kind.INVOICE, named))

    def _of_data(self, kind: Kind, mentions: Iterable[Mention]) -> Iterator[Node]:
        """What of a kind the messages name themselves."""
        for mention in mentions:
            for named, id_ in ids_in(mention.body["data"]):
                if named is kind:
                    yield from named_nodes(self.look, kind, id_, mention)

    def named(self, made: Made) -> None:
        """What only messages know: payments, refunds, disputes, settlements, invoices, bank references, chargers."""
        mentions = self._mentions(made)
        # Whoever mentions an id more often than is read is a charger, whose messages are each of one session or none.
        counts = self.look.counts(made.node.kind, made.node.id) if len(mentions) >= READ_MAX else {}
        made.link("messages", map(mention_node, mentions), sum(counts.values()))
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
            made.link("events", [event_node(each, one) for each in found for one in each.decided])
            entry_ids = [entry for each in found for one in each.decided for entry in one.entry_ids]
            self._entries(made, "entries", entry_ids, None)
        elif made.node.kind is not Kind.EVSE:
            self._entries_of_messages(made, mentions, payouts)

    def _entries_of_messages(self, made: Made, mentions: Sequence[Mention], payout_ids: Sequence[str]) -> None:
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
        made.link_further("entries", map(entry_node, rows), len(entry_ids))

    def _sessions_named(self, made: Made, mentions: Sequence[Mention]) -> list[str]:
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
                    yield from named_nodes(self.look, kind, named[kind], mention)
            if node.kind is Kind.CDR or (kind is Kind.CDR and data.get("cdr_ids")):
                yield from self._of_data(kind, [mention])

    def dead_letter(self, made: Made) -> None:
        for letter in self.look.letters([UUID(made.node.id)]):
            made.fact("code", letter.code)
            made.fact("because", letter.sentence)
            made.fact("topic", letter.topic)
            made.fact("type", letter.type)
            made.fact("replayed at", utc_text(letter.replayed_at) if letter.replayed_at else None)
            if letter.id and letter.source:
                asked = Node(Kind.MESSAGE, letter.id, letter.source)
                found = [mention_node(each) for each in self._mentions(Made(asked, self.limit))]
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

_WAYS: Mapping[Kind, Callable[[Follower, Made], None]] = {
    Kind.MESSAGE: Follower.message,
    Kind.EVENT: Follower.event,
    Kind.SESSION: Follower.session,
    Kind.PAYMENT: Follower.named,
    Kind.REFUND: Follower.named,
    Kind.DISPUTE: Follower.named,
    Kind.SETTLEMENT: Follower.named,
    Kind.INVOICE: Follower.named,
    Kind.CDR: Follower.cdr,
    Kind.PAYOUT: Follower.payout,
    Kind.BATCH: Follower.batch,
    Kind.BANK_FILE: Follower.bank_file,
    Kind.BANK_REFERENCE: Follower.named,
    Kind.ENTRY: Follower.entry,
    Kind.EVSE: Follower.named,
    Kind.DEAD_LETTER: Follower.dead_letter,
}


def _only_lines_of(node: Node, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """A settlement with the lines alone that name a refund or a dispute."""
    lines = [line for line in data.get("items") or () if node.id in (line.get("refund_id"), line.get("dispute_id"))]
    return {**data, "items": lines}


def _first_parts(mentions: Iterable[Mention]) -> set[UUID]:
    """The streams of the first parts of settlements, which keep what is found of the whole."""
    told = [each.body["data"] for each in mentions if each.topic == SETTLEMENT]
    return {stream_of(SETTLEMENT, {**data, "part": 1}) for data in told}
