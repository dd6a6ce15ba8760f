"""The table of message types: what each type that comes in is, where it is sent, and where what it says is stored.

A type has its model in one of the modules that `contracts.inbound` names, and one row here; how its data is read
stands in the domain. What is missing of a type, and in which file, is told by `tests/messages`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

Data: TypeAlias = Mapping[str, Any]
Name: TypeAlias = Callable[[Data], str]


class Kind(Enum):
    """What a message is to the engine, which treats all messages of a kind alike."""

    SESSION_FACT = "a fact of the session that its `session_id` names"
    CATALOGUE = "a version of something published, or an order: what sessions are judged by, and payouts ruled by"
    RECEIPT = "money that came to the bank; each of its items is a fact of the session it belongs to"
    CDR_ANSWER = "a fact of the session whose CDR its `cdr_id` names"
    CDR_DOCUMENT = "a partner's invoice or dispute; each of its items is a fact of the session whose CDR it names"
    PAYOUT_FACT = "a fact of the payout that its `payout_id` names"
    RUN_DECISION = "what a person decides of the runs of an operator, or of all"
    BANK = "what a bank has booked on an account of ours or says of it, and what a person makes of that"
    OPERATOR_MATTER = (
        "a fact of an adjustment, a write-off, a hold or an invoice: of what is between an operator and the "
        "platform; or of the treasury"
    )
    BOOK_DECISION = "what people decide of the book itself: periods, sweeps of own money, VAT returns"
    WALLET = "a fact of the wallet that its `wallet_id` names; of what acts there its session is told"
    RATE = "a rate of exchange: kept, and conversions are looked at by it"
    STATUS = "the state of a charger or site, a declared cost, or the like: kept, and nothing of the book follows"

    # A member is one object for ever; hashed as such it is found in a third of the time.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that is read: how the key of a message on it is found, and what the keys are in words."""

    name: str
    key: Name
    keys: str


class Ref(NamedTuple):
    """What a fact finds its session by: a payment or a CDR (`kind`), and the field that has its id.

    Where ids are one party's own, `within` is the field that names the party.
    """

    kind: str
    field: str
    within: str = ""

    def of(self, data: Data) -> str:
        """The reference in some data: the id, or party and id with a tab between, which neither can hold."""
        id_ = str(data[self.field])
        return f"{data[self.within]}\t{id_}" if self.within else id_


@dataclass(frozen=True, slots=True)
class Items:
    """The list of a message whose members become facts, each of the session that its payment or CDR belongs to.

    Such a fact has a `type` of its own; it repeats the fields `shared` of the message and `own` of the member, those
    beside them only where they are there, and counts its place in `item`, from 1. A member is an object, or the id of
    its payment or CDR alone; one that names none becomes no fact. Where the field is no list it is the one member.
    """

    type: str
    field: str
    ref: Ref
    shared: tuple[str, ...]
    own: tuple[str, ...] = ()
    shared_if_any: tuple[str, ...] = ()
    own_if_any: tuple[str, ...] = ()


class Item(NamedTuple):
    """A member of such a list as a fact; `kind` and `ref` say for which payment or CDR it waits."""

    kind: str
    ref: str
    type: str
    id: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MessageType:
    """A row of the table.

    `key` stands where the Kafka key is another than that of the topic. `stream` is what the event stream is named
    after; facts of a session or a payout have none, since they are stored in its stream. `claims` is what belongs to
    the session from here on, so that what waits for it may come. `has_warnings` is set where the tariff inside is
    looked through and what is found is kept behind the message.
    """

    kind: Kind
    topic: Topic
    key: Name | None = None
    stream: Name | None = None
    items: Items | None = None
    claims: Ref | None = None
    has_warnings: bool = False


def _text(data: Data, name: str) -> str:
    """A field that names something. Raises KeyError for one that does not: a list or an object is no name."""
    value = data[name]
    if not isinstance(value, str | int | float):
        raise KeyError(name)
    return str(value)


