"""CloudEvents out of what bank files hold: what was booked, answers to payouts, and what people have to know.

Ids are of what identifies a booking at the bank: account, bank reference, day, amount and direction, and where
several are alike, which of them it is. So one booking is one event, in whichever report it stands and however often.
"""

from base64 import b32encode
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Protocol, TypeAlias

from contracts.bank.lines import NOT_BOOKED, Line, Purpose, Reading, is_credit, lines_of
from contracts.bank.values import Entry, Frame

CloudEvent: TypeAlias = dict[str, Any]

BOOKED, PENDING = "BOOK", "PDNG"
_KNOWN_STATUSES = (BOOKED, PENDING, "INFO", "FUTR")
# ISO 20022 external return reason code for a reason that stands in words only.
IN_WORDS = "NARR"
_TEXT_MAX, _ID_MAX, _REMITTANCE_MAX = 255, 64, 1_000


class Orders(Protocol):
    """What is known of the orders that went to banks."""

    def payouts_of(self, order: str) -> Sequence[tuple[str, Decimal, str]]:
        """The payouts of a file or a block of orders, with amount and currency; none where the id is not ours."""

    def payout_of_individual(self, individual_id: str) -> str:
        """The payout that the characters of the ACH stand for; "" where there is none."""

    def payouts_traced(self, trace: str) -> Sequence[tuple[str, Decimal]]:
        """The payouts whose entries in files of the ACH have a trace number, with the amounts that stand there."""

    def trace_of(self, payout_id: str) -> str:
        """The trace number of a payout in a file of the ACH; "" where it has none that is known."""


