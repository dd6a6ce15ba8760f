"""What settlements say of a session's payments: how much of its captures is settled, and what fees they show.

A line settles of its payment exactly its gross, the oldest capture first, whichever sessions captured them. A payment
is known by its provider and its id.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from domain.book.findings import Finding, FindingKind
from domain.fact import in_order
from domain.money import format_minor
from domain.session.facts import Captured, CapturedElsewhere, Disputed, Line, LineStanding, Refunded, Settled
from domain.session.payment_facts import PaymentFacts, distinct_captures

# A payment: its provider, its id and the currency in which it was captured.
PaymentKey: TypeAlias = tuple[str, str, str]


class Settling(NamedTuple):
    """What lines of settlements change at a moment, in minor units, by the fact (source, id) that does it.

    `settled` is by how much more of this session's captures is settled, `fee` by how much the provider's fee is more
    than was posted of it so far. `capture` is the first of the payment in this session.
    """

    at: datetime
    source: str
    id: str
    capture: Captured
    settled: int
    fee: int


class DisputeFee(NamedTuple):
    """Lines of settlements show another fee of a dispute: by how much more, in minor units."""

    at: datetime
    source: str
    id: str
    dispute: Disputed
    provider: str
    fee: int


def standing_lines(payments: PaymentFacts) -> list[Settled]:
    """The lines that stand, in the order of their own times, each once.

    Those that were stored without their gross may have been given for each time that their settlement was told.
    """
    if len(payments.settled) < 2 and not payments.standings:
        return payments.settled
    stands: dict[tuple[str, str], LineStanding] = {}
    for told in sorted(payments.standings, key=lambda each: each.revision):
        stands[told.source, told.line_id] = told
    found: dict[tuple[object, ...], Settled] = {}
    for line in sorted(payments.settled, key=in_order):
        last = stands.get((line.source, line.id))
        if last is None or last.stands:
            known_by: tuple[object, ...] = (line.source, line.id)
            if line.gross is None:
                known_by = (line.provider, line.settlement_id, line.item)
            found.setdefault(known_by, line)
    return list(found.values())


def captured_elsewhere(payments: PaymentFacts) -> list[Captured]:
    """What other sessions captured of this session's payments, each capture once."""
    if not payments.elsewhere:
        return []
    by_session: dict[str, list[Captured]] = defaultdict(list)
    for capture in payments.elsewhere:
        by_session[capture.session_id].append(capture)
    return [capture for captures in by_session.values() for capture in distinct_captures(captures)]


def bears_its_fee(key: PaymentKey, own: Sequence[Captured], elsewhere: Sequence[Captured]) -> bool:
    """Whether a session has the fee of a payment that several claim: it counts once, where first a fee was told."""
    others = [capture for capture in elsewhere if _key(capture) == key]
    captures = sorted((*own, *others), key=in_order)
    first = next((capture for capture in captures if capture.fee), captures[0])
    return first in own


def without_fees_of_others(captures: Sequence[Captured], payments: PaymentFacts) -> list[Captured]:
    """Captures as this session posts them: without the fee of a payment that is another session's to post."""
    if not payments.elsewhere:
        return list(captures)
    own, elsewhere = _by_payment(captures), captured_elsewhere(payments)
    bears = {key: bears_its_fee(key, of_payment, elsewhere) for key, of_payment in own.items()}
    return [capture if bears[_key(capture)] else replace(capture, fee=0) for capture in captures]


def settlings(captures: Sequence[Captured], payments: PaymentFacts) -> Iterator[Settling]:
    """What settlements say of the captures of a session, as they are posted, step by step."""
    if not captures or not payments.settled:
        return
    lines: dict[PaymentKey, list[Settled]] = defaultdict(list)
    for line in standing_lines(payments):
        lines[line.provider, line.payment_id, line.currency].append(line)
    elsewhere = captured_elsewhere(payments)
    for key, own in _by_payment(captures).items():
        if key in lines:
            others = [capture for capture in elsewhere if _key(capture) == key]
            of_payment = [line for line in lines[key] if not is_of_dispute(line, payments)]
            yield from _Payment(own, others).steps(_with_gross(of_payment, own))


