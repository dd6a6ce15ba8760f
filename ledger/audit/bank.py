"""What banks booked, as the audit reads it: each line by what it is, what of it was told of, and what was found.

J37 is a charge, J55 what of another line nobody told of, J56 what a person allocated of that. Which line is which
receipt's is worked out anew out of all lines and receipts, and compared with what their streams were told.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import groupby
from typing import Any

import orjson

from ledger.audit.amounts import Money, instant, microseconds, minor_of
from ledger.audit.findings import open_findings
from ledger.audit.report import Tally
from ledger.audit.spool import Spool
from ledger.audit.streams import Body, Fact, Stream, in_order

_LINE, ALLOCATION = "bank.entry_booked", "bank.receipt_allocated"
_BOOKINGS = {"BankCharged": "J37", "ReceiptUnallocated": "J55", "ReceiptAllocated": "J56"}
# An id that stands in a text: of three characters with a digit, and of six where it is a number.
_ID = re.compile(r"(?=.*[0-9])[0-9A-Z]{3,64}")
_SHORT_NUMBER = re.compile(r"[0-9]{1,5}")
_JOINED = 6

# What brings money to the bank by other messages: what it is, by which id the bank may name it, and whose it is.
RECEIPTS: dict[str, Callable[[Body, str], tuple[str, str, str]]] = {
    "SettlementReceived": lambda body, _: ("settlement", body["settlement_id"], body["provider"]),
    "InvoicePaid": lambda body, _: ("invoice", body["invoice_id"], body["partner"]),
    "BalanceFunded": lambda body, name: ("balance", _behind(name, body["operator_id"]), body["operator_id"]),
    "BalanceCollected": lambda body, name: ("balance", _behind(name, body["operator_id"]), body["operator_id"]),
}


def _behind(name: str, operator_id: str) -> str:
    """The last part of the name of a stream, behind its operator's id."""
    return name[name.index(f":{operator_id}:") + len(operator_id) + 2 :]


def counting(stream: Stream) -> list[Fact]:
    """The lines of an entry that count: each as it was told first, of the telling that has most of its parts."""
    first: dict[str, Fact] = {}
    for fact in in_order(stream.facts.get(_LINE, ())):
        first.setdefault(fact.data["entry_reference"], fact)
    by_depth = defaultdict(list)
    for reference, fact in first.items():
        _, point, place = reference.partition(".")
        by_depth[place[:1] if point else ""].append(fact)
    return by_depth[max(by_depth)] if by_depth else []


def signed(fact: Fact) -> int:
    """What a line brought, or took."""
    amount = minor_of(fact.data["amount"])
    return amount if fact.data["direction"] == "CREDIT" else -amount


def told_of(stream: Stream) -> dict[str, Body]:
    """What its stream was told last of each line: how much of it was told of, and by what."""
    return {body["entry_reference"]: body for body in stream.decided("BankLineConfirmed")}


def check_bank_entry(stream: Stream, partners: Collection[str], tally: Tally) -> None:
    """J37, J55 and J56 of an entry are what its lines, what was told of them and people's decisions ask for.

    Nothing is allocated to partners that nobody has registered.
    """
    allocations = [each for each in stream.facts.get(ALLOCATION, ()) if each.data["partner"].upper() in partners]
    wanted: Counter[tuple[Any, ...]] = Counter()
    confirmed = told_of(stream)
    for fact in counting(stream):
        for row in _asked_for(fact, confirmed, allocations):
            wanted[row] += 1
    booked: Counter[tuple[Any, ...]] = Counter()
    for name, body in stream.standing.values():
        at = microseconds(instant(body["effective_at"]))
        amount = Money(body["amount"], body["currency"])
        booked[_BOOKINGS.get(name, name), at, body.get("line"), body.get("partner"), amount] += 1
    for kind, _, line, _, money in (wanted - booked).elements():
        tally.note(stream.name, money, "not booked", f"{stream.name}: {money} ({kind}) of line {line} is not booked")
    for kind, _, line, _, money in (booked - wanted).elements():
        tally.note(stream.name, "nothing", money, f"{stream.name}: {money} ({kind}) of line {line} is booked unasked")
    rests = {fact.data["entry_reference"] for fact in counting(stream) if fact.data["purpose"] == "REMAINDER"}
    found = {each["subject"] for each in open_findings(stream) if each["kind"] == "BANK_DETAILS_DIFFER"}
    tally.compare(stream.name, sorted(rests), sorted(found), "the lines that details leave over")


def _asked_for(fact: Fact, confirmed: dict[str, Body], allocations: Iterable[Fact]) -> Iterator[tuple[Any, ...]]:
    line, purpose, amount = fact.data["entry_reference"], fact.data["purpose"], signed(fact)
    currency, at = fact.data["amount"]["currency"], microseconds(fact.at)
    if purpose == "PAYOUT":
        return
    if purpose == "CHARGE":
        yield "J37", at, line, None, Money(-amount, currency)
        return
    left = amount - (confirmed.get(line, {"amount": 0})["amount"] if purpose == "UNALLOCATED" else 0)
    if left:
        yield "J55", at, line, None, Money(left, currency)
    for each in in_order(allocations):
        money = each.data["amount"]
        if each.data["entry_reference"] != line or money["currency"] != currency or minor_of(money) > left:
            continue
        left -= minor_of(money)
        yield (
            "J56",
            max(at, microseconds(each.at)),
            line,
            each.data["partner"].upper(),
            Money(minor_of(money), currency),
        )


