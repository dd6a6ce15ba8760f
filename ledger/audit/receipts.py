"""Receipts: what came to the bank is on the book as the messages that count say, each once."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ledger.audit.amounts import Money, instant, microseconds, minor_of
from ledger.audit.report import Tally
from ledger.audit.streams import Fact, Stream, in_order

# The kind of entry that each booking gives, and its field with the money.
_KINDS = {
    "SettlementReceived": ("J09", "amount"),
    "PspFeeCorrected": ("J03", "fee"),
    "ProviderReserveKept": ("J10", "amount"),
    "InvoicePaid": ("J17", "amount"),
}


def standing(facts: Iterable[Fact]) -> list[Fact]:
    """The messages about a settlement that count: the first, and without part numbers those that share no line."""
    found: list[Fact] = []
    for fact in in_order(facts):
        if all(_are_pages(each, fact) for each in found):
            found.append(fact)
    return found


def _are_pages(one: Fact, other: Fact) -> bool:
    """Whether two messages are pages of one settlement: both with lines, one with payments, and none is in both."""
    if any(fact.data.get("part") is not None or not fact.data["items"] for fact in (one, other)):
        return False
    first, second = _named(one), _named(other)
    return bool(first | second) and not first & second


def _named(fact: Fact) -> set[tuple[Any, ...]]:
    """What the lines of a settlement are about."""
    named = set()
    for item in fact.data["items"]:
        if item.get("payment_id"):
            kind = item.get("kind") or ("money back" if minor_of(item["gross"]) < 0 else "PAYMENT")
            named.add((item["payment_id"], kind, item.get("refund_id") or "", item.get("dispute_id") or ""))
    return named


def _of_no_payment(item: dict[str, Any]) -> list[tuple[str, Money]]:
    """What a line of no payment posts: a reserve what it keeps, and its fee; any other all that it takes."""
    fee, gross, currency = minor_of(item["fee"]), minor_of(item["gross"]), item["fee"]["currency"]
    if item.get("kind") != "RESERVE":
        return [("J03", Money(fee - gross, currency))]
    kept = [("J10", Money(-gross, currency))]
    return [*kept, ("J03", Money(fee, currency))] if fee else kept


def check_receipt(stream: Stream, tally: Tally) -> None:
    """J09 is the net of a settlement, J03 its fees of no payment, J17 what an invoice was paid; each once."""
    wanted: Counter[tuple[Any, ...]] = Counter()
    where = stream.name.expandtabs(1)
    for fact in standing(stream.facts.get("payment.settled", ())):
        wanted["J09", microseconds(fact.at), Money(minor_of(fact.data["net"]), fact.data["net"]["currency"])] += 1
        for item in fact.data["items"]:
            if not item.get("payment_id"):
                for kind, money in _of_no_payment(item):
                    wanted[kind, microseconds(fact.at), money] += 1
    invoices = in_order(stream.facts.get("roaming.invoice_paid", ()))
    for fact in invoices[:1]:
        amount = Money(minor_of(fact.data["amount"]), fact.data["amount"]["currency"])
        wanted["J17", microseconds(fact.at), amount] += 1
    booked: Counter[tuple[Any, ...]] = Counter()
    for name, body in stream.standing.values():
        kind, amount_field = _KINDS.get(name, (name, "amount"))
        at = microseconds(instant(body["effective_at"]))
        booked[kind, at, Money(body[amount_field], body["currency"])] += 1
    for kind in ("J09", "J17"):
        on_book, told = stream.sum(kind, "1010"), sum(money.minor for of, _, money in wanted.elements() if of == kind)
        currency = next((money.currency for of, _, money in wanted if of == kind), "")
        tally.compare(
            where, Money(told, currency), Money(on_book, currency), f"the amount on the bank account ({kind})"
        )
    for kind, at, money in (wanted - booked).elements():
        tally.note(where, money, "not booked", f"{where}: {money} ({kind}, {at}) is not on the book")
    for kind, at, money in (booked - wanted).elements():
        tally.note(where, "nothing", money, f"{where}: {money} ({kind}, {at}) is booked and was not told")
