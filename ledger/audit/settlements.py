"""Settlements as sessions see them: the fees that lines show of each payment, and what is settled of a share."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ledger.audit.amounts import instant, minor_of
from ledger.audit.payments import bears_failures, captured_elsewhere, captures_of, charges_of
from ledger.audit.report import Tally
from ledger.audit.sessions import Session
from ledger.audit.streams import Body, Fact, Stream, first_of_each, in_order

LINE, MARK = "payment.settled.item", "payment.settled.standing"


class _Payment(NamedTuple):
    """A payment of a session: what was captured of it here and elsewhere, and the lines about it, each in order."""

    own: list[Fact]
    all: list[Fact]
    lines: list[Fact]

    @property
    def is_posted_here(self) -> bool:
        """Whether its fee is this session's to post: the first that told one has it, or else the first of all."""
        first = next((fact for fact in self.all if minor_of(fact.data["fee"])), self.all[0])
        return any(first is fact for fact in self.own)

    def covered(self, until: datetime) -> dict[tuple[str, str], int]:
        """How much of each capture of this session is settled by what is known at a moment."""
        known = [fact for fact in self.all if fact.at <= until]
        left = sum(_settles(line) for line in self.lines if line.at <= until)
        found = {}
        for fact in known:
            part = max(0, min(left, minor_of(fact.data["amount"])))
            left -= part
            if any(fact is each for each in self.own):
                found[fact.source, fact.id] = part
        return found


def check_settlements(session: Session, tally: Tally) -> None:
    """J03 is what settlements show, once a payment; J28 likewise; nothing is released that is not settled."""
    payments = _payments(session)
    fees = sum(_fees(session, payment) for payment in payments)
    booked = session.stream.sum("J03", "5010")
    tally.compare(session.where, session.money(fees), session.money(booked), "the provider's fees (J03)")
    _check_dispute_fees(session, tally)
    _check_release(session, payments, tally)


def _payments(session: Session) -> list[_Payment]:
    lines = defaultdict(list)
    for line in lines_of(session.stream):
        lines[line.data["provider"], line.data["payment_id"], line.data["fee"]["currency"]].append(line)
    others = defaultdict(list)
    for fact in captured_elsewhere(session):
        others[_payment_of(fact)].append(fact)
    own = defaultdict(list)
    for fact in captures_of(session):
        own[_payment_of(fact)].append(fact)
    return [
        _Payment(captures, in_order(captures + others[key]), _with_gross(lines[key], captures))
        for key, captures in own.items()
    ]


def _payment_of(fact: Fact) -> tuple[str, str, str]:
    return fact.data["provider"], fact.data["payment_id"], fact.data["amount"]["currency"]


def lines_of(stream: Stream) -> list[Fact]:
    """The lines of settlements that a session has and that stand, in order, each once."""
    marks: dict[tuple[str, str], Body] = {}
    for mark in stream.facts.get(MARK, ()):
        known = marks.get((mark.source, mark.data["line_id"]))
        if known is None or known["revision"] < mark.data["revision"]:
            marks[mark.source, mark.data["line_id"]] = mark.data
    found: dict[tuple[Any, ...], Fact] = {}
    for line in in_order(stream.facts.get(LINE, ())):
        if not marks.get((line.source, line.id), {"stands": True})["stands"]:
            continue
        name: tuple[Any, ...] = (line.source, line.id)
        if "gross" not in line.data:
            name = tuple(line.data[part] for part in ("provider", "settlement_id", "item"))
        found.setdefault(name, line)
    return list(found.values())


def _with_gross(lines: list[Fact], captures: list[Fact]) -> list[Fact]:
    """Lines that were stored without what they settle pay a capture each, and a single one all of its payment."""
    bare = [line for line in lines if "gross" not in line.data]
    if not bare:
        return lines
    currency = captures[0].data["amount"]["currency"]
    amounts = [captured.data["amount"]["amount"] for captured in captures]
    whole = {line.id: {"amount": amount, "currency": currency} for line, amount in zip(bare, amounts, strict=False)}
    nothing = {"amount": "0", "currency": currency}
    if len(lines) == 1 and len(captures) > 1:
        parts = [replaced(lines[0], captured.data["amount"], number) for number, captured in enumerate(captures)]
        return [*parts]
    return [line if "gross" in line.data else replaced(line, whole.get(line.id, nothing), 0) for line in lines]


def replaced(line: Fact, gross: Mapping[str, str], number: int) -> Fact:
    """A line with a gross, and with its fee only where it is the first of several."""
    data = {**line.data, "gross": gross}
    if number:
        data["fee"] = {**line.data["fee"], "amount": "0"}
    return Fact(line.at, line.source, line.id, data)


def _settles(line: Fact) -> int:
    """What a line settles of its payment: nothing where it is of a refund, a dispute or a fee."""
    gross, kind = minor_of(line.data["gross"]), line.data.get("kind")
    if kind is not None:
        return gross if kind == "PAYMENT" else 0
    if line.data.get("refund_id") or line.data.get("dispute_id") or gross < 0:
        return 0
    return gross


def _keeps(line: Fact) -> int:
    """What the provider keeps by a line: its fee, or all of a line that is one."""
    fee = minor_of(line.data["fee"])
    return fee - minor_of(line.data["gross"]) if line.data.get("kind") == "FEE" else fee