@dataclass(slots=True)
class Account:
    """One statement, report or notification while its entries are read: what was seen of it so far.

    `seen` counts bookings that are alike, by eight bytes each; `id` is our account, in printable ASCII.
    """

    frame: Frame
    orders: Orders
    reading: Reading | None = None
    seen: Counter[int] = field(default_factory=Counter)
    debits: Counter[tuple[str, str]] = field(default_factory=Counter)
    id: str = ""

    def __post_init__(self) -> None:
        self.id = plain(self.frame.account, _ID_MAX) or "unknown"

    def events_of(self, entry: Entry) -> Iterator[CloudEvent]:
        """The events of an entry: its lines where it is booked, and the answers to the payouts that it names."""
        if entry.status not in (BOOKED, PENDING) or not entry.amount:
            return
        credit = is_credit(entry, self.reading)
        reference = self._reference(entry)
        lines = lines_of(entry, credit)
        ordered = self._ordered(entry, lines, credit)
        for line in lines:
            if ordered and line.purpose is Purpose.UNALLOCATED:
                line = Line(line.place, line.amount, line.is_credit, Purpose.PAYOUT, line.detail)
            if entry.status == BOOKED and line.place != NOT_BOOKED:
                yield self._booked(entry, reference, line)
            if line.payout_id:
                yield self._answer(entry, reference, line.payout_id, line)
        for payout_id, amount, _ in ordered:
            paid = Line("", amount, False, Purpose.PAYOUT, lines[0].detail, payout_id)
            yield self._answer(entry, reference, payout_id, paid)

    def _ordered(self, entry: Entry, lines: Sequence[Line], credit: bool) -> Sequence[tuple[str, Decimal, str]]:
        """The payouts that an entry books as one amount: those of a block of orders or a file of ours."""
        if credit or len(lines) != 1 or lines[0].purpose is not Purpose.UNALLOCATED:
            return ()
        for order in entry.orders:
            payouts = self.orders.payouts_of(order)
            same = all(currency == entry.currency for _, _, currency in payouts)
            if payouts and same and sum(amount for _, amount, _ in payouts) == entry.amount:
                return payouts
        return ()

    def _reference(self, entry: Entry) -> str:
        """The id of the booking: of the bank's name for it, or where it has none, of all that tells it apart."""
        told = [self.id, entry.booked_on, str(entry.amount), entry.currency, entry.is_credit, entry.is_reversal]
        single = entry.details[0] if len(entry.details) == 1 else None
        name = entry.bank_reference or (single.bank_reference if single else "")
        if name:
            told.append(name)
        elif single is not None:
            told += [single.end_to_end_id, *single.names, *single.texts]
        else:
            told += [entry.value_on, entry.text, *entry.orders]
        digest = _digest(*told)
        alike = int.from_bytes(digest[:8], "big")
        self.seen[alike] += 1
        return f"BE-{_letters(_digest(digest, self.seen[alike]), 24)}"

    def _booked(self, entry: Entry, reference: str, line: Line) -> CloudEvent:
        detail = line.detail
        data: dict[str, Any] = {
            "account": self.id,
            "entry_reference": _line_id(reference, line.place),
            "booked_at": _midnight(entry.booked_on),
            "amount": _money(line.amount, entry.currency),
            "direction": "CREDIT" if line.is_credit else "DEBIT",
            "purpose": line.purpose.value,
        }
        texts = detail.texts or ((entry.text,) if entry.text else ())
        data |= _given(
            value_date=entry.value_on,
            payout_id=line.payout_id,
            end_to_end_id=text(detail.end_to_end_id),
            bank_reference=text(entry.bank_reference or detail.bank_reference),
            remittance=text(" / ".join(texts), _REMITTANCE_MAX),
            counterparty=text(detail.counterparty),
        )
        return envelope("bank.entry_booked", data["entry_reference"], self.id, self.id, data["booked_at"], data)

    def _answer(self, entry: Entry, reference: str, payout_id: str, line: Line) -> CloudEvent:
        """What a line says of a payout: booked, it was paid or came back; pending, it is on its way."""
        self.debits[reference, payout_id] += 1
        at = _midnight(entry.booked_on)
        data: dict[str, Any] = {"payout_id": payout_id, "at": at}
        data |= _given(bank_reference=text(entry.bank_reference or line.detail.bank_reference))
        type_ = "payout.accepted"
        if entry.status == BOOKED:
            type_ = "payout.returned" if line.is_credit else "payout.paid"
            if line.amount:
                own = line.detail.currency if line.place == NOT_BOOKED else entry.currency
                data["amount"] = _money(line.amount, own)
        if type_ == "payout.returned":
            data["reason"] = text(line.detail.return_reason) or IN_WORDS
        id_ = f"{reference}:{payout_id}:{self.debits[reference, payout_id]}:{type_}"
        return envelope(type_, id_, self.id, payout_id, at, data)


def statement_event(frame: Frame, sums: "Sums") -> CloudEvent:
    """What a statement says of itself, beside what its entries add up to."""
    account = plain(frame.account, _ID_MAX) or "unknown"
    opening, closing = frame.balance("OPBD", "PRCD"), frame.balance("CLBD")
    at = moment(frame.created_at) or _midnight(sums.latest or "1970-01-01")
    data: dict[str, Any] = {"account": account, "statement_id": text(frame.statement_id) or "-", "told_at": at}
    if opening is not None and closing is not None and not frame.is_page:
        data |= {
            "opening": _money(opening.amount, opening.currency),
            "closing": _money(closing.amount, closing.currency),
        }
        if set(sums.by_currency) <= {opening.currency}:
            data["entries"] = _money(Decimal(sums.by_currency[opening.currency]), opening.currency)
    if frame.number is not None and not frame.is_page:
        data["number"] = frame.number
    data["count"] = sums.count
    id_ = f"BS-{_letters(_digest(*map(str, data.items())), 24)}"
    return envelope("bank.statement_told", id_, account, account, at, data)