def dispute_fees(
    disputes: Sequence[Disputed], captures: Mapping[str, Captured], payments: PaymentFacts
) -> Iterator[DisputeFee]:
    """What settlements show of the fees of disputes beside those that were told when they were opened (J28)."""
    if not disputes or not payments.settled:
        return
    shown: dict[str, list[Settled]] = defaultdict(list)
    for line in standing_lines(payments):
        if is_of_dispute(line, payments):
            dispute = _dispute_of(line, disputes, captures)
            if dispute is not None:
                shown[dispute.dispute_id].append(line)
    for dispute in disputes:
        fee, posted = 0, dispute.fee
        for at, together in groupby(shown[dispute.dispute_id], key=partial(_from, dispute)):
            told = list(together)
            fee += sum(fee_of(line) for line in told)
            if fee and fee != posted:
                provider = captures[dispute.payment_id].provider
                yield DisputeFee(at, told[-1].source, told[-1].id, dispute, provider, fee - posted)
                posted = fee


def _from(dispute: Disputed, line: Settled) -> datetime:
    """When a line acts on a dispute: not before it was opened."""
    return max(line.at, dispute.at)


def _dispute_of(line: Settled, disputes: Sequence[Disputed], captures: Mapping[str, Captured]) -> Disputed | None:
    """The dispute that a line is about: the one it names, or of those of its payment the one of its amount."""
    of_payment = [
        each
        for each in disputes
        if (each.payment_id, each.currency) == (line.payment_id, line.currency)
        and captures[each.payment_id].provider == line.provider
        and line.dispute_id in (None, each.dispute_id)
    ]
    of_amount = [each for each in of_payment if each.amount == abs(line.gross or 0)]
    return next(iter((*of_amount, *of_payment)), None)


def differing(captures: Sequence[Captured], payments: PaymentFacts, operator_id: str) -> Iterator[Finding]:
    """Payments of which more is settled than was captured; of a shared one the first session to capture has it."""
    of_payment: dict[tuple[str, str], list[Captured]] = defaultdict(list)
    for capture in captures:
        of_payment[capture.provider, capture.payment_id].append(capture)
    lines: dict[PaymentKey, list[Settled]] = defaultdict(list)
    for line in standing_lines(payments):
        if settles(line):
            lines[line.provider, line.payment_id, line.currency].append(line)
    elsewhere = captured_elsewhere(payments)
    for (provider, payment_id, currency), told in lines.items():
        own = of_payment.get((provider, payment_id), [])
        others = [each for each in elsewhere if _key(each)[:2] == (provider, payment_id)]
        known: list[Captured] = sorted((*own, *others), key=in_order)
        if not known or known[0] not in own:
            continue
        captured = sum(capture.amount for capture in known if capture.currency == currency)
        amount = sum(settles(line) for line in _with_gross(told, known)) - captured
        if amount > 0:
            yield Finding(
                FindingKind.SETTLEMENT_ITEM_DIFFERS,
                key=f"settled:{provider}:{payment_id}:{currency}",
                subject=payment_id,
                operator_id=operator_id,
                since=told[-1].at,
                sentence=_sentence(told[-1], currency, amount, captured),
                currency=currency,
                amount=amount,
            )


def _sentence(line: Settled, currency: str, amount: int, captured: int) -> str:
    settled = format_minor(amount + captured, currency)
    known = f"{format_minor(captured, currency)} {currency} was" if captured else f"nothing in {currency} was"
    return f"{settled} {currency} of payment {line.payment_id} is settled by {line.provider}, and {known} captured"


def is_of_dispute(line: Settled, payments: PaymentFacts) -> bool:
    """Whether a line is about a dispute: it says so, or takes back just what one of its payment disputes."""
    if line.line is not None and line.line is not Line.FEE:
        return line.line is Line.DISPUTE
    if line.dispute_id is not None or line.refund_id is not None or line.line is Line.FEE or not line.gross:
        return line.dispute_id is not None
    return line.gross < 0 and _takes(line, payments.disputes) and not _takes(line, payments.refunds)


