"""The defects: each a piece of the source as it is, and as it was, or might be, by mistake."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """`old`, which stands once in `file`, is `new` instead; `by` are checks of `verify` of which one at least fails.

    Without `by` what comes of it has to be refused, by the database or before it.
    """

    name: str
    file: str
    old: str
    new: str
    by: frozenset[str] = frozenset()


def _fault(name: str, file: str, old: str, new: str, *by: str) -> Fault:
    return Fault(name, file, old, new, frozenset(by))


_DRAFTS = "domain/book/drafts.py"
_POSTING, _AMOUNTS, _MAKING = "domain/book/posting.py", "domain/payout/amounts.py", "domain/payout/making.py"
_RUN, _CATALOGUE = "domain/payout/run.py", "domain/catalogue/catalogue.py"

FAULTS: tuple[Fault, ...] = (
    # What is posted.
    _fault(
        "the sign of a provider's fee is turned",
        _POSTING,
        'return ("J03", [(PSP_FEES, fee), (f"1110/{provider}", -fee)])',
        'return ("J03", [(PSP_FEES, -fee), (f"1110/{provider}", fee)])',
        "journal",
    ),
    _fault(
        "an entry lacks a cent on one side",
        _POSTING,
        '("J01c", [(f"1110/{b.provider}", b.amount), (driver_receivable(b), -b.amount)])',
        '("J01c", [(f"1110/{b.provider}", b.amount), (driver_receivable(b), 1 - b.amount)])',
    ),
    _fault(
        "VAT of the commission is taken twice",
        _POSTING,
        "return (kind, [(payable(booking), net + vat), (revenue, -net)",
        "vat *= 2\n    return (kind, [(payable(booking), net + vat), (revenue, -net)",
        "journal",
    ),
    _fault(
        "the reversal of a price that changed is dropped",
        _POSTING,
        "        _earned(b, -b.old_gross),\n",
        "",
        "journal",
    ),
    _fault(
        "a share counts as available before it is released",
        _DRAFTS,
        """return f"{'2010' if booking.matured else '2011'}/{booking.operator_id}\"""",
        """return f"2010/{booking.operator_id}\"""",
        "journal",
    ),
    _fault(
        "a refund that failed stays on the book",
        _POSTING,
        "return [(kind, [(account, -amount) for account, amount in legs]) for kind, legs in _refunded(b)]",
        "return []",
        "journal",
    ),
    _fault(
        "a lost dispute gives no commission back",
        _POSTING,
        "    back = b.commission_back + b.commission_vat_back\n    freed =",
        "    back = 0\n    freed =",
    ),
    _fault(
        "a failed payout is booked as a returned one",
        _POSTING,
        'return [("J38", [(_in_transit(b), b.amount), (_to_be_fixed(b), -b.amount)])]',
        'return [("J39", [(BANK, b.amount), (_to_be_fixed(b), -b.amount)])]',
        "journal",
    ),
    # What a session is worth, and when its share may be paid.
    _fault(
        "halves of a minor unit are rounded to even",
        "domain/exact.py",
        "    return rounded if numerator >= 0 else -rounded",
        "    return half_even(numerator, denominator) if rounded else 0",
        "terms",
        "prices",
    ),
    _fault(
        "energy is rounded down to whole kilowatt-hours",
        "domain/rating/pricing.py",
        "        energy_wh=_exact(used.energy_total, scale),",
        "        energy_wh=_exact(used.energy_total, scale) // 1000 * 1000,",
        "prices",
        "cdrs",
    ),
    _fault(
        "a share is released without its delay",
        "domain/session/release.py",
        "    day = add_days(day, delay_days, terms.business_days_only, terms.calendar)\n",
        "",
        "releases",
        "payable_lines",
    ),
    _fault(
        "the business date is that of UTC",
        "domain/session/release.py",
        "    day = business_date(released_at, operator.time_zone, terms.cutoff)",
        '    zone = type(operator.time_zone)("Pacific/Kiritimati")\n'
        "    day = business_date(released_at, zone, terms.cutoff)",
        "releases",
        "payable_lines",
    ),
    _fault(
        "the terms are those of the end of the session",
        "domain/session/contracting.py",
        "    operator = catalogue.operator_at(start.operator_id, start.at)\n",
        "    operator = catalogue.operator_at(start.operator_id, datetime(2030, 1, 1, tzinfo=end.at.tzinfo))\n",
        "terms",
    ),
    _fault(
        "a later decision of a dispute is not booked",
        "domain/session/driver/disputes.py",
        "        if close.outcome is not last:",
        "        if last is None:",
        "disputes",
    ),
    _fault(
        "a dispute is decided by the order of arrival",
        "domain/session/driver/disputes.py",
        "for close in sorted(closes, key=in_order):",
        "for close in closes:",
        "disputes",
    ),
    _fault(
        "the platform bears what the operator should",
        "domain/session/driver/refunds.py",
        '"by_operator": 0 if by_platform else rest,',
        '"by_operator": rest,',
        "refunds",
    ),
    # CDRs.
    _fault(
        "a CDR costs a cent more than was billed",
        "domain/cdr/costs.py",
        '    return {"excl_vat": major(net_minor, exponent), "incl_vat": major(gross_minor, exponent)}',
        '    return {"excl_vat": major(net_minor, exponent), "incl_vat": major(gross_minor + 1, exponent)}',
        "cdrs",
    ),
    # What a run pays.
    _fault(
        "what was released at the very cut-off is paid a day early",
        "domain/payout/lines.py",
        "return self.available_on <= day and self.released_at < at and is_free",
        "return self.available_on.toordinal() <= day.toordinal() + 1 and is_free",
        "left_out",
        "payout_sums",
        "run_amounts",
        "payable_lines",
        "runs",
    ),
    _fault(
        "a run leaves the last of what is due",
        _RUN,
        "line.is_due(day, at)]\n        self.note",
        "line.is_due(day, at)][:-1]\n        self.note",
        "left_out",
    ),
    _fault(
        "the minimum is ignored",
        _AMOUNTS,
        "    if amount <= 0 or amount < minimum:",
        "    if amount <= 0:",
        "run_amounts",
    ),
    _fault(
        "no reserve is held",
        _AMOUNTS,
        "    reserve = max(0, percent_of(due.earned, operator.payout.reserve_percent))",
        "    reserve = 0",
        "run_amounts",
    ),
    _fault(
        "a reserve is never given back",
        _MAKING,
        "            if moment > at:\n                continue",
        "            continue",
        "run_amounts",
    ),
    _fault(
        "nothing is retained",
        _AMOUNTS,
        "    amount = kept.left - terms.retain",
        "    amount = kept.left",
        "run_amounts",
        "payout_sums",
    ),
    _fault(
        "taxes are withheld of nothing",
        _AMOUNTS,
        "    profiles = operator.runs.withholding if own else ()",
        "    profiles = ()",
        "run_amounts",
    ),
    _fault(
        "a payout goes without the approval that its terms ask for",
        _AMOUNTS,
        "    if operator.payout.requires_approval:",
        "    if False:",
        "run_amounts",
        "decided",
    ),
    _fault(
        "a payout goes while somebody holds the operator",
        "domain/payout/circumstances.py",
        "        return self.holds.on_at(moment) is not None",
        "        return False",
        "decided",
    ),
    _fault(
        "a payout is a cent above its lines",
        _MAKING,
        "            amount=sum_.amount,\n            reserve",
        "            amount=sum_.amount + 1,\n            reserve",
        "payout_sums",
        "run_amounts",
    ),
    _fault(
        "the lines of a payout are paid again by the next",
        _MAKING,
        "        self.lines = [line for line in self.lines if line.entry_id not in gone]\n",
        "",
        "payout_sums",
        "payable_lines",
    ),
    _fault(
        "the bank's last word is forgotten: what failed counts as paid",
        "domain/payout/steps.py",
        "        return PayoutStatus.FAILED, word.failed_at",
        "        return PayoutStatus.PAID, word.failed_at",
        "payouts",
        "in_transit",
    ),
)
