"""Every table that a type of message has to stand in, as one value, so that a test may add a made-up type."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import get_type_hints

from contracts.asyncapi import asyncapi_document
from contracts.authorizations import QUESTION_MODEL_OF
from contracts.decode import Message, decode
from contracts.inbound import INBOUND_MODEL_OF
from contracts.messages import DERIVED_FACTS, MESSAGE_TYPES, Kind, MessageType
from contracts.outgoing import OUTBOUND_MODEL_OF
from contracts.schemas import event_schemas, schema_file
from contracts.upcasters import CURRENT_VERSION
from domain.bank.facts import BANK_FACTS
from domain.catalogue.catalogue import PUBLISHERS
from domain.closing import kinds
from domain.matter.matter import JUDGES
from domain.payout.answers import PAYOUT_PARSERS
from domain.payout.reopening import RUN_PARSERS
from domain.receipt import RECEIPT_BOOKINGS
from domain.session.facts import FACT_PARSERS
from domain.session.session import LEARN as LEARNED_BY_SESSIONS
from domain.wallet.balance import WALLET_FACTS
from engine.intake import PLACES
from ledger.audit.catalogue import READERS
from ledger.audit.streams import FACT_TYPES, NOT_READ
from tests.contracts.builders import Golden, golden_files
from wattledger.demo.foresight import LEARN as LEARNED_BY_FORESIGHT

CONTRACTS = "contracts/sessions.py, catalogue.py, payments.py or matters.py"
MESSAGES = "contracts/messages.py"
GOLDEN = "contracts/golden"
SCHEMAS, ASYNCAPI = "contracts/schemas.py", "contracts/asyncapi.py"
FACTS, SESSION = "domain/session/facts.py", "domain/session/session.py"
CATALOGUE, RECEIPTS, PAYOUT = "domain/catalogue/catalogue.py", "domain/receipt.py", "domain/payout/answers.py"
RUNS = "domain/payout/reopening.py"
BANK = "domain/bank/facts.py"
MATTERS = "domain/matter/matter.py"
AFFAIRS = "domain/closing/kinds.py"
WALLETS = "domain/wallet/balance.py"
INTAKE, FORESIGHT = "engine/intake.py", "wattledger/demo/foresight.py"
AUDITED_STREAMS, AUDITED_CATALOGUE = "ledger/audit/streams.py", "ledger/audit/catalogue.py"


@dataclass(frozen=True)
class Tables:
    """The types in each table; where several files have one of a sort, by file.

    `contracts` are the types that come in, and `rows` the table of them; `questions` are those that are answered at
    once and never stored, which have no row. `places` are the kinds that a file treats,
    `handlers` the types whose data it reads, `facts` the class that is made of each type of fact and `learned` the
    classes that a session takes in. `examples` are the messages in golden files that are accepted as they stand.
    """

    contracts: Collection[str]
    questions: Collection[str]
    outgoing: Collection[str]
    rows: Mapping[str, MessageType]
    places: Mapping[str, Collection[Kind]]
    handlers: Mapping[str, Collection[str]]
    facts: Mapping[str, type]
    learned: Collection[type]
    golden: Collection[str]
    examples: Mapping[str, Sequence[Message]]
    schemas: Collection[str]
    asyncapi: Collection[str]
    audit: Mapping[str, Collection[str]]

    @property
    def items(self) -> set[str]:
        """The types of the facts that are made of messages: those that receipts are taken apart into among them."""
        return {row.items.type for row in self.rows.values() if row.items is not None} | DERIVED_FACTS


@cache
def real_tables() -> Tables:
    """The tables of the project."""
    return Tables(
        contracts=set(INBOUND_MODEL_OF),
        questions=set(QUESTION_MODEL_OF),
        outgoing=set(OUTBOUND_MODEL_OF),
        rows=MESSAGE_TYPES,
        places={INTAKE: set(PLACES), FORESIGHT: set(LEARNED_BY_FORESIGHT)},
        handlers={
            FACTS: set(FACT_PARSERS),
            CATALOGUE: set(PUBLISHERS),
            RECEIPTS: set(RECEIPT_BOOKINGS),
            PAYOUT: set(PAYOUT_PARSERS),
            RUNS: set(RUN_PARSERS),
            BANK: set(BANK_FACTS) & set(MESSAGE_TYPES),
            MATTERS: set(JUDGES),
            AFFAIRS: set(kinds.AFFAIRS),
            WALLETS: set(WALLET_FACTS),
        },
        facts={type_: get_type_hints(parse)["return"] for type_, parse in FACT_PARSERS.items()},
        learned=set(LEARNED_BY_SESSIONS),
        golden={golden.type for golden in _current_golden_files()},
        examples=_examples(),
        schemas={type_ for type_, version, _ in event_schemas() if version == CURRENT_VERSION},
        asyncapi=set(_described()),
        audit={AUDITED_STREAMS: {*FACT_TYPES, *NOT_READ}, AUDITED_CATALOGUE: set(READERS)},
    )


def _current_golden_files() -> Iterator[Golden]:
    return (golden for golden in golden_files() if golden.version == CURRENT_VERSION)


def _examples() -> dict[str, list[Message]]:
    """The messages in golden files that are accepted as they stand, with every field known, by type."""
    found: dict[str, list[Message]] = {}
    for golden in _current_golden_files():
        message = decode(golden.raw)
        if isinstance(message, Message) and message.type == golden.type and message.extra_fields == 0:
            found.setdefault(message.type, []).append(message)
    return found


def _described() -> Iterator[str]:
    """The types that the AsyncAPI document has in both bindings, each on a channel."""
    files = {type_: schema_file(type_, version) for type_, version, _ in event_schemas()}
    document = asyncapi_document(files)
    on_channels = {name for channel in document["channels"].values() for name in channel["messages"]}
    both = on_channels & set(document["components"]["messages"])
    return (type_ for type_ in both if f"{type_}.binary" in both)
