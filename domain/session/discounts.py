"""Discounts of a session: which of those that it names count, what they take off, and why others do not.

One that the operator bears lowers the price itself, and commission with it. One that the platform or another operator
funds leaves the price as it is: the driver owes less, and the funder the rest (J01d). All that count have one
funder: that of the first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from domain.book.findings import Finding, FindingKind
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.discounts import BY_OPERATOR, BY_PLATFORM, Discount
from domain.catalogue.parties import Operator, Partner
from domain.money import format_minor, to_minor_half_up
from domain.rating.rating import Price, Rating
from domain.session.facts import Started
from domain.values import value


class Without(NamedTuple):
    """A discount that a session names and that counts for nothing, and why."""

    discount_id: str
    why: str


@value
class Discounts:
    """What of the discounts that a session names counts, in the order named, and what does not."""

    counting: tuple[Discount, ...] = ()
    without: tuple[Without, ...] = ()

    @property
    def funder(self) -> str:
        """Who bears them: OPERATOR, PLATFORM or another operator's id; "" where none counts."""
        return self.counting[0].funder if self.counting else ""


class Taken(NamedTuple):
    """What one discount takes off a price, and how much of it there was no price for; minor units."""

    discount_id: str
    amount: int
    above: int


@value
class Discounted:
    """A rating after its discounts: what each took, and who bears that."""

    rating: Rating
    taken: tuple[Taken, ...]
    funder: str

    @property
    def funded(self) -> int:
        """What somebody else owes of gross, in minor units: nothing of a price that the operator lowered."""
        return 0 if self.funder == BY_OPERATOR else sum(each.amount for each in self.taken)


NONE = Discounts()


def discounts_for(start: Started, operator: Operator, partner: Partner | None, catalogue: Catalogue) -> Discounts:
    """Those that a session names, as in effect at its start."""
    if not start.discount_ids:
        return NONE
    counting: list[Discount] = []
    without: list[Without] = []
    for discount_id in dict.fromkeys(start.discount_ids):
        found = _in_effect(discount_id, start, catalogue)
        why = found if isinstance(found, str) else _why_not(found, operator, partner, catalogue, counting)
        if why:
            without.append(Without(discount_id, why))
        elif not isinstance(found, str):
            counting.append(found)
    return Discounts(tuple(counting), tuple(without))


def _in_effect(discount_id: str, start: Started, catalogue: Catalogue) -> Discount | str:
    versions = catalogue.discounts.get((start.operator_id, discount_id))
    if not versions:
        return f"operator {start.operator_id} has published no discount of that id"
    found = versions.at(start.at)
    if found is None or (found.ends is not None and start.at >= found.ends):
        return "it was not in effect when the session started"
    if found.locations and start.location_id.casefold() not in found.locations:
        return f"it is not for location {start.location_id}"
    return found


def _why_not(
    found: Discount, operator: Operator, partner: Partner | None, catalogue: Catalogue, before: Sequence[Discount]
) -> str:
    if partner is not None:
        return f"partner {partner.partner} pays for the session, and not its driver"
    if found.currency is not None and found.currency != operator.currency:
        return f"it is in {found.currency}, and the session in {operator.currency}"
    if before and before[0].funder != found.funder:
        return f"{found.funder} bears it, and {before[0].funder} bears {before[0].discount_id} of the same session"
    if found.funder != BY_OPERATOR and operator.dealing.is_principal:
        return "the platform sells the session in its own name, and only its operator's discounts lower the price"
    if found.funder in (BY_OPERATOR, BY_PLATFORM):
        return ""
    funder = catalogue.operators.get(found.funder)
    if not funder:
        return f"operator {found.funder}, who funds it, is not known"
    currencies = {version.value.currency for _, version in funder.timeline}
    return "" if currencies == {operator.currency} else f"operator {found.funder} is not paid in {operator.currency}"


def discounted(rating: Rating, discounts: Discounts, currency: str) -> Discounted:
    """A rating after its discounts, each on what those before it left; a price never falls below zero.

    A price that the operator lowers is net and gross times (G - d) / G, exactly, and rounded once like any other.
    """
    gross = to_minor_half_up(rating.total.incl_vat, currency)
    left, taken = gross, []
    for each in discounts.counting:
        off = each.off(left, rating.energy_wh, currency)
        amount = min(off, left)
        left -= amount
        taken.append(Taken(each.discount_id, amount, off - amount))
    if discounts.funder == BY_OPERATOR and left != gross:
        rating = _lowered(rating, Fraction(left, gross))
    return Discounted(rating, tuple(taken), discounts.funder)


def _lowered(rating: Rating, part: Fraction) -> Rating:
    total = Price(rating.total.excl_vat * part, rating.total.incl_vat * part)
    return replace(rating, total=total, before_discount=rating.total)


def discount_findings(
    session_id: str, start: Started, discounts: Discounts, taken: Iterable[Taken], currency: str
) -> list[Finding]:
    """The discounts that count for nothing, and what was more than the price."""
    found = [
        _finding(FindingKind.DISCOUNT_WITHOUT_EFFECT, session_id, start, each.discount_id, each.why)
        for each in discounts.without
    ]
    for one in taken:
        if one.above:
            why = f"it is {format_minor(one.above, currency)} {currency} more than was left of the price"
            kind = FindingKind.DISCOUNT_ABOVE_PRICE
            found.append(_finding(kind, session_id, start, one.discount_id, why, currency, one.above))
    return found


def _finding(
    kind: FindingKind,
    session_id: str,
    start: Started,
    discount_id: str,
    why: str,
    currency: str | None = None,
    amount: int | None = None,
) -> Finding:
    effect = "counts for nothing" if kind is FindingKind.DISCOUNT_WITHOUT_EFFECT else "takes off all of the price"
    sentence = f"discount {discount_id} of session {session_id} {effect}: {why}"
    key = f"discount:{discount_id}:{kind}"
    return Finding(kind, key, session_id, start.operator_id, start.at, sentence, currency, amount)


def remark(discounted: Discounted, currency: str) -> str:
    """What a CDR says of its discounts."""
    by = "the operator" if discounted.funder == BY_OPERATOR else discounted.funder
    said = [
        f"discount {each.discount_id} {format_minor(each.amount, currency)} {currency} borne by {by}"
        for each in discounted.taken
    ]
    return "; ".join(said)
