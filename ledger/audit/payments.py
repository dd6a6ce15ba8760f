"""Payments: every accepted capture, failure, refund, dispute and settlement has its bookings, and those alone."""

from collections import Counter
from collections.abc import Iterable

from ledger.audit.amounts import Money, instant, microseconds, minor_of, money_of
from ledger.audit.report import Tally
from ledger.audit.sessions import Session
from ledger.audit.streams import Body, Fact, Stream, first_of_each

Row = tuple[object, ...]


def check_captures(session: Session, tally: Tally) -> None:
    """J01c is each accepted capture; J01f stands only while nothing was captured; J03 is the provider's last word."""
    captures = _captures(session)
    wanted = [
        (
            fact.data["payment_id"],
            microseconds(fact.at),
            fact.data["provider"],
            _money(fact),
            money_of(fact.data["fee"]),
        )
        for fact in captures
    ]
    booked = [
        (b["payment_id"], _at(b), b["provider"], _booked(b, b["amount"]), _booked(b, b["fee"]))
        for b in session.stream.bookings("PaymentCaptured")
    ]
    _compare_rows(session, wanted, booked, "capture", tally)
    if not session.is_settled:
        return
    failed = bool(session.stream.facts.get("payment.failed")) and not captures
    owed = session.outcome["gross"] if session.outcome and session.is_rated and session.partner is None else 0
    written_off = -session.stream.sum("J01f", f"1105/{session.session_id}")
    expected, actual = session.money(owed if failed else 0), session.money(written_off)
    tally.compare(session.where, expected, actual, "what was written off (J01f)")
    _check_fees(session, captures, tally)


def _check_fees(session: Session, captures: list[Fact], tally: Tally) -> None:
    fees = session.stream.sum("J03", "5010")
    settled = first_of_each(session.stream.facts.get("payment.settled.item", ()), "settlement_id", "item")
    items: dict[str, list[Fact]] = {}
    for item in settled:
        items.setdefault(item.data["payment_id"], []).append(item)
    known = {fact.data["payment_id"]: fact for fact in captures}
    if all(len(items.get(payment_id, ())) <= 1 for payment_id in known):
        wanted = 0
        for capture in captures:
            found = items.get(capture.data["payment_id"], [])
            if not found or found[0].data["fee"]["currency"] != capture.data["fee"]["currency"]:
                wanted += minor_of(capture.data["fee"])
            elif known[capture.data["payment_id"]] is capture:
                wanted += minor_of(found[0].data["fee"])
        tally.compare(session.where, session.money(wanted), session.money(fees), "the provider's fees (J03)")
    if session.is_rated and session.terms is not None:
        recharged = fees if session.terms.bears_psp_fees and session.partner is None else 0
        booked = session.money(-session.stream.sum("J04", "4050"))
        tally.compare(session.where, session.money(recharged), booked, "the fees recharged (J04)")


def check_refunds(session: Session, tally: Tally) -> None:
    """J59r, J25 and J26 together pay each accepted refund, at the cost of whom it names."""
    paid = {fact.data["payment_id"] for fact in _captures(session)}
    wanted = [
        (fact.data["refund_id"], fact.data["payment_id"], microseconds(fact.at), _money(fact))
        for fact in first_of_each(session.accepted("payment.refunded"), "refund_id")
        if fact.data["payment_id"] in paid and (session.operator_id or fact.data["borne_by"] == "PLATFORM")
    ]
    refunds = session.stream.bookings("PaymentRefunded")
    booked = [
        (
            b["refund_id"],
            b["payment_id"],
            _at(b),
            _booked(b, b["from_refunds_due"] + b["by_operator"] + b["by_platform"]),
        )
        for b in refunds
    ]
    _compare_rows(session, wanted, booked, "refund", tally)
    bearers = {
        fact.data["refund_id"]: fact.data["borne_by"] for fact in session.stream.facts.get("payment.refunded", ())
    }
    for refund in refunds:
        bearer = bearers.get(refund["refund_id"])
        wrong = refund["by_operator"] if bearer == "PLATFORM" else refund["by_platform"]
        what = f"what the other side bears of refund {refund['refund_id']}"
        tally.compare(session.where, _booked(refund, 0), _booked(refund, wrong), what)
    due = session.stream.sum("J59", "2080") + session.stream.sum("J59r", "2080")
    if due > 0:
        more = session.money(due)
        tally.note(
            session.where, "nothing more", more, f"{session.where}: {more} more was paid back than was due (2080)"
        )


def check_disputes(session: Session, tally: Tally) -> None:
    """J27 and J28 open each accepted dispute, J29 or J30 close it for the amount that was disputed."""
    paid = {fact.data["payment_id"] for fact in _captures(session)}
    opened = {
        fact.data["dispute_id"]: fact
        for fact in first_of_each(session.accepted("payment.disputed"), "dispute_id")
        if fact.data["payment_id"] in paid and session.operator_id
    }
    wanted: list[Row] = [
        ("DisputeOpened", dispute_id, microseconds(fact.at), _money(fact)) for dispute_id, fact in opened.items()
    ]
    for close in first_of_each(session.stream.facts.get("payment.dispute_closed", ()), "dispute_id"):
        dispute = opened.get(close.data["dispute_id"])
        if dispute is not None:
            name = "DisputeWon" if close.data["outcome"] == "WON" else "DisputeLost"
            at = microseconds(max(close.at, dispute.at))
            wanted.append((name, close.data["dispute_id"], at, _money(dispute)))
    booked = [
        (kind, b["dispute_id"], _at(b), _booked(b, b["amount"]))
        for kind, b in session.stream.standing.values()
        if kind in ("DisputeOpened", "DisputeWon", "DisputeLost")
    ]
    _compare_rows(session, wanted, booked, "dispute", tally)
    fees = sum(minor_of(fact.data["fee"]) for fact in opened.values())
    booked_fees = session.money(session.stream.sum("J28", "5040"))
    tally.compare(session.where, session.money(fees), booked_fees, "the dispute fees (J28)")


# What came to the bank: topic of the fact, field and kind of its booking, account, and the field with the money.
_RECEIPTS = {
    "settlement": ("payment.settled", "settlement_id", "J09", "net"),
    "invoice": ("roaming.invoice_paid", "invoice_id", "J17", "amount"),
}


def check_receipt(stream: Stream, tally: Tally) -> None:
    """J09 is the net of a settlement and J17 what an invoice was paid, by the first message about it."""
    topic, id_field, kind, money_field = _RECEIPTS[stream.kind]
    # The order of arrival decides here, which is the order in which facts were read.
    fact = stream.facts[topic][0]
    where, money = f"{stream.kind} {fact.data[id_field]}", fact.data[money_field]
    booked = Money(stream.sum(kind, "1010"), money["currency"])
    tally.compare(where, money_of(money), booked, f"the amount on the bank account ({kind})")
    bookings = [booking for _, booking in stream.standing.values()]
    found = [(booking["currency"], _at(booking)) for booking in bookings]
    tally.compare(where, [(money["currency"], microseconds(fact.at))], found, "currency and time of its booking")


def _captures(session: Session) -> list[Fact]:
    """The accepted captures; the same payment, time and amount is the same capture."""
    found: dict[Row, Fact] = {}
    for fact in session.accepted("payment.captured"):
        found.setdefault((fact.data["payment_id"], fact.at, minor_of(fact.data["amount"])), fact)
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