def _field(name: str) -> Name:
    return lambda data: _text(data, name)


def _partner(data: Data) -> str:
    return f"{_text(data, 'country_code')}-{_text(data, 'party_id')}"


def _operator_stream(data: Data) -> str:
    return f"operator:{data['operator_id']}"


def _evse_stream(data: Data) -> str:
    return f"evse:{data['operator_id']}:{data['evse_uid']}"


def _location_stream(data: Data) -> str:
    return f"location:{data['operator_id']}:{str(data['location']['id']).casefold()}"


def _tariff_stream(data: Data) -> str:
    """Ids compare without case (OCPI types, CiString); a partner's tariff stands beside everybody's of its id."""
    name = f"tariff:{data['operator_id']}:{str(data['tariff']['id']).casefold()}"
    return f"{name}:{data['partner'].upper()}" if data.get("partner") else name


def _site_stream(data: Data) -> str:
    return f"location:{data['operator_id']}:{str(data['location_id']).casefold()}"


def _by_day(name: Name, at: str) -> Name:
    """Streams of what is told every few minutes: one for each day that its sender writes, so none grows for ever."""
    return lambda data: f"{name(data)}:{data[at][:10]}"


def _settlement_stream(data: Data) -> str:
    """Each part of a settlement has a stream of its own, the first that of a settlement which is told at once."""
    name = f"settlement:{data['provider']}:{data['settlement_id']}"
    part = data.get("part") or 1
    return name if part == 1 else f"{name}\t{part}"


def _runs_of(data: Data) -> str:
    """Whose runs a decision is about: an operator's, or those of all."""
    return _text(data, "operator_id") if data.get("operator_id") else "*"


def _runs_stream(data: Data) -> str:
    return _operator_stream(data) if data.get("operator_id") else "payouts"


def _bank_entry_stream(data: Data) -> str:
    """Lines of an entry and decisions about them are in one stream: the id of a line begins with the entry's."""
    return f"bank-entry:{_text(data, 'entry_reference').partition('.')[0]}"


def _dispute_stream(data: Data) -> str:
    """A dispute and what became of it are in one stream."""
    return f"cdr-dispute:{data['partner'].upper()}:{data['dispute_id']}"


def _matter_stream(kind: str, *fields: str) -> Name:
    return lambda data: ":".join([kind, *(_text(data, name) for name in fields)])


PAYMENT, CDR = Ref("payment", "payment_id", within="provider"), Ref("cdr", "cdr_id")

# Facts that no message states by itself: what was captured for other sessions of one payment, and whether lines of a
# settlement still stand once it was told again.
CAPTURED_ELSEWHERE, LINE_STANDING = "payment.captured.elsewhere", "payment.settled.standing"
# What a wallet tells the session that it pays for: whether a charge or a refund acts, and since when.
WALLET_CHARGE, WALLET_REFUND = "wallet.charged.standing", "wallet.refunded.standing"
DERIVED_FACTS = frozenset({CAPTURED_ELSEWHERE, LINE_STANDING, WALLET_CHARGE, WALLET_REFUND})

_SESSIONS = Topic("charging.sessions", _field("session_id"), "the session id")
_CHARGERS = Topic("charging.chargers", _field("evse_uid"), "the EVSE uid")
_SITES = Topic("sites", _field("location_id"), "the location id")
_CATALOGUE = Topic(
    "catalogue",
    _field("operator_id"),
    "the operator id, or the partner as COUNTRY-PARTY; kept for ever, since every version counts",
)
_PAYMENTS = Topic(
    "payments",
    _field("session_id"),
    "the session id; the provider for payment.settled; the wallet id for what is said of a wallet",
)
_ROAMING = Topic("roaming", _field("partner"), "the partner, as COUNTRY-PARTY")
_PAYOUT_RESULTS = Topic("payout.results", _field("payout_id"), "the payout id; the operator id for payee.verified")
_BANK = Topic("bank", _field("account"), "our account at the bank, or the bank that speaks")
_DECISIONS = Topic(
    "decisions",
    _field("payout_id"),
    "what is decided about: a payout, adjustment, write-off, hold, bank line, period, sweep or VAT return; else the "
    "operator id, or * for all",
)

