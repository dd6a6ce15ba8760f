"""An entry of an account cut into its lines: one for each of its details, and what those leave over.

What is booked is the entry: its amount and its direction are the truth, details only say what it is made of. Where
they add up to something else, charges that the bank names are a line, and any other rest is one that people look at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum

from contracts.bank.names import is_of_a_payout, payout_named
from contracts.bank.values import Charge, Detail, Entry

# ISO 20022 external code list, sub-families of bank transactions: charges, fees and commissions.
_CHARGES = frozenset({"CHRG", "FEES", "COMM", "COME", "COMI", "COMT"})
# The same by the codes of SWIFT (NCHG) and of the German banks (GVC 808 and 809).
_OWN_CHARGES = ("NCHG", "808", "809", "NTRF+808")
_RETURNS = frozenset({"RRTN", "RPCR", "UPCT", "UPDD", "ARET"})
NO_DETAIL = Detail(amount=None, currency="", is_credit=None)
# The place of what is only told of a payout.
NOT_BOOKED = "-"


class Purpose(Enum):
    """What a line is: of a payout, what a bank took, the rest that details leave over, or anything else."""

    PAYOUT = "PAYOUT"
    CHARGE = "CHARGE"
    REMAINDER = "REMAINDER"
    UNALLOCATED = "UNALLOCATED"


class Reading(Enum):
    """How a bank means the indicators of reversals, by what its balances add up to."""

    AS_TOLD = "credits are credits"
    TURNED = "a reversal turns the sign"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an entry; `place` tells it from the others of its entry.

    It begins with how much is told of the entry, since reports of one differ in that: "" is the entry as a whole, `1`
    its only detail, which says nothing, `2` one that says something, `3` one that names a payout, `4` one of several.
    What tells more takes the place of what tells less.
    """

    place: str
    amount: Decimal
    is_credit: bool
    purpose: Purpose
    detail: Detail
    payout_id: str = ""


def is_credit(entry: Entry, reading: Reading | None) -> bool:
    """Whether an entry brought money.

    The balances of its statement decide what a reversal means. Without them: what names a payout, or is a return,
    brings the money back; of any other the sign is turned, as a reversal of a credit takes it.
    """
    if not entry.is_reversal or reading is Reading.AS_TOLD:
        return entry.is_credit
    if reading is Reading.TURNED:
        return not entry.is_credit
    if any(part in _RETURNS for part in entry.code.split(".")) or any(each.is_return for each in entry.details):
        return True
    names = [name for each in entry.details for name in each.names]
    texts = [entry.text, *(text for each in entry.details for text in each.texts)]
    return bool(payout_named(names, texts)) or not entry.is_credit


def lines_of(entry: Entry, credit: bool) -> list[Line]:
    """The lines of an entry that is a credit or a debit; the signed sum of what is booked is its amount."""
    details = entry.details
    if not details:
        return [_line("", entry.amount, credit, NO_DETAIL, entry)]
    if len(details) == 1:
        return list(_single(entry, details[0], credit))
    if any(each.amount is None or each.currency != entry.currency for each in details):
        return list(_unsplit(entry, credit))
    return list(_split(entry, credit))


def _single(entry: Entry, detail: Detail, credit: bool) -> Iterator[Line]:
    """A single detail is the entry; what was debited beside its amount are charges or a rest."""
    amount = entry.amount
    if not credit and detail.amount and detail.currency == entry.currency and detail.amount < entry.amount:
        amount = detail.amount
    place = "2" if detail.names or detail.texts else "1"
    line = _line(place, amount, credit, detail, entry)
    if line.payout_id:
        place = "3"
        line = replace(line, place=place)
    yield line
    yield from _rest(entry, amount - entry.amount, detail.charges, place)