@dataclass(slots=True)
class Sums:
    """What the booked entries of a statement add up to, with reversals apart, until it is known what they mean."""

    count: int = 0
    latest: str = ""
    plain: Counter[str] = field(default_factory=Counter)
    reversals: Counter[str] = field(default_factory=Counter)
    guessed: Counter[str] = field(default_factory=Counter)
    reading: Reading | None = None

    def add(self, entry: Entry) -> None:
        """Take an entry in."""
        if entry.status != BOOKED:
            return
        self.count += 1
        self.latest = max(self.latest, entry.booked_on)
        amount: Any = entry.amount
        of = self.reversals if entry.is_reversal else self.plain
        of[entry.currency] += amount if entry.is_credit else -amount
        if entry.is_reversal:
            self.guessed[entry.currency] += amount if is_credit(entry, None) else -amount

    def settle(self, frame: Frame) -> None:
        """Find out by the balances what reversals mean."""
        opening, closing = frame.balance("OPBD", "PRCD"), frame.balance("CLBD")
        if not self.reversals or frame.is_page or opening is None or closing is None:
            return
        currency = opening.currency
        if currency != closing.currency or set(self.plain) | set(self.reversals) != {currency}:
            return
        moved: Any = closing.amount - opening.amount - Decimal(self.plain[currency])
        turned = self.reversals[currency]
        if moved and moved in (turned, -turned):
            self.reading = Reading.AS_TOLD if moved == turned else Reading.TURNED

    @property
    def by_currency(self) -> Counter[str]:
        """The signed sums."""
        found = Counter[str](self.plain)
        of = self.guessed if self.reading is None else self.reversals
        for currency, amount in of.items():
            found[currency] += -amount if self.reading is Reading.TURNED else amount
        return found


def is_known_status(status: str) -> bool:
    """Whether an entry says in a word of ISO 20022 how it stands with it."""
    return status in _KNOWN_STATUSES


def envelope(type_: str, id_: str, account: str, subject: str, time: str, data: CloudEvent) -> CloudEvent:
    """The CloudEvent; its source is the account, or the bank that speaks."""
    return {
        "specversion": "1.0",
        "id": id_,
        "source": f"urn:wattledger:bank:{account}",
        "type": type_,
        "subject": subject,
        "time": time,
        "data": data,
    }


def notice(bank: str, kind: str, at: str, name: Sequence[object], **told: str) -> CloudEvent:
    """What a bank says that moves no money and that somebody has to know; `name` is what makes it one notice."""
    id_ = f"BN-{_letters(_digest(kind, *name), 24)}"
    data = {"notice_id": id_, "account": plain(bank, _ID_MAX) or "unknown", "kind": kind, "at": at}
    data |= _given(**{key: text(value) for key, value in told.items()})
    return envelope("bank.notice_given", id_, data["account"], data["account"], at, data)


def plain(written: str, at_most: int) -> str:
    """A text in printable ASCII."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in written)[:at_most]


def text(written: str, at_most: int = _TEXT_MAX) -> str:
    """A text without what no message may hold, cut to the length of its field."""
    return " ".join(written.replace("\0", " ").split())[:at_most]


def moment(written: str) -> str:
    """A time of the file in UTC; one without offset is read as UTC; "" for what is none."""
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        return ""
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return found.astimezone(UTC).isoformat().replace("+00:00", "Z") if 1970 <= found.year <= 2999 else ""


def _midnight(day: str) -> str:
    """The moment of a booking: reports of one booking give a day or a time of it, and have to agree."""
    return f"{day}T00:00:00Z"


def _money(amount: Decimal, currency: str) -> dict[str, str]:
    return {"amount": f"{amount:f}", "currency": currency}


def _line_id(reference: str, place: str) -> str:
    """The id of a line: that of its entry, and behind a point its place, of several by eight letters."""
    if place.startswith("4"):
        return f"{reference}.4{_letters(_digest(place), 8)}"
    return f"{reference}.{place}" if place else reference


def _given(**told: str) -> dict[str, str]:
    return {name: value for name, value in told.items() if value}


def _digest(*parts: object) -> bytes:
    return blake2b("\0".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _letters(digest: bytes, count: int) -> str:
    return b32encode(digest).decode()[:count]