_BILLING = Topic("billing", _field("operator_id"), "the operator id")
_TREASURY = Topic(
    "treasury",
    _field("conversion_id"),
    "the subject: the conversion, the deal, the supplier's account or the hub; BASE-QUOTE for rates",
)

_SESSION_FACT = MessageType(Kind.SESSION_FACT, _SESSIONS)
_PAYMENT_FACT = MessageType(Kind.SESSION_FACT, _PAYMENTS)
_WALLET = MessageType(
    Kind.WALLET, _PAYMENTS, key=_field("wallet_id"), stream=lambda data: f"wallet:{_text(data, 'wallet_id')}"
)
_OPERATOR = MessageType(Kind.CATALOGUE, _CATALOGUE, stream=_operator_stream)
_CDR_ANSWER = MessageType(Kind.CDR_ANSWER, _ROAMING)
_PAYOUT_ANSWER = MessageType(Kind.PAYOUT_FACT, _PAYOUT_RESULTS)
_PAYOUT_VOTE = MessageType(Kind.PAYOUT_FACT, _DECISIONS)
_OF_OPERATOR = MessageType(Kind.CATALOGUE, _DECISIONS, key=_field("operator_id"), stream=_operator_stream)
_OF_EVSE = MessageType(Kind.STATUS, _CHARGERS, stream=_evse_stream)
_DECLARED = MessageType(Kind.STATUS, _CATALOGUE, stream=_operator_stream)
_PAYEE_CHECKS = MessageType(Kind.STATUS, _DECISIONS, key=lambda _: "*", stream=lambda _: "payee-checks")
_OF_PERIOD = MessageType(
    Kind.BOOK_DECISION, _DECISIONS, key=_field("period"), stream=_matter_stream("period", "period")
)
_OF_SWEEP = MessageType(
    Kind.BOOK_DECISION, _DECISIONS, key=_field("sweep_id"), stream=_matter_stream("sweep", "sweep_id")
)
_OF_RETURN = MessageType(
    Kind.BOOK_DECISION, _DECISIONS, key=_field("return_id"), stream=_matter_stream("vat_return", "return_id")
)
_OF_ALL = MessageType(Kind.CATALOGUE, _DECISIONS, key=lambda _: "*", stream=lambda _: "payouts")


def _matter(kind: str, field: str) -> MessageType:
    """What people decide of a matter that an id of its own names."""
    return MessageType(Kind.OPERATOR_MATTER, _DECISIONS, key=_field(field), stream=_matter_stream(kind, field))


def _of_balance(kind: str) -> MessageType:
    """What people say became of an operator's balance, told apart by its reference."""
    stream = _matter_stream(kind, "operator_id", "reference")
    return MessageType(Kind.OPERATOR_MATTER, _DECISIONS, key=_field("operator_id"), stream=stream)


_ADJUSTMENT, _WRITE_OFF = _matter("adjustment", "adjustment_id"), _matter("write_off", "write_off_id")
_HOLD = _matter("hold", "hold_id")


def _of_treasury(kind: str, key: str, *fields: str) -> MessageType:
    return MessageType(Kind.OPERATOR_MATTER, _TREASURY, key=_field(key), stream=_matter_stream(kind, key, *fields))


def _rate_stream(data: Data) -> str:
    return f"fx_rate:{data['base']}:{data['quote']}"