def check_bank_saying(stream: Stream, tally: Tally) -> None:
    """A statement whose sums do not hold is open as a finding, with its difference, and so is each notice."""
    wanted = []
    for fact in stream.facts.get("bank.statement_told", ()):
        sums = [fact.data.get(name) for name in ("opening", "entries", "closing")]
        if all(sums) and len({each["currency"] for each in sums if each}) == 1:
            opening, entries, closing = (minor_of(each) for each in sums if each)
            if closing - opening - entries:
                wanted.append(closing - opening - entries)
    kinds = ("BANK_STATEMENT_DIFFERS",)
    found = [each["amount"] for each in open_findings(stream) if each["kind"] in kinds]
    tally.compare(stream.name, sorted(wanted), sorted(found), "the differences of its balances")
    notices = len(stream.facts.get("bank.notice_given", ()))
    told = len([each for each in open_findings(stream) if each["key"] == "notice"])
    tally.compare(stream.name, min(notices, 1), told, "the notices that people are told")


class BankLines:
    """All lines and all receipts by the ids in them; compared when all streams are read."""

    def __init__(self, lines: Spool, confirmed: Spool) -> None:
        self._named, self._told = lines, confirmed

    def note(self, stream: Stream) -> None:
        """Note what a stream has: receipts by their id, lines by each id that their texts hold."""
        for name, body in stream.standing.values():
            told = RECEIPTS.get(name)
            if told is not None:
                what, id_, of = told(body, stream.name)
                subject = f"{what} {id_} of {of}"
                self._add(self._told, (subject, body["currency"]), "told", body["amount"])
                plain = "".join(filter(str.isalnum, id_)).upper()
                self._add(self._named, (plain, body["currency"]), "receipt", subject, body["amount"])
        confirmed, allocated = told_of(stream), stream.facts.get(ALLOCATION, ())
        for fact in counting(stream):
            if fact.data["purpose"] != "UNALLOCATED":
                continue
            line, currency = fact.data["entry_reference"], fact.data["amount"]["currency"]
            known = confirmed.get(line, {"amount": 0, "by": [], "taken": []})
            for subject, amount in zip(known["by"], known["taken"], strict=True):
                self._add(self._told, (subject, currency), "taken", amount)
                self._add(self._told, (subject, currency), "line", line)
            left = signed(fact) - known["amount"]
            names = ids_in(fact, [each for each in allocated if each.data["entry_reference"] == line])
            for name in names if left else ():
                self._add(self._named, (name, currency), "rest", line, left)

    @staticmethod
    def _add(spool: Spool, key: tuple[str, str], *said: Any) -> None:
        spool.add(orjson.dumps([*key, *said]))

    def compare(self, tally: Tally) -> None:
        """No receipt is taken by lines for more than was told, and none has a rest beside a line that has one."""
        rest: dict[tuple[str, str], int] = {}
        for (subject, currency), rows in _grouped(self._told):
            tally.examined += 1
            told = sum(row[3] for row in rows if row[2] == "told")
            taken = sum(row[3] for row in rows if row[2] == "taken")
            if taken:
                rest[subject, currency] = told - taken
            if abs(taken) > abs(told) or taken * told < 0:
                sentence = (
                    f"of {subject} lines of banks are {Money(taken, currency)}, and {Money(told, currency)} was told"
                )
                tally.note(subject, Money(told, currency), Money(taken, currency), sentence)
        for (name, currency), rows in _grouped(self._named):
            receipts = [(row[3], row[4]) for row in rows if row[2] == "receipt"]
            whole: Counter[str] = Counter()
            for subject, amount in receipts:
                whole[subject] += amount
            for subject, amount in whole.items():
                left = rest.get((subject, currency), amount)
                for row in rows:
                    if row[2] == "rest" and row[4] * left > 0:
                        sentence = (
                            f"line {row[3]} names {subject}, of which {Money(left, currency)} is not there, and "
                            f"{Money(row[4], currency)} of it is nobody's"
                        )
                        tally.note(row[3], "told of", f"nobody's, by {name}", sentence)


def _grouped(spool: Spool) -> Iterator[tuple[tuple[str, str], list[list[Any]]]]:
    for key, rows in groupby(map(orjson.loads, spool.sorted()), key=lambda row: (row[0], row[1])):
        yield key, list(rows)


def ids_in(fact: Fact, allocations: Iterable[Fact]) -> set[str]:
    """The ids that a line may mean: words of its texts, and words that follow each other, and what people said."""
    found = {"".join(filter(str.isalnum, each.data["invoice_id"])).upper() for each in allocations}
    for text in (fact.data.get("end_to_end_id") or "", fact.data.get("remittance") or ""):
        words = re.findall(r"[0-9A-Z]+", text.upper())
        for place in range(len(words)):
            for count in range(1, _JOINED + 1):
                found.add("".join(words[place : place + count]))
    return {each for each in found if _ID.fullmatch(each) and not _SHORT_NUMBER.fullmatch(each)}