def _is_of_dispute(line: Fact, session: Session) -> bool:
    kind, gross = line.data.get("kind"), minor_of(line.data["gross"]) if "gross" in line.data else 0
    if kind in ("PAYMENT", "REFUND", "DISPUTE"):
        return bool(kind == "DISPUTE")
    if line.data.get("dispute_id") or line.data.get("refund_id") or kind == "FEE" or gross >= 0:
        return bool(line.data.get("dispute_id"))
    same = [
        topic
        for topic in ("payment.disputed", "payment.refunded")
        for fact in session.accepted(topic)
        if fact.data["payment_id"] == line.data["payment_id"] and minor_of(fact.data["amount"]) == -gross
    ]
    return set(same) == {"payment.disputed"}


def _fees(session: Session, payment: _Payment) -> int:
    """The fees of a payment: as settlements show them, and as told of the captures that none of them reaches yet."""
    if not payment.is_posted_here:
        return 0
    told = sum(minor_of(fact.data["fee"]) for fact in payment.own)
    lines = [line for line in payment.lines if not _is_of_dispute(line, session)]
    if not lines:
        return told
    settled = sum(_settles(line) for line in lines)
    shown, before, reached = sum(_keeps(line) for line in lines), 0, 0
    belong_together = len(payment.all) > len(payment.own) and settled > 0
    for fact in payment.all:
        amount = minor_of(fact.data["amount"])
        if any(fact is each for each in payment.own) and (settled > before or not amount or belong_together):
            reached += minor_of(fact.data["fee"])
        before += amount
    return told - reached + shown


def _check_dispute_fees(session: Session, tally: Tally) -> None:
    """J28 beside that of the opening: what lines show of a dispute, where they show anything."""
    booked = sum(booking["fee"] for booking in session.stream.bookings("DisputeFeeCorrected"))
    lines = [line for line in lines_of(session.stream) if _is_of_dispute(line, session)]
    captured = {_payment_of(fact)[:2]: fact for fact in captures_of(session)}
    wanted = 0
    if lines and session.operator_id:
        providers = {payment_id: provider for provider, payment_id in reversed(list(captured))}
        disputes = [
            fact
            for fact in first_of_each(session.accepted("payment.disputed"), "dispute_id")
            if fact.data["payment_id"] in providers
        ]
        shown: Counter[str] = Counter()
        for line in lines:
            shown[_dispute_of(line, disputes, providers)] += _keeps(line)
        for fact in disputes:
            seen = shown[fact.data["dispute_id"]]
            wanted += seen - minor_of(fact.data["fee"]) if seen else 0
    what = "what settlements show of dispute fees beside what was told (J28)"
    tally.compare(session.where, session.money(wanted), session.money(booked), what)


def _dispute_of(line: Fact, disputes: list[Fact], providers: Mapping[str, str]) -> str:
    """The dispute that a line is about: the one it names, or else of its payment, first the one of its amount."""
    of_payment = [
        fact
        for fact in disputes
        if fact.data["payment_id"] == line.data["payment_id"]
        and providers[line.data["payment_id"]] == line.data["provider"]
        and fact.data["fee"]["currency"] == line.data["fee"]["currency"]
        and line.data.get("dispute_id") in (None, fact.data["dispute_id"])
    ]
    gross = abs(minor_of(line.data["gross"]))
    fitting = [fact for fact in of_payment if minor_of(fact.data["amount"]) == gross]
    return (fitting or of_payment)[0].data["dispute_id"] if of_payment else ""


def _check_release(session: Session, payments: list[_Payment], tally: Tally) -> None:
    """A share that waits for the provider's money is released when what is settled reaches the price, not before."""
    outcome, terms = session.outcome, session.terms
    if outcome is None or terms is None or not session.is_rated or session.partner is not None:
        return
    if terms.fund_release != "ON_SETTLEMENT" or len(outcome["ratings"]) != 1:
        return
    if bears_failures(session) and session.stream.facts.get("payment.failed"):
        # Released when it failed, if nothing was captured by then.
        return
    gross, where = outcome["gross"], session.where
    charges = charges_of(session)
    of_payments = {fact.at for payment in payments for fact in (*payment.lines, *payment.all)}
    moments = sorted(of_payments | {fact.at for fact in charges})
    reached = next((at for at in moments if _settled(payments, charges, at) >= gross), None)
    released = next(
        (
            body["released_at"]
            for body in reversed(session.stream.decided("ShareReleased"))
            if body["share"] == "session"
        ),
        None,
    )
    if released is not None and (reached is None or instant(released) < reached):
        settled = session.money(_settled(payments, charges, instant(released)))
        sentence = f"{where} is released at {released}, when {settled} of {session.money(gross)} was settled"
        tally.note(where, session.money(gross), settled, sentence)
    elif released is None and reached is not None:
        sentence = f"{where} is settled since {reached.isoformat()} and not released"
        tally.note(where, reached.isoformat(), "never", sentence)


def _settled(payments: list[_Payment], charges: list[Fact], at: datetime) -> int:
    """What is settled by a moment; what a wallet pays is there with its charge."""
    of_wallets = sum(minor_of(fact.data["amount"]) for fact in charges if fact.at <= at)
    return of_wallets + sum(sum(payment.covered(at).values()) for payment in payments)
