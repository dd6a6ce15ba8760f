"""Payments: every accepted capture, failure, refund, dispute and settlement has its bookings, and those alone."""

from collections import Counter
from collections.abc import Callable, Iterable

from ledger.audit.amounts import Money, instant, microseconds, minor_of, money_of
from ledger.audit.drivers_money import (
    PRICES_AFTER_CAPTURES,
    PRICES_FIRST,
    PRICES_LAST,
    Row,
    Told,
    dispute_row,
    refund_row,
    tell,
    wallet_refund_row,
)
from ledger.audit.report import Tally
from ledger.audit.sale_returns import refund_of_sale_row
from ledger.audit.sessions import Session
from ledger.audit.streams import Body, Fact, in_order
from ledger.audit.wallets import CHARGE, REFUND, standing_moves


def check_captures(session: Session, tally: Tally) -> None:
    """J01c and J03 are each accepted capture; J01f stands only while nothing was captured; J04 recharges J03."""
    captures = captures_of(session)
    wanted = [
        (
            fact.data["payment_id"],
            microseconds(fact.at),
            fact.data["provider"],
            _money(fact),
            money_of(fact.data["fee"]) if _has_fee(session, fact) else Money(0, fact.data["fee"]["currency"]),
        )
        for fact in captures
    ]
    booked = [
        (b["payment_id"], _at(b), b["provider"], _booked(b, b["amount"]), _booked(b, b["fee"]))
        for b in session.stream.bookings("PaymentCaptured")
    ]
    _compare_rows(session, wanted, booked, "capture", tally)
    _check_charges(session, tally)
    failed = bool(session.stream.facts.get("payment.failed")) and not captures and not charges_of(session)
    owed = session.outcome["gross"] if session.outcome and session.is_rated and session.partner is None else 0
    written_off = -session.stream.sum("J01f", f"1105/{session.session_id}")
    expected, actual = session.money(owed if failed else 0), session.money(written_off)
    tally.compare(session.where, expected, actual, "what was written off (J01f)")
    by_platform = session.money(session.stream.sum("J01f", "5050"))
    tally.compare(session.where, expected if bears_failures(session) else session.money(0), by_platform, _LOST)
    _check_recharges(session, tally)


_LOST = "what the platform bears of it (J01f on 5050)"


def bears_failures(session: Session) -> bool:
    """Whether the platform bears a payment that failed: of what it sells itself, or where the terms say so."""
    dealing = session.terms.dealing if session.terms is not None else None
    return dealing is not None and (dealing.is_principal or dealing.platform_bears_failures)


def _check_charges(session: Session, tally: Tally) -> None:
    """J12 is each charge that its wallet has act."""
    wanted = [
        (fact.data["charge_id"], fact.data["wallet_id"], microseconds(fact.at), _money(fact))
        for fact in standing_moves(session.stream, CHARGE)
    ]
    booked = [
        (b["charge_id"], b["wallet_id"], _at(b), _booked(b, b["amount"]))
        for b in session.stream.bookings("WalletCharged")
    ]
    _compare_rows(session, wanted, booked, "charge of a wallet", tally)


def _has_fee(session: Session, capture: Fact) -> bool:
    """Whether the fee of a capture is posted here: of a payment of several sessions, where first a fee was told."""
    told = (*captures_of(session), *captured_elsewhere(session))
    of_payment = [fact for fact in told if _payment_of(fact) == _payment_of(capture)]
    if all(_is(fact, capture) or fact in captures_of(session) for fact in of_payment):
        return True
    of_payment.sort(key=lambda fact: fact.sort_key)
    first = next((fact for fact in of_payment if minor_of(fact.data["fee"])), of_payment[0])
    return first in captures_of(session)


def _is(fact: Fact, other: Fact) -> bool:
    """Whether two facts are one message, which its source and its id tell."""
    return (fact.source, fact.id) == (other.source, other.id)


def _payment_of(fact: Fact) -> tuple[str, str, str]:
    """A payment is known by its provider, its id and its currency."""
    return fact.data["provider"], fact.data["payment_id"], fact.data["amount"]["currency"]


