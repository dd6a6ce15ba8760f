"""What has an id, of every kind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from contracts.messages import MESSAGE_TYPES
from domain.payout.events import (
    payout_stream,
)
from domain.session.session import session_stream
from projections.histories import Owner, owner_of_message
from projections.lookups import (
    EntryRow,
    Lookups,
    Mention,
    is_same,
    spellings,
    uuids,
)
from projections.mentions import Kind, ids_in
from projections.tracing.nodes import (
    READ_MAX,
    Node,
    cdr_node,
    entry_node,
    letter_node,
    mention_node,
    payout_node,
    waiting_node,
)

# What is found by the events that mention it.
_MENTIONED = (
    *(Kind.MESSAGE, Kind.EVENT, Kind.PAYMENT, Kind.REFUND, Kind.DISPUTE, Kind.SETTLEMENT, Kind.INVOICE),
    *(Kind.CDR, Kind.BATCH, Kind.BANK_REFERENCE, Kind.EVSE),
)


@dataclass(slots=True)
class Finder:
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
                yield payout_node(payouts[0]) if payouts else Node(kind, name)

    def _by_table(self, id_: str) -> Iterator[Node]:
        ids = uuids(id_)
        yield from (entry_node(row, self._operator_of_entry(row)) for row in self.look.entries(ids))
        yield from (letter_node(letter) for letter in self.look.letters(ids))
        yield from (cdr_node(cdr) for cdr in self.look.cdrs(spellings(id_)))
        for name, made_at, _ in self.look.files([*spellings(id_), f"{id_}.xml"]):
            yield Node(Kind.BANK_FILE, name, at=made_at)
        for spelling in spellings(id_):
            yield from (waiting_node(each) for each in self.look.waiting(spelling))
        for each in self.look.waiting_for(spellings(id_)):
            yield Node(Kind.CDR, each.ref)
        yield from (letter_node(each) for name in spellings(id_) for each in self.look.letters_of(name, READ_MAX))

    def _by_mention(self, id_: str) -> Iterator[Node]:
        for kind, mentions in self.look.mentions(_MENTIONED, id_, READ_MAX).items():
            for mention in mentions:
                for node in meant(self.look, kind, id_, mention):
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


def meant(look: Lookups, kind: Kind, id_: str, mention: Mention) -> Iterator[Node]:
    """What of a kind an event mentions under an id; nothing where it only shares the hash."""
    body = mention.body
    if mention.topic not in MESSAGE_TYPES:
        if kind is Kind.EVENT and is_same(id_, mention.event_id):
            yield Node(kind, mention.event_id, says=mention.topic)
        elif kind is Kind.BATCH and is_same(id_, str(body.get("batch_id", ""))):
            yield Node(kind, body["batch_id"], operator_id=body["operator_id"])
    elif kind is Kind.MESSAGE:
        if is_same(id_, body["id"]):
            yield mention_node(mention)
    else:
        for named, name in ids_in(body["data"]):
            if named is kind and is_same(id_, name):
                yield from named_nodes(look, kind, name, mention)


def named_nodes(look: Lookups, kind: Kind, id_: str, mention: Mention) -> Iterator[Node]:
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