def _split(entry: Entry, credit: bool) -> Iterator[Line]:
    sign = 1 if credit else -1
    whole = sign * entry.amount
    signs = _signs(entry, sign, whole)
    left, seen = whole, dict[str, int]()
    for detail, of in zip(entry.details, signs, strict=True):
        amount = detail.amount or Decimal(0)
        left -= of * amount
        name = _name_of(detail)
        seen[name] = seen.get(name, 0) + 1
        if amount:
            yield _line(f"4{name}#{seen[name]}", amount, of > 0, detail, entry)
    yield from _rest(entry, left, [charge for each in entry.details for charge in each.charges], "4")


def _signs(entry: Entry, sign: int, whole: Decimal) -> list[int]:
    """The direction of each detail: the entry's, or as they say themselves where that adds up and the other does not.

    Banks often give the direction of the order and not that of the booking.
    """
    alike = [sign] * len(entry.details)
    own = [sign if each.is_credit is None else (1 if each.is_credit else -1) for each in entry.details]
    amounts = [each.amount or Decimal(0) for each in entry.details]
    if _sum(alike, amounts) != whole and abs(_sum(own, amounts)) == entry.amount:
        turn = 1 if _sum(own, amounts) == whole else -1
        return [turn * each for each in own]
    return alike


def _sum(signs: Sequence[int], amounts: Sequence[Decimal]) -> Decimal:
    return sum((sign * amount for sign, amount in zip(signs, amounts, strict=True)), Decimal(0))


def _rest(entry: Entry, left: Decimal, charges: Sequence[Charge], split: str) -> Iterator[Line]:
    """What an entry has beside its details, as charges where the bank names as much, else as what is left over."""
    if not left:
        return
    named = [each for each in (*entry.charges, *charges) if each.currency == entry.currency]
    for told in (named, list(entry.charges), list(charges)):
        if told and sum(each.amount if each.is_credit else -each.amount for each in told) == left:
            yield Line(f"{split}C", abs(left), left > 0, Purpose.CHARGE, NO_DETAIL)
            return
    yield Line(f"{split}R", abs(left), left > 0, Purpose.REMAINDER, NO_DETAIL)


def _unsplit(entry: Entry, credit: bool) -> Iterator[Line]:
    """An entry whose details are in other currencies, or give none: booked whole, and looked at.

    Where all of them name payouts, it is theirs, and each is told with the amount that its detail gives.
    """
    named = [payout_named(each.names, each.texts) for each in entry.details]
    if not all(named):
        yield Line("4R", entry.amount, credit, Purpose.REMAINDER, NO_DETAIL)
        return
    yield Line("4", entry.amount, credit, Purpose.PAYOUT, NO_DETAIL)
    for detail, payout_id in zip(entry.details, named, strict=True):
        yield Line(NOT_BOOKED, detail.amount or Decimal(0), credit, Purpose.PAYOUT, detail, payout_id)


def _line(place: str, amount: Decimal, credit: bool, detail: Detail, entry: Entry) -> Line:
    is_alone = len(entry.details) <= 1
    texts = (*detail.texts, entry.text) if is_alone else detail.texts
    payout_id = payout_named(detail.names, texts)
    if payout_id and not (credit and not _comes_back(entry, detail) and not is_of_a_payout(payout_id)):
        return Line(place, amount, credit, Purpose.PAYOUT, detail, payout_id)
    purpose = Purpose.CHARGE if _is_charge(entry.code) else Purpose.UNALLOCATED
    return Line(place, amount, credit, purpose, detail)


def _comes_back(entry: Entry, detail: Detail) -> bool:
    return entry.is_reversal or detail.is_return or any(part in _RETURNS for part in entry.code.split("."))


def _is_charge(code: str) -> bool:
    _, sub, own = (*code.split(".", 2), "", "", "")[:3]
    return sub in _CHARGES or own.startswith(_OWN_CHARGES)


def _name_of(detail: Detail) -> str:
    """What tells a detail from the others, in whichever report it stands: its order, or else the bank's reference."""
    return detail.end_to_end_id or next(iter(detail.names), "") or detail.bank_reference or "-"