def _check_recharges(session: Session, tally: Tally) -> None:
    """J04 is all of J03 where the operator bears it."""
    fees = session.stream.sum("J03", "5010")
    if session.is_rated and session.terms is not None:
        recharged = fees if session.terms.bears_psp_fees and session.partner is None else 0
        booked = session.money(-session.stream.sum("J04", "4050"))
        tally.compare(session.where, session.money(recharged), booked, "the fees recharged (J04)")


def check_refunds(session: Session, tally: Tally) -> None:
    """Refunds use up the driver's own money (J25x, J59r), then that of whom they name; one that failed comes back."""
    booked = [
        refund_row(
            kind,
            b["refund_id"],
            b["payment_id"],
            instant(b["effective_at"]),
            b["currency"],
            (b.get("from_overpaid", 0), b["from_refunds_due"], b["by_operator"], b["by_platform"]),
        )
        for kind, b in session.stream.standing.values()
        if kind in ("PaymentRefunded", "PaymentRefundFailed")
    ]
    booked += [
        _of_sale(kind, b)
        for kind, b in session.stream.standing.values()
        if kind in ("SaleRefunded", "SaleRefundFailed")
    ]
    if booked or session.stream.facts.get("payment.refunded"):
        told = _told(session, lambda told: Counter(told.refunds) == Counter(booked))
        _compare_rows(session, told.refunds, booked, "refund", tally)
    _check_wallet_refunds(session, tally)
    due = session.stream.sum("J59", "2080") + session.stream.sum("J59r", "2080") + session.stream.sum("J30", "2080")
    if due > 0:
        more = session.money(due)
        tally.note(
            session.where, "nothing more", more, f"{session.where}: {more} more was paid back than was due (2080)"
        )


def _of_sale(kind: str, booking: Body) -> Row:
    """A refund of what the platform sold, as a row."""
    back = Counter({"": booking["net"]})
    for at, amount in zip(booking["vat_at"], booking["vat"], strict=True):
        back[at or "-"] += amount
    own = (booking["from_overpaid"], booking["from_refunds_due"])
    parts = (back, booking["purchase"], booking["purchase_vat"])
    return refund_of_sale_row(kind, booking["refund_id"], instant(booking["effective_at"]), own, parts)


def _check_wallet_refunds(session: Session, tally: Tally) -> None:
    """What goes back to a wallet uses up the driver's own money (J25x, J59r), then the operator's (J12r)."""
    booked = [
        wallet_refund_row(
            b["refund_id"],
            b["wallet_id"],
            instant(b["effective_at"]),
            b["currency"],
            (b["from_overpaid"], b["from_refunds_due"], b["by_operator"]),
        )
        for b in session.stream.bookings("WalletRefunded")
    ]
    if booked or standing_moves(session.stream, REFUND):
        told = _told(session, lambda told: Counter(told.wallet_refunds) == Counter(booked))
        _compare_rows(session, told.wallet_refunds, booked, "refund to a wallet", tally)


def check_disputes(session: Session, tally: Tally) -> None:
    """J27 and J28 open each dispute, J29 or J30 close it each time it is decided, but for the driver's own money."""
    booked = [
        dispute_row(kind, b["dispute_id"], instant(b["effective_at"]), b["currency"], b["amount"], _parts(kind, b))
        for kind, b in session.stream.standing.values()
        if kind in ("DisputeOpened", "DisputeWon", "DisputeLost", "SaleDisputeLost")
    ]
    if booked or session.stream.facts.get("payment.disputed"):
        told = _told(session, lambda told: Counter(told.disputes) == Counter(booked))
        _compare_rows(session, told.disputes, booked, "dispute", tally)
    of_driver = session.terms is not None and session.partner is None and session.was_rated
    recharges = of_driver and session.terms is not None and session.terms.dealing.operator_bears_dispute_fees
    borne = session.stream.sum("J28", "5040") if recharges else 0
    recharged = session.money(-session.stream.sum("J28r", "4050"))
    tally.compare(session.where, session.money(borne), recharged, "the fees of disputes recharged (J28r)")