def fee_of(line: Settled) -> int:
    """What the provider keeps by a line, in minor units: its fee, and all of a line that is a fee."""
    return line.fee - (line.gross or 0) if line.line is Line.FEE else line.fee


def settles(line: Settled) -> int:
    """What a line settles of its payment, in minor units: refunds, charge-backs and fees settle nothing."""
    gross = line.gross or 0
    if line.line is not None:
        return gross if line.line is Line.PAYMENT else 0
    return max(gross, 0) if line.refund_id is None and line.dispute_id is None else 0


@dataclass(slots=True)
class _Covered:
    """A capture of this session, and how much of its payment was captured before it."""

    capture: Captured
    before: int

    def by(self, settled: int) -> int:
        """How much of it is settled when that much of its payment is."""
        return max(0, min(settled - self.before, self.capture.amount))

    def is_touched(self, settled: int) -> bool:
        return settled > self.before or not self.capture.amount


class _Payment:
    """The captures of one payment, those of this session among all."""

    def __init__(self, own: Sequence[Captured], elsewhere: Sequence[Captured]) -> None:
        self._first, self._is_shared = own[0], bool(elsewhere)
        self._bears = not elsewhere or bears_its_fee(_key(own[0]), own, elsewhere)
        self._own: list[_Covered] = []
        before = 0
        for capture in sorted((*own, *elsewhere), key=in_order):
            if not isinstance(capture, CapturedElsewhere):
                self._own.append(_Covered(capture, before))
            before += capture.amount

    def steps(self, lines: Sequence[Settled]) -> Iterator[Settling]:
        """What changes with each line, or with a capture that came after it."""
        first = self._first
        moments: list[tuple[datetime, str, str, Settled | None]] = [
            (max(line.at, first.at), line.source, line.id, line) for line in lines
        ]
        moments += [(each.capture.at, each.capture.source, each.capture.id, None) for each in self._own]
        settled = covered = shown = posted = 0
        is_shown = False
        for at, together in groupby(sorted(moments, key=itemgetter(0, 1, 2)), key=itemgetter(0)):
            some = list(together)
            lines_now = [line for *_, line in some if line is not None]
            settled += sum(settles(line) for line in lines_now)
            shown += sum(fee_of(line) for line in lines_now)
            is_shown |= bool(lines_now)
            known = [each for each in self._own if each.capture.at <= at]
            now = sum(each.by(settled) for each in known)
            fee = shown - self._posted(known, settled) if self._bears and is_shown else 0
            if now != covered or fee != posted:
                _, source, id_, _ = some[-1]
                yield Settling(at, source, id_, first, now - covered, fee - posted)
                covered, posted = now, fee

    def _posted(self, known: Sequence[_Covered], settled: int) -> int:
        """The fees of the captures that are settled, in part at least; those of a shared payment belong together."""
        whole = self._is_shared and settled > 0
        return sum(each.capture.fee for each in known if whole or each.is_touched(settled))


def _with_gross(lines: Sequence[Settled], own: Sequence[Captured]) -> list[Settled]:
    """Lines with what they settle; one that was stored without pays one capture, a single one all of its payment."""
    if all(line.gross is not None for line in lines):
        return list(lines)
    amounts = [sum(capture.amount for capture in own)] if len(lines) == 1 else [capture.amount for capture in own]
    amounts += [0] * (len(lines) - len(amounts))
    return [
        line if line.gross is not None else replace(line, gross=gross)
        for line, gross in zip(lines, amounts, strict=False)
    ]


def _takes(line: Settled, facts: Iterable[Disputed | Refunded]) -> bool:
    return any(fact.payment_id == line.payment_id and fact.amount == -(line.gross or 0) for fact in facts)


def _by_payment(captures: Sequence[Captured]) -> dict[PaymentKey, list[Captured]]:
    found: dict[PaymentKey, list[Captured]] = defaultdict(list)
    for capture in captures:
        found[_key(capture)].append(capture)
    return found


def _key(capture: Captured) -> PaymentKey:
    return capture.provider, capture.payment_id, capture.currency
