"""Events out of answers to orders: pain.002 and files of the ACH.

What a bank says of an order is progress or a refusal. That money was paid only what it has booked says (P16), and a
file that it takes for a duplicate is none that was refused: its orders may have been carried out the first time.
"""

from collections.abc import Iterator
from typing import Any

from contracts.bank.events import IN_WORDS, CloudEvent, Orders, envelope, moment, notice, plain, text
from contracts.bank.names import payout_named
from contracts.bank.pain002 import DUPLICATES
from contracts.bank.parties import masked
from contracts.bank.values import AchLine, OrderStatus, Refused

_ACCEPTED = frozenset({"ACTC", "ACCP", "ACSP", "ACSC", "ACCC", "ACWC", "ACWP", "ACFC", "ACPD", "PATC"})
_REFUSED = frozenset({"RJCT", "CANC"})
_WAITS = frozenset({"RCVD", "PDNG", "BLCK"})

# Return codes of NACHA for credits in those of ISO 20022, by their meaning (NACHA Operating Rules, appendix four).
_ISO_REASON = {
    "R01": "AM04",
    "R02": "AC04",
    "R03": "AC01",
    "R04": "AC01",
    "R06": "FOCR",
    "R12": "RC01",
    "R13": "RC01",
    "R14": "MD07",
    "R15": "MD07",
    "R16": "AC06",
    "R17": "BE04",
    "R20": "AG01",
    "R22": "BE01",
    "R23": "MS02",
    "R24": "AM05",
    "R34": "RC01",
}
_NOT_STATED = "MS03"


def status_events(status: OrderStatus, orders: Orders) -> Iterator[CloudEvent | Refused]:
    """What an answer says of each payout that it is about; a notice where that is none of ours."""
    if status.status == "PART":
        yield Refused(status.where, "was taken in part, and nothing below says which part; have the bank say it")
    elif status.status not in _ACCEPTED | _REFUSED | _WAITS:
        yield Refused(status.where, f"has the status {status.status!r}, which is none of ISO 20022 for orders")
    else:
        yield from _known_events(status, orders)


def _known_events(status: OrderStatus, orders: Orders) -> Iterator[CloudEvent]:
    at, bank = moment(status.at) or "1970-01-01T00:00:00Z", plain(status.bank, 64)
    if status.reason in DUPLICATES and status.status in _REFUSED:
        named = next(iter(status.names), "") or status.block or status.message
        yield notice(
            bank,
            "DUPLICATE_ORDER",
            at,
            (named, status.reason),
            reference=named,
            reason=status.reason,
            text=status.text,
            payout_id=payout_named(status.names),
        )
        return
    if status.status in _WAITS:
        return
    payouts = _payouts_of(status, orders)
    for payout_id in payouts:
        type_ = "payout.failed" if status.status in _REFUSED else "payout.accepted"
        data: dict[str, Any] = {"payout_id": payout_id, "at": at}
        if type_ == "payout.failed":
            data["reason"] = text(status.reason) or IN_WORDS
        id_ = f"{payout_id}:{status.status}:{text(status.reason)}"
        yield envelope(type_, plain(id_, 255), bank, payout_id, at, data)
    if not payouts and status.status in _REFUSED:
        named = next(iter(status.names), "") or status.block or status.message
        yield notice(
            bank,
            "ORDER_UNKNOWN",
            at,
            (status.message, status.block, *status.names, status.reason),
            reference=named,
            reason=status.reason,
            text=status.text,
        )


def _payouts_of(status: OrderStatus, orders: Orders) -> list[str]:
    if status.names:
        payout_id = payout_named(status.names)
        return [payout_id] if payout_id else []
    for order in filter(None, (status.block, status.message)):
        if payouts := orders.payouts_of(order):
            return [payout_id for payout_id, _, _ in payouts]
    return []


def ach_events(line: AchLine, orders: Orders) -> Iterator[CloudEvent]:
    """The return of a payout; a notice of what changes, of what is not ours, and of returns of returns."""
    at, bank = f"{line.made_on}T00:00:00Z", plain(f"ACH-{line.bank}", 64)
    payout_id, doubt = _payout_returned(line, orders)
    told = {"reference": line.original_trace, "reason": line.code, "payout_id": payout_id, "text": doubt}
    name = (line.code, line.original_trace, line.trace)
    if line.code.startswith("C"):
        yield notice(bank, "ACCOUNT_CHANGED", at, name, **(told | {"text": masked(line.corrected)}))
    elif line.code[1:].isdigit() and 61 <= int(line.code[1:]) <= 77:
        yield notice(bank, "RETURN_DISPUTED", at, name, **told)
    elif not payout_id or not line.is_of_credit:
        yield notice(bank, "ORDER_UNKNOWN", at, name, **told)
    else:
        data = {
            "payout_id": payout_id,
            "at": at,
            "bank_reference": line.trace,
            "reason": _ISO_REASON.get(line.code, _NOT_STATED),
            "amount": {"amount": f"{line.amount:f}", "currency": "USD"},
        }
        yield envelope("payout.returned", f"{payout_id}:{line.original_trace}:{line.code}", bank, payout_id, at, data)


def _payout_returned(line: AchLine, orders: Orders) -> tuple[str, str]:
    """The payout that a line is about, or "" and why it is none.

    The trace number of its entry and its Individual Identification Number have to agree where both are known. By its
    trace number alone an entry is ours only where its amount is as well: others send by the same bank.
    """
    named = orders.payout_of_individual(line.individual_id) or payout_named((line.individual_id,), (line.text,))
    if named:
        is_its_own = orders.trace_of(named) in ("", line.original_trace)
        return (named, "") if is_its_own else ("", f"payout {named} went out under another trace number")
    traced = orders.payouts_traced(line.original_trace) if line.original_trace else ()
    if traced and line.individual_id:
        return "", f"the entry of this trace number is payout {traced[0][0]}, which has another identification number"
    same = [payout_id for payout_id, amount in traced if amount == line.amount]
    return (same[0], "") if len(same) == 1 else ("", "")