# The names of streams are part of what is stored: they never change.
MESSAGE_TYPES: Mapping[str, MessageType] = MappingProxyType(
    {
        "charging.session.started": _SESSION_FACT,
        "charging.session.metered": _SESSION_FACT,
        "charging.session.state_changed": _SESSION_FACT,
        "charging.session.ended": _SESSION_FACT,
        "charging.session.meter_corrected": _SESSION_FACT,
        "charging.session.reviewed": _SESSION_FACT,
        "charging.session.intent_declared": _SESSION_FACT,
        "charging.reservation.expired": _SESSION_FACT,
        "charging.charger.status_changed": _OF_EVSE,
        "charging.charger.heartbeat": MessageType(Kind.STATUS, _CHARGERS, stream=_by_day(_evse_stream, "at")),
        "charging.charger.outage_explained": _OF_EVSE,
        "charging.charger.profile_answered": MessageType(
            Kind.STATUS, _CHARGERS, stream=lambda data: f"profile:{data['command_id']}"
        ),
        "site.limit_set": MessageType(Kind.STATUS, _SITES, stream=_site_stream),
        "site.load_measured": MessageType(Kind.STATUS, _SITES, stream=_by_day(_site_stream, "read_at")),
        "operator.registered": _OPERATOR,
        "operator.changed": _OPERATOR,
        "operator.cost_declared": _DECLARED,
        "operator.cash_declared": _DECLARED,
        "operator.notify_set": _DECLARED,
        "location.published": MessageType(Kind.CATALOGUE, _CATALOGUE, stream=_location_stream),
        "tariff.published": MessageType(Kind.CATALOGUE, _CATALOGUE, stream=_tariff_stream, has_warnings=True),
        "partner.registered": MessageType(
            Kind.CATALOGUE, _CATALOGUE, key=_partner, stream=lambda data: f"partner:{_partner(data)}".upper()
        ),
        "discount.published": MessageType(
            Kind.CATALOGUE, _CATALOGUE, stream=lambda data: f"discount:{data['operator_id']}:{data['discount_id']}"
        ),
        "tariff.rerating_ordered": MessageType(
            Kind.CATALOGUE, _CATALOGUE, stream=lambda data: f"rerating:{data['operator_id']}:{data['order_id']}"
        ),
        "payment.captured": MessageType(Kind.SESSION_FACT, _PAYMENTS, claims=PAYMENT),
        "payment.failed": _PAYMENT_FACT,
        "payment.refunded": _PAYMENT_FACT,
        "payment.refund_failed": _PAYMENT_FACT,
        "payment.disputed": _PAYMENT_FACT,
        "payment.dispute_closed": _PAYMENT_FACT,
        "payment.settled": MessageType(
            Kind.RECEIPT,
            _PAYMENTS,
            key=_field("provider"),
            stream=_settlement_stream,
            items=Items(
                "payment.settled.item",
                "items",
                PAYMENT,
                ("settlement_id", "provider", "settled_at"),
                own=("gross", "fee"),
                shared_if_any=("part",),
                own_if_any=("kind", "refund_id", "dispute_id"),
            ),
        ),
        "wallet.topped_up": _WALLET,
        "wallet.charged": _WALLET,
        "wallet.refunded": _WALLET,
        "wallet.closed": _WALLET,
        "roaming.cdr_accepted": _CDR_ANSWER,
        "roaming.cdr_rejected": _CDR_ANSWER,
        "roaming.invoice_paid": MessageType(
            Kind.RECEIPT,
            _ROAMING,
            stream=lambda data: f"invoice:{data['partner'].upper()}:{data['invoice_id']}",
            items=Items("roaming.invoice_paid.item", "cdr_ids", CDR, ("invoice_id", "partner", "paid_at")),
        ),
        "roaming.invoice_issued": MessageType(
            Kind.CDR_DOCUMENT,
            _ROAMING,
            stream=lambda data: f"invoice-issued:{data['partner'].upper()}:{data['invoice_id']}",
            items=Items(
                "roaming.invoice_issued.item", "cdr_ids", CDR, ("invoice_id", "partner", "amount", "issued_at")
            ),
        ),
        "roaming.cdr_disputed": MessageType(
            Kind.CDR_DOCUMENT,
            _ROAMING,
            stream=_dispute_stream,
            items=Items(
                "roaming.cdr_disputed.item",
                "cdr_id",
                CDR,
                ("dispute_id", "partner", "at"),
                shared_if_any=("amount",),
            ),
        ),
        "roaming.dispute_closed": MessageType(
            Kind.CDR_DOCUMENT,
            _ROAMING,
            stream=_dispute_stream,
            items=Items("roaming.dispute_closed.item", "cdr_id", CDR, ("dispute_id", "partner", "outcome", "at")),
        ),
        "roaming.cdr_received": MessageType(
            Kind.OPERATOR_MATTER,
            _ROAMING,
            stream=lambda data: f"received_cdr:{data['partner'].upper()}:{data['cdr_id']}",
        ),
        "payout.accepted": _PAYOUT_ANSWER,
        "payout.paid": _PAYOUT_ANSWER,
        "payout.failed": _PAYOUT_ANSWER,
        "payout.returned": _PAYOUT_ANSWER,
        "payee.verified": MessageType(
            Kind.CATALOGUE,
            _PAYOUT_RESULTS,
            key=_field("operator_id"),
            stream=lambda data: f"payee:{data['operator_id']}",
        ),
        "bank.entry_booked": MessageType(Kind.BANK, _BANK, stream=_bank_entry_stream),
        "bank.statement_told": MessageType(
            Kind.BANK, _BANK, stream=lambda data: f"bank-statement:{data['account']}:{data['statement_id']}"
        ),
        "bank.notice_given": MessageType(Kind.BANK, _BANK, stream=lambda data: f"bank-notice:{data['notice_id']}"),
        "payout.retried": _PAYOUT_VOTE,
        "payout.approved": _PAYOUT_VOTE,
        "payout.rejected": _PAYOUT_VOTE,
        "operator.payouts_held": _OF_OPERATOR,
        "operator.payouts_released": _OF_OPERATOR,
        "payouts.stopped": _OF_ALL,
        "payouts.resumed": _OF_ALL,
        "bank_account.proposed": _OF_OPERATOR,
        "bank_account.confirmed": _OF_OPERATOR,
        "payout.instant_requested": MessageType(
            Kind.RUN_DECISION, _DECISIONS, key=_field("operator_id"), stream=_operator_stream
        ),
        "payouts.reopened": MessageType(Kind.RUN_DECISION, _DECISIONS, key=_runs_of, stream=_runs_stream),
        "bank.receipt_allocated": MessageType(
            Kind.BANK, _DECISIONS, key=_field("entry_reference"), stream=_bank_entry_stream
        ),
        "finding.assigned": MessageType(
            Kind.STATUS, _DECISIONS, key=_field("finding_id"), stream=lambda data: f"finding:{data['finding_id']}"
        ),
        "payee_checks.opted_out": _PAYEE_CHECKS,
        "payee_checks.opted_in": _PAYEE_CHECKS,
        "adjustment.proposed": _ADJUSTMENT,
        "adjustment.approved": _ADJUSTMENT,
        "adjustment.rejected": _ADJUSTMENT,
        "write_off.proposed": _WRITE_OFF,
        "write_off.approved": _WRITE_OFF,
        "write_off.rejected": _WRITE_OFF,
        "reserve.held": _HOLD,
        "reserve.released": _HOLD,
        "operator.balance_funded": _of_balance("balance_funded"),
        "operator.balance_collected": _of_balance("balance_collected"),
        "period.closed": _OF_PERIOD,
        "period.reopened": _OF_PERIOD,
        "sweep.proposed": _OF_SWEEP,
        "sweep.approved": _OF_SWEEP,
        "sweep.executed": _OF_SWEEP,
        "vat.filed": _OF_RETURN,
        "vat.paid": _OF_RETURN,
        "saas.invoiced": MessageType(
            Kind.OPERATOR_MATTER, _BILLING, stream=_matter_stream("saas_invoice", "operator_id", "invoice_id")
        ),
        "fx.rate_published": MessageType(
            Kind.RATE,
            _TREASURY,
            key=lambda data: f"{_text(data, 'base')}-{_text(data, 'quote')}",
            stream=_by_day(_rate_stream, "at"),
        ),
        "fx.converted": _of_treasury("fx_conversion", "conversion_id"),
        "fx.executed": _of_treasury("fx_deal", "deal_id"),
        "supplier.paid": _of_treasury("supplier_payment", "account", "invoice_id"),
        "hub.invoiced": _of_treasury("hub_invoice", "hub_id", "invoice_id"),
    }
)

