"""How much a run pays of the lines that are due: what it keeps back, and what somebody has to look at first.

    amount = sum of the lines - reserve - withheld taxes - fee of an instant payout

All but the lines are entries of the payout itself (J31, J34, J41): it pays its lines whole, and never a part of one.
What is retained is a reserve of no days: it is given back at once (J32), and is a line of the next run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from statistics import median

from domain.calendar import ONE_DAY
from domain.catalogue.parties import Operator
from domain.catalogue.run_terms import RunTerms, TaxBase, TaxYear, WithholdingTerms
from domain.money import percent_of, plain
from domain.payout.events import PayoutStatus
from domain.payout.lines import Line
from domain.payout.payout import Payout
from domain.values import value

# So many payouts are what an amount is compared with.
LAST_PAYOUTS = 20

# Kinds of entries by which drivers and partners were billed, or which take that back.
GROSS_KINDS = frozenset(("J01", "J01f", "J06", "J06r", "J13", "J18", "J19", "J21", "J25", "J27", "J29", "J59"))
# And those by which the operator's share of that changes: commission and fees.
SHARE_KINDS = GROSS_KINDS | {"J02", "J04", "J07", "J14", "J20", "J26", "J28r", "J30"}


class Doubt(StrEnum):
    """Why a payout waits for somebody's approval."""

    TERMS = "TERMS"
    PAYOUT_LIMIT = "PAYOUT_LIMIT"
    DAY_LIMIT = "DAY_LIMIT"
    ANOMALY = "ANOMALY"
    PAYEE_NO_MATCH = "PAYEE_NO_MATCH"


class Carried(StrEnum):
    """Why a run pays nothing of what is due in a currency."""

    BELOW_MINIMUM = "BELOW_MINIMUM"
    RETAINED = "RETAINED"


@value
class PayoutSum:
    """What a run pays in a currency of its lines, and what of them it keeps; minor units.

    `reserve` is all that is held (J31), with the part `retained` that is given back at once.

    `withheld`, its `bases` and `percents` are by regime; `doubts` say why somebody has to approve it, if anybody.
    """

    currency: str
    lines: Sequence[Line]
    amount: int
    reserve: int = 0
    retained: int = 0
    withheld: Mapping[str, int] = field(default_factory=dict)
    bases: Mapping[str, int] = field(default_factory=dict)
    percents: Mapping[str, str] = field(default_factory=dict)
    fee: int = 0
    fee_vat: int = 0
    doubts: tuple[Doubt, ...] = ()

    def held(self) -> "PayoutSum":
        """The same with what is retained held too (J31)."""
        return replace(self, reserve=self.reserve + self.retained)

    @property
    def awaits_approval(self) -> bool:
        """Whether it waits until somebody has let it go."""
        return bool(self.doubts)


@value
class NothingPaid:
    """That a run pays nothing of lines that are due in a currency, and why.

    `left` is what it would pay of them if nothing were retained.
    """

    currency: str
    lines: Sequence[Line]
    reason: Carried
    left: int


@value
class Due:
    """What lines that are due in a currency come to, in minor units.

    `total` of all, `earned` without reserves that were given back, `gross` and `share` by the kinds that taxes are
    withheld of; `oldest` is the first date from which one may be paid that no payout left.
    """

    currency: str
    total: int
    earned: int
    gross: int
    share: int
    oldest: date | None


def due_of(lines: Sequence[Line], currency: str) -> Due:
    """What lines of a currency come to."""
    return Due(
        currency,
        total=sum(line.amount for line in lines),
        earned=sum(line.amount for line in lines if not line.reserve_release),
        gross=sum(line.amount for line in lines if line.kind in GROSS_KINDS),
        share=sum(line.amount for line in lines if line.kind in SHARE_KINDS),
        oldest=min((line.available_on for line in lines if not line.retained), default=None),
    )


@value
class Made:
    """An earlier payout, a first attempt: when it was handed off, and when people rejected it, if they did."""

    currency: str
    business_date: date
    amount: int
    sent_at: datetime | None = None
    rejected_at: datetime | None = None


@value
class Taxed:
    """What a payout withheld: `percent` of a base, that came to `amount`; and when it was rejected, if it was.

    `base` and `amount` are in minor units. Less is withheld where not all of the base is taxed, or was before.
    """

    currency: str
    regime: str
    business_date: date
    base: int
    percent: str
    amount: int
    rejected_at: datetime | None = None


