"""The receipt aggregate: money at the bank, from a provider's settlement (J09) or a partner's paid invoice (J17).

Told twice under two message ids, the one with the earliest (time, source, id) is booked, in whatever order they come.
A settlement may be told in parts, each a receipt of its own; the first keeps what is found of the whole.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from domain.book.bookings import Booking, InvoicePaid, ProviderReserveKept, PspFeeCorrected, SettlementReceived
from domain.book.findings import Finding, FindingChange, FindingEnded, FindingKind, FindingOpened, OpenFindings
from domain.book.standing import BookChange, Standing
from domain.calendar import instant
from domain.fact import RecordedFact
from domain.money import format_minor, minor_of
from domain.values import value

# What is found by the clock, when it knows which payments nobody captured and which parts never came.
FOUND_BY_CLOCK = (FindingKind.SETTLEMENT_INCOMPLETE, FindingKind.SETTLEMENT_ITEM_UNKNOWN)
_FOUND_AT_ONCE = (FindingKind.SETTLEMENT_DIFFERS, FindingKind.SETTLEMENT_TOLD_OTHERWISE)
# Of more unknown payments in one part there is one finding of them all.
UNKNOWN_TOLD_MAX = 100
_PARTS_NAMED_MAX = 20

SETTLEMENT, INVOICE, PART = "payment.settled", "roaming.invoice_paid", "payment.settled.part"

MessageKey: TypeAlias = tuple[str, str]


class UnknownLine(NamedTuple):
    """A line of a settlement that waits, since no capture of its payment is known; minor units."""

    source: str
    id: str
    payment_id: str
    currency: str
    gross: int


@value
class Telling:
    """A message about a receipt: what it asks to be booked, and how it differs from another.

    `lines` are which payments its lines are about and how, `has_lines` says whether it has any, be it fees alone;
    `part` is None where a settlement is told without numbers; `net` is what reached the bank and `sum` what the lines
    add up to, in minor units of `currency`.
    """

    at: datetime
    source: str
    id: str
    bookings: tuple[Booking, ...]
    content: object
    lines: frozenset[tuple[str, ...]] = frozenset()
    has_lines: bool = False
    part: int | None = None
    parts: int | None = None
    currency: str = ""
    net: int = 0
    sum: int = 0

    @property
    def key(self) -> MessageKey:
        """The message's source and id."""
        return self.source, self.id