def _parts(kind: str, booking: Body) -> tuple[int, ...]:
    if kind == "SaleDisputeLost":
        return booking["from_overpaid"], booking["from_refunds_due"]
    own = booking.get("drivers_own", 0)
    if kind == "DisputeOpened":
        return own, booking["fee"]
    if kind == "DisputeLost":
        return own, booking.get("from_overpaid", 0), booking.get("from_refunds_due", 0)
    return (own,)


def check_raised(session: Session, tally: Tally) -> None:
    """A price that rose after it was paid waits until the captures reach it, and no longer."""
    if session.partner is not None or not (session.stream.facts.get("payment.captured") or charges_of(session)):
        return
    shortfall = session.outcome["shortfall"] if session.outcome and session.is_rated else 0
    if not shortfall and not session.stream.bookings("SessionReRated", "ChargeReSold"):
        return
    told = _told(session, lambda told: not told.early)
    for old, new in told.early:
        raised = session.money(new)
        sentence = (
            f"{session.where} was raised to {raised} after {session.money(old)} was paid, and nothing covers it"
        )
        tally.note(session.where, session.money(old), raised, sentence)
    own = session.money(told.overpaid + told.due)
    if shortfall and own.minor >= shortfall:
        short = session.money(shortfall)
        sentence = f"{session.where} is not charged {short} for which {own} was captured"
        tally.note(session.where, "the raised price", "the old one", sentence)


def _told(session: Session, fits: Callable[[Told], bool]) -> Told:
    """What the facts ask for, by that order of what happened at one moment which fits the book."""
    captures = [*captures_of(session), *charges_of(session)]
    first = tell(session, captures, PRICES_FIRST)
    if fits(first):
        return first
    others = (tell(session, captures, rank) for rank in (PRICES_AFTER_CAPTURES, PRICES_LAST))
    return next((other for other in others if fits(other)), first)


def captures_of(session: Session) -> list[Fact]:
    """The accepted captures, each once."""
    return _each_once(session.accepted("payment.captured"))


def charges_of(session: Session) -> list[Fact]:
    """What wallets pay for a session, in its currency; what they pay in another is the driver's all the time."""
    charges = standing_moves(session.stream, CHARGE)
    return [fact for fact in charges if session.currency in ("", fact.data["amount"]["currency"])]


def captured_elsewhere(session: Session) -> list[Fact]:
    """What other sessions captured of the payments of this one, each capture once."""
    by_session: dict[str, list[Fact]] = {}
    for fact in in_order(session.stream.facts.get("payment.captured.elsewhere", ())):
        by_session.setdefault(fact.data["session_id"], []).append(fact)
    return [fact for facts in by_session.values() for fact in _each_once(facts)]


def _each_once(captures: Iterable[Fact]) -> list[Fact]:
    """Captures in their order, each once.

    A capture is known by its id. Without one, all that a source says are captures of their own, and what two sources
    say of one payment, moment and amount is the same.
    """
    found: dict[Row, Fact] = {}
    heard: Counter[Row] = Counter()
    for fact in captures:
        data = fact.data
        name: Row = (data["provider"], data["payment_id"])
        if data.get("capture_id") is not None:
            name = (*name, data["capture_id"])
        else:
            name = (*name, fact.at, data["amount"]["currency"], minor_of(data["amount"]))
            heard[fact.source, *name] += 1
            name = (*name, heard[fact.source, *name])
        found.setdefault(name, fact)
    return list(found.values())


def _money(fact: Fact) -> Money:
    return money_of(fact.data["amount"])


def _booked(booking: Body, minor: int) -> Money:
    return Money(minor, booking["currency"])


def _at(booking: Body) -> int:
    return microseconds(instant(booking["effective_at"]))


def _compare_rows(session: Session, wanted: Iterable[Row], booked: Iterable[Row], what: str, tally: Tally) -> None:
    expected, actual = Counter(wanted), Counter(booked)
    for row in (expected - actual).elements():
        tally.note(session.where, row, "not booked", f"{session.where}: {what} {row} is not booked")
    for row in (actual - expected).elements():
        tally.note(
            session.where, "no such fact", row, f"{session.where}: {what} {row} is booked and was not reported"
        )