# What people decide is signed (`contracts.signatures`).
SIGNED_TYPES = frozenset(type_ for type_, row in MESSAGE_TYPES.items() if row.topic is _DECISIONS)

TOPIC_OF: Mapping[str, str] = MappingProxyType({type_: row.topic.name for type_, row in MESSAGE_TYPES.items()})

# What counts on each topic: brokers say who may write to a topic, and not what.
TYPES_ON: Mapping[str, frozenset[str]] = MappingProxyType(
    {name: frozenset(t for t, topic in TOPIC_OF.items() if topic == name) for name in TOPIC_OF.values()}
)

# What the keys of each topic are, in words.
INBOUND_KEYS: Mapping[str, str] = MappingProxyType({row.topic.name: row.topic.keys for row in MESSAGE_TYPES.values()})

INBOUND_TOPICS: tuple[str, ...] = tuple(INBOUND_KEYS)

# What everything else is judged by, and where the most of it is told.
CATALOGUE_TOPIC, SESSIONS_TOPIC, PAYMENTS_TOPIC = _CATALOGUE.name, _SESSIONS.name, _PAYMENTS.name


class TypedData(Protocol):
    """Anything with an event type and its data, an accepted message for example."""

    @property
    def type(self) -> str: ...

    @property
    def data(self) -> Mapping[str, Any]: ...