@dataclass(slots=True)
class Past:
    """What earlier payouts of an operator have to do with the next one; one that was rejected stood until then.

    `made` are those of business dates to come and of this one, `sent` the last that were handed off, and more.
    """

    made: list[Made] = field(default_factory=list)
    sent: list[Made] = field(default_factory=list)
    taxed: list[Taxed] = field(default_factory=list)

    def usual(self, currency: str, at: datetime) -> Fraction | None:
        """The median of the last payouts that were handed off before a moment; None where there is none."""
        sent = [(each.sent_at, each.amount) for each in self.sent if each.sent_at and each.currency == currency]
        amounts = [amount for moment, amount in sorted(sent) if moment < at][-LAST_PAYOUTS:]
        return Fraction(median(map(Fraction, amounts))) if amounts else None

    def of_day(self, currency: str, day: date, at: datetime) -> int:
        """What was made of a business date, as of a moment."""
        known = (each for each in self.made if (each.currency, each.business_date) == (currency, day))
        return sum(each.amount for each in known if _stands(each, at))

    def taxed_before(self, terms: WithholdingTerms, currency: str, day: date, at: datetime) -> TaxYear:
        """The tax year of a business date so far, as of a moment; what a payout withheld 0 % of is no part of it."""
        year = terms.year_of(day)
        of_regime = (each for each in self.taxed if (each.currency, each.regime) == (currency, terms.regime))
        base, withheld = 0, dict[str, int]()
        for each in of_regime:
            if terms.year_of(each.business_date) == year and _stands(each, at) and Fraction(each.percent):
                base += each.base
                withheld[each.percent] = withheld.get(each.percent, 0) + each.amount
        taxed = (100 * Fraction(amount) / Fraction(percent) for percent, amount in withheld.items())
        return TaxYear(base, sum(taxed, Fraction(0)))

    def take(self, payout: Payout) -> None:
        """Take in a payout that was made; a repetition pays nothing anew."""
        created = payout.created
        if created is None or created.reissue_of is not None:
            return
        sent_at = created.fired_at if created.is_handed_off else None
        rejected_at = payout.status_at if payout.status is PayoutStatus.REJECTED else None
        made = Made(created.currency, created.business_date, created.amount, sent_at, rejected_at)
        self.made.append(made)
        self.sent.append(made)
        for regime, base in created.tax_bases.items():
            percent, tax = created.tax_percents[regime], created.withheld[regime]
            self.taxed.append(Taxed(created.currency, regime, created.business_date, base, percent, tax, rejected_at))


def _stands(each: Made | Taxed, at: datetime) -> bool:
    """Whether nobody had rejected it before a moment."""
    return each.rejected_at is None or each.rejected_at >= at


def sum_of(
    lines: Sequence[Line], currency: str, day: date, at: datetime, operator: Operator, past: Past
) -> PayoutSum | NothingPaid:
    """What the run of a business date, at a moment, pays of the lines that are due in a currency."""
    return replace(amount_of(due_of(lines, currency), day, at, operator, past), lines=lines)


@value
class Kept:
    """What is kept of lines that are due before anything is retained, and what is left then; minor units."""

    sum_: PayoutSum
    left: int


def kept_of(due: Due, day: date, at: datetime, operator: Operator, past: Past) -> Kept:
    """The reserve and the taxes of what is due."""
    currency, own = due.currency, due.currency == operator.currency
    profiles = operator.runs.withholding if own else ()
    reserve = max(0, percent_of(due.earned, operator.payout.reserve_percent))
    bases = {each.regime: due.gross if each.base is TaxBase.GROSS else due.share for each in profiles}
    so_far = {each.regime: past.taxed_before(each, currency, day, at) for each in profiles}
    withheld = {each.regime: each.tax(so_far[each.regime], bases[each.regime]) for each in profiles}
    percents = {each.regime: plain(each.percent) for each in profiles}
    kept = PayoutSum(currency, (), 0, reserve, 0, withheld, bases, percents)
    return Kept(kept, due.total - reserve - sum(withheld.values()))


def amount_of(due: Due, day: date, at: datetime, operator: Operator, past: Past) -> PayoutSum | NothingPaid:
    """As `sum_of`, by what the lines come to."""
    currency, own = due.currency, due.currency == operator.currency
    terms, kept = operator.runs if own else RunTerms(), kept_of(due, day, at, operator, past)
    amount = kept.left - terms.retain
    minimum = operator.payout.minimum_minor if own and not _is_old(due, day, terms) else 0
    if amount <= 0 or amount < minimum:
        reason = Carried.RETAINED if 0 < kept.left <= terms.retain else Carried.BELOW_MINIMUM
        return NothingPaid(currency, (), reason, kept.left)
    doubts = tuple(doubts_about(amount, currency, day, at, operator, past))
    return replace(kept.sum_, amount=amount, retained=terms.retain, doubts=doubts).held()


def _is_old(due: Due, day: date, terms: RunTerms) -> bool:
    """Whether a line is due for so long that it is paid below the minimum; what was retained is no such line."""
    if terms.max_carry_days is None or due.oldest is None:
        return False
    return due.oldest < day - terms.max_carry_days * ONE_DAY


def doubts_about(
    amount: int, currency: str, day: date, at: datetime, operator: Operator, past: Past
) -> Iterator[Doubt]:
    """Why somebody has to approve an amount, by the terms and by those before them that still count."""
    found = {
        doubt for terms in (operator, *operator.guards) for doubt in _doubts(amount, currency, day, at, terms, past)
    }
    return (doubt for doubt in Doubt if doubt in found)


def _doubts(amount: int, currency: str, day: date, at: datetime, operator: Operator, past: Past) -> Iterator[Doubt]:
    if operator.payout.requires_approval:
        yield Doubt.TERMS
    if currency != operator.currency:
        return
    limits, factor = operator.runs.limits, operator.runs.anomaly_factor
    if limits.payout is not None and amount > limits.payout:
        yield Doubt.PAYOUT_LIMIT
    if limits.day is not None and past.of_day(currency, day, at) + amount > limits.day:
        yield Doubt.DAY_LIMIT
    usual = past.usual(currency, at) if factor is not None else None
    if factor is not None and usual is not None and amount > factor * usual:
        yield Doubt.ANOMALY