@dataclass(slots=True)
class Receipt:
    """One settlement, a part of one or an invoice: what was told of it, what stands on the book, what was found."""

    name: str = ""
    version: int = 0
    standing: Standing = field(default_factory=Standing)
    findings: OpenFindings = field(default_factory=OpenFindings)
    provider: str = ""
    settlement_id: str = ""
    _told: dict[tuple[datetime, str, str], Telling] = field(default_factory=dict)
    _other_parts: dict[int, dict[tuple[datetime, str, str], Telling]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def learn(self, fact: RecordedFact) -> None:
        """Take in that it was told; raises KeyError for a message that is about no receipt."""
        if fact.type != INVOICE:
            self.provider, self.settlement_id = fact.data["provider"], fact.data["settlement_id"]
        telling = _part(fact) if fact.type == PART else _READERS[fact.type](fact)
        of = self._other_parts[telling.part or 1] if fact.type == PART else self._told
        of[telling.at, fact.source, fact.id] = telling

    def evolve(self, change: BookChange | FindingChange) -> None:
        """Fold a decision into the state."""
        if isinstance(change, FindingOpened | FindingEnded):
            self.findings.evolve(change)
        else:
            self.standing.evolve(change)

    def standing_tellings(self) -> list[Telling]:
        """Those that count, in the order of their own times: the first, and further pages of a settlement.

        Pages without numbers are told apart by their lines: a message that shares none with those before it is
        another page, one that shares any tells the same again. So does a sum without lines, and it is told again by
        what has some; fees alone are a page beside payments, and not beside other fees.
        """
        found: list[Telling] = []
        for _, telling in sorted(self._told.items()):
            if not found or _is_another_page(telling, found):
                found.append(telling)
        return found

    def decide(self) -> list[BookChange | FindingChange]:
        """Bring book and findings in step with what was told, and fold that in."""
        standing = self.standing_tellings()
        wanted = [booking for place, telling in enumerate(standing) for booking in _bookings(telling, place)]
        changes: list[BookChange | FindingChange] = [*self.standing.towards(wanted)]
        found = [*self._told_otherwise(standing), *self._differences(standing)]
        changes += self.findings.towards(found, self.name, _FOUND_AT_ONCE)
        return self._folded(changes)

    def decide_by_clock(self, unknown: Sequence[UnknownLine]) -> list[FindingChange]:
        """Open and end what shows only once everything that was sent has been taken in, and fold that in."""
        found = [*self._unknown(unknown), *self._missing_parts()]
        changes = self.findings.towards(found, self.name, FOUND_BY_CLOCK)
        for change in changes:
            self.evolve(change)
        return changes

    def _folded(self, changes: list[BookChange | FindingChange]) -> list[BookChange | FindingChange]:
        for change in changes:
            self.evolve(change)
        return changes

    def _finding(self, kind: FindingKind, key: str, since: datetime, sentence: str, **told: Any) -> Finding:
        told.setdefault("subject", self.settlement_id)
        whole = f"settlement {self.settlement_id} of {self.provider} {sentence}"
        return Finding(kind, key, operator_id="", since=since, sentence=whole, **told)

    def _told_otherwise(self, standing: Sequence[Telling]) -> Iterator[Finding]:
        """Messages that tell again what stands, in other words than that."""
        if not self.settlement_id or len(self._told) == len(standing):
            return
        contents = [telling.content for telling in standing]
        for telling in self._told.values():
            if telling.content not in contents:
                yield self._finding(
                    FindingKind.SETTLEMENT_TOLD_OTHERWISE,
                    f"told:{telling.source}:{telling.id}",
                    telling.at,
                    f"was told again by message {telling.id} with other content; what was told first stands",
                    currency=telling.currency,
                    amount=telling.net,
                )

    def _differences(self, standing: Sequence[Telling]) -> Iterator[Finding]:
        """What reached the bank is not what the lines add up to, over all parts that were told."""
        if not self.settlement_id or (standing and (standing[0].part or 1) > 1):
            return
        tellings = [*standing, *(told[min(told)] for told in self._other_parts.values())]
        differences = Counter[str]()
        for telling in tellings:
            differences[telling.currency] += telling.net - telling.sum
        for currency, amount in sorted(differences.items()):
            if amount:
                much = format_minor(abs(amount), currency)
                yield self._finding(
                    FindingKind.SETTLEMENT_DIFFERS,
                    f"differs:{currency}",
                    min(telling.at for telling in tellings),
                    f"brought {much} {currency} {'more' if amount > 0 else 'less'} than its lines add up to",
                    currency=currency,
                    amount=amount,
                )

    def _unknown(self, lines: Sequence[UnknownLine]) -> Iterator[Finding]:
        if len(lines) > UNKNOWN_TOLD_MAX:
            first = min(lines, key=lambda line: (line.source, line.id))
            yield self._finding(
                FindingKind.SETTLEMENT_ITEM_UNKNOWN,
                "unknown",
                min(self._told)[0],
                f"has {len(lines)} lines of payments of which no capture is known, {first.payment_id} among them",
                currency=first.currency,
                amount=sum(line.gross for line in lines),
            )
            return
        for line in sorted(lines):
            yield self._finding(
                FindingKind.SETTLEMENT_ITEM_UNKNOWN,
                f"unknown:{line.source}:{line.id}",
                min(self._told)[0],
                f"has a line of payment {line.payment_id}, of which no capture is known",
                subject=line.payment_id,
                currency=line.currency,
                amount=line.gross,
            )

    def _missing_parts(self) -> Iterator[Finding]:
        own = [told for told in self._told.values() if (told.part or 1) == 1]
        others = [telling for told in self._other_parts.values() for telling in told.values()]
        count = max((telling.parts or 1 for telling in (*own, *others)), default=1)
        known = {*self._other_parts, *([1] if own else [])}
        missing = [number for number in range(1, count + 1) if number not in known]
        if missing and (own or others):
            named = ", ".join(map(str, missing[:_PARTS_NAMED_MAX]))
            more = ", ..." if len(missing) > _PARTS_NAMED_MAX else ""
            yield self._finding(
                FindingKind.SETTLEMENT_INCOMPLETE,
                "parts",
                min(telling.at for telling in (*own, *others)),
                f"has {count} parts, and {named}{more} {'was' if len(missing) == 1 else 'were'} never told",
            )


def _is_another_page(telling: Telling, before: Iterable[Telling]) -> bool:
    if not telling.has_lines or telling.part is not None:
        return False
    return all(
        other.part is None
        and other.has_lines
        and bool(telling.lines or other.lines)
        and telling.lines.isdisjoint(other.lines)
        for other in before
    )


def _bookings(telling: Telling, place: int) -> Iterator[Booking]:
    """What a telling books; the first under the keys that a settlement which is told at once has."""
    for booking in telling.bookings:
        yield booking if not place else replace(booking, key=f"{booking.key}:{telling.source}:{telling.id}")


def _settlement(fact: RecordedFact) -> Booking:
    data = fact.data
    net = data["net"]
    return SettlementReceived(
        key="received",
        effective_at=instant(data["settled_at"]),
        currency=net["currency"],
        settlement_id=data["settlement_id"],
        provider=data["provider"],
        amount=minor_of(net),
    )


def _invoice(fact: RecordedFact) -> Booking:
    data = fact.data
    amount = data["amount"]
    return InvoicePaid(
        key="paid",
        effective_at=instant(data["paid_at"]),
        currency=amount["currency"],
        invoice_id=data["invoice_id"],
        partner=data["partner"].upper(),
        amount=minor_of(amount),
    )


RECEIPT_BOOKINGS: Mapping[str, Callable[[RecordedFact], Booking]] = {SETTLEMENT: _settlement, INVOICE: _invoice}


def _settlement_told(fact: RecordedFact) -> Telling:
    data, received = fact.data, _settlement(fact)
    items = [_line(item) for item in data["items"]]
    part, parts = data.get("part"), data.get("parts")
    net = minor_of(data["net"])
    return Telling(
        at=received.effective_at,
        source=fact.source,
        id=fact.id,
        bookings=(received, *_of_no_payment(received, data)),
        content=(received, part or 1, parts, tuple(items)),
        lines=frozenset(line[:4] for line in items if line[0]),
        has_lines=bool(items),
        part=part,
        parts=parts,
        currency=received.currency,
        net=net,
        sum=sum(line[4] - line[5] for line in items),
    )


def _line(item: Mapping[str, Any]) -> tuple[str, str, str, str, int, int]:
    """A line: payment, what it is about, refund, dispute, gross and fee."""
    gross = minor_of(item["gross"])
    about = item.get("kind") or ("BACK" if gross < 0 else "PAYMENT")
    names = (item.get("payment_id") or "", about, item.get("refund_id") or "", item.get("dispute_id") or "")
    return (*names, gross, minor_of(item["fee"]))


def _of_no_payment(received: Booking, data: Mapping[str, Any]) -> Iterator[Booking]:
    """Fees that belong to no payment are the platform's: nobody's to recharge (J03); reserves are kept (J10)."""
    for number, item in enumerate(data["items"], 1):
        if item.get("payment_id") is None:
            fee, kept = minor_of(item["fee"]), -minor_of(item["gross"])
            if item.get("kind") == "RESERVE":
                yield ProviderReserveKept(
                    key=f"reserve:{number}",
                    effective_at=received.effective_at,
                    currency=received.currency,
                    provider=data["provider"],
                    amount=kept,
                )
                kept = 0
                if not fee:
                    continue
            fee += kept
            yield PspFeeCorrected(
                key=f"fee:{number}",
                effective_at=received.effective_at,
                currency=received.currency,
                payment_id="",
                provider=data["provider"],
                fee=fee,
            )


def _invoice_told(fact: RecordedFact) -> Telling:
    booking = _invoice(fact)
    return Telling(booking.effective_at, fact.source, fact.id, (booking,), booking)


def part_fact(fact: RecordedFact) -> RecordedFact:
    """What the first part of a settlement is to know of another: its number and its sums, without its lines."""
    told, data = _settlement_told(fact), fact.data
    names = ("settlement_id", "provider", "settled_at", "part", "parts")
    short = {name: data[name] for name in names if data.get(name) is not None}
    return fact._replace(type=PART, data=short | {"currency": told.currency, "net": told.net, "sum": told.sum})


def _part(fact: RecordedFact) -> Telling:
    data = fact.data
    return Telling(
        instant(data["settled_at"]),
        fact.source,
        fact.id,
        (),
        None,
        part=data["part"],
        parts=data.get("parts"),
        currency=data["currency"],
        net=data["net"],
        sum=data["sum"],
    )


_READERS: Mapping[str, Callable[[RecordedFact], Telling]] = {SETTLEMENT: _settlement_told, INVOICE: _invoice_told}