def partition_key(event: TypedData) -> str:
    """The Kafka key of an accepted event, which keeps what belongs together in order.

    Raises KeyError for an event that was not accepted: an unknown type or data without its key.
    """
    return key_of(event.type, event.data)


def key_of(type_: str, data: Data) -> str:
    """As `partition_key`, of an event's type and data."""
    row = MESSAGE_TYPES[type_]
    return (row.key or row.topic.key)(data)


def stream_of(type_: str, data: Data) -> UUID:
    """The event stream of a message that is stored in none of a session or a payout.

    Raises KeyError for an unknown type and LookupError for a fact of a session or a payout.
    """
    name = MESSAGE_TYPES[type_].stream
    if name is None:
        raise LookupError(f"{type_} has no stream of its own: it is stored with its session or payout")
    return uuid5(NAMESPACE_URL, f"wattledger:stream:{name(data)}")


def items_of(type_: str, id_: str, data: Data) -> Iterator[Item]:
    """The items of a receipt as facts; their ids are that of the message with a number behind."""
    return items_in(MESSAGE_TYPES[type_], id_, data)


def items_in(row: MessageType, id_: str, data: Data) -> Iterator[Item]:
    """As `items_of`, by a row of the table."""
    items = row.items
    if items is None:
        return
    kind, field = items.ref.kind, items.ref.field
    shared = {name: data[name] for name in items.shared}
    shared |= {name: data[name] for name in items.shared_if_any if data.get(name) is not None}
    members = data[items.field]
    for number, member in enumerate([members] if isinstance(members, str) else members, 1):
        own = member if isinstance(member, Mapping) else {field: member}
        if own.get(field) is None:
            continue
        told = shared | {name: own[name] for name in items.own} | {field: own[field], "item": number}
        told |= {name: own[name] for name in items.own_if_any if own.get(name) is not None}
        yield Item(kind, items.ref.of(told), items.type, f"{id_}#{number}", told)
