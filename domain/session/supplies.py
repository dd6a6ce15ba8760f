"""What a session consists of for VAT: who sells to whom, what is due where, and what the platform buys it for.

Asked only of sessions whose operator's terms tell it (`domain.catalogue.dealing`). The model is that of the terms in
effect when the session started, as it is known now; amounts are minor units.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from math import lcm

from domain.catalogue.dealing import AS_AGENT, TaxTerms, Treatment, VatIdentity, vat_at
from domain.catalogue.parties import Operator, Partner
from domain.cdr.countries import alpha_2
from domain.money import largest_remainder, percent_of, round_half_up
from domain.rating.rating import Line, Price, Rating
from domain.session.contracting import Contract
from domain.values import value


@value
class Purchase:
    """What the platform buys the charge for: `net` and the VAT on it, due at `at`; J06, or J06r by reverse charge.

    By reverse charge the platform owes the VAT itself and the operator has the net alone.
    """

    net: int
    vat: int
    at: str
    is_reversed: bool

    @property
    def share(self) -> int:
        """What the operator is owed."""
        return self.net if self.is_reversed else self.net + self.vat


@value
class Dealt:
    """The taxes of one bill: where the VAT of its commission is due, and of a sale of the platform's what it is.

    `vat_at` and `vat` go together: the VAT of the sale by where and at which rate it is due. `purchase` is None where
    the operator sells itself.
    """

    commission_at: str
    vat_at: tuple[str, ...] = ()
    vat: tuple[int, ...] = ()
    purchase: Purchase | None = None


@value
class Supplies:
    """How each supply of a session is treated, by the terms of its operator and the identities of who takes part.

    `country` is where its charger is, `seat` where the platform is established, "" for both without terms of taxes.
    """

    operator: Operator
    partner: Partner | None
    country: str
    seat: str
    sale: Treatment
    purchase: Treatment
    commission: Treatment

    @property
    def is_principal(self) -> bool:
        """Whether the platform sells in its own name."""
        return self.operator.dealing.is_principal

    def taxed(self, rating: Rating) -> Rating:
        """The rating as the buyer is charged: without VAT where the buyer owes it."""
        return _without_vat(rating) if self.sale is Treatment.REVERSE_CHARGE else rating

    def commission_vat(self, commission: int) -> int:
        """The VAT of a commission: none of a margin, and none that the operator owes or nobody does."""
        if self.is_principal or self.commission is not Treatment.DOMESTIC:
            return 0
        return percent_of(commission, self.operator.commission_vat_percent)

    def dealt(self, rating: Rating, net: int, gross: int, commission: int) -> Dealt:
        """The taxes of a bill of that rating, as it is `taxed`."""
        if not self.is_principal:
            return Dealt(self._commission_at())
        if self.operator.dealing.tax is None:
            return Dealt("", ("",), (gross - net,), self._bought(net - commission))
        rates = tuple(_vat_by_rate(rating, net, gross - net))
        places = tuple([self._at(self.country, percent) for percent, _ in rates])
        return Dealt("", places, tuple([vat for _, vat in rates]), self._bought(net - commission))

    def dealt_like(self, like: Dealt | None, net: int, gross: int, commission: int) -> Dealt:
        """The taxes of a bill of which only amounts are known: at the places and rates of another of the session."""
        if not self.is_principal:
            return Dealt(self._commission_at())
        vat = gross - net
        if like is not None and sum(like.vat) > 0:
            places, shares = like.vat_at, largest_remainder(vat, like.vat)
        else:
            places, shares = (self._at(self.country, _rate_of(vat, net)),), (vat,)
        return Dealt("", places, shares, self._bought(net - commission))

    def _bought(self, net: int) -> Purchase:
        terms = self.operator.dealing.tax.purchase if self.operator.dealing.tax else None
        if terms is None or self.purchase is Treatment.NONE:
            return Purchase(net, 0, "", is_reversed=False)
        at = self._at(terms.jurisdiction, terms.percent)
        return Purchase(
            net, percent_of(net, terms.percent), at, is_reversed=self.purchase is Treatment.REVERSE_CHARGE
        )

    def _commission_at(self) -> str:
        tax = self.operator.dealing.tax
        if tax is None:
            return ""
        named = tax.commission.jurisdiction if tax.commission else None
        return self._at(named or tax.identity.country, self.operator.commission_vat_percent)

    def _at(self, country: str, percent: Fraction) -> str:
        return vat_at(country, percent) if self.operator.dealing.tax is not None else ""


def supplies_of(contract: Contract) -> Supplies | None:
    """The supplies of a session by what rules it; None where its operator's terms tell nothing of them."""
    operator, partner = contract.operator, contract.partner
    dealing = operator.dealing
    if dealing is AS_AGENT:
        return None
    tax = dealing.tax
    if tax is None:
        none = Treatment.NONE if dealing.is_principal else Treatment.DOMESTIC
        return Supplies(operator, partner, "", "", Treatment.DOMESTIC, none, none)
    seat = _seat(tax)
    return Supplies(
        operator,
        partner,
        _country_of(contract, tax),
        seat,
        sale=_of_sale(partner, seat) if dealing.is_principal else Treatment.DOMESTIC,
        purchase=proved(tax.purchase.treatment if tax.purchase else Treatment.NONE, tax.identity),
        commission=proved(tax.commission.treatment if tax.commission else Treatment.DOMESTIC, tax.identity),
    )


def proved(treatment: Treatment, other: VatIdentity) -> Treatment:
    """A treatment as it holds: nobody is left to owe the VAT whose id does not prove who that is."""
    if treatment is Treatment.REVERSE_CHARGE and not other.is_valid:
        return Treatment.DOMESTIC
    return treatment


def established(partner: Partner) -> str:
    """The country of a roaming partner: where it is established for VAT, else that of its party."""
    return partner.tax.country if partner.tax else partner.partner[:2]


def _seat(tax: TaxTerms) -> str:
    """The platform's country: where it buys, else where it charges its commission, else the operator's."""
    if tax.purchase is not None:
        return tax.purchase.jurisdiction
    return (tax.commission.jurisdiction if tax.commission else None) or tax.identity.country


def _country_of(contract: Contract, tax: TaxTerms) -> str:
    """Where the charger is: the country of its location (three letters in OCPI), else of the operator."""
    named = contract.location.document.get("country") if contract.location else None
    return (alpha_2(str(named)) if named else None) or tax.identity.country


def _of_sale(partner: Partner | None, seat: str) -> Treatment:
    """A partner abroad that proves its id owes the VAT itself; a driver, and whoever does not, is charged it."""
    if partner is None or partner.tax is None or partner.tax.country == seat:
        return Treatment.DOMESTIC
    return proved(Treatment.REVERSE_CHARGE, partner.tax)


def _without_vat(rating: Rating) -> Rating:
    parts = ("total", "fixed", "energy", "time", "parking", "reservation", "subtotal")
    costs = {name: _net_alone(getattr(rating, name)) for name in parts}
    lines = tuple([line._replace(vat=None, taxes=()) for line in rating.lines])
    return replace(rating, lines=lines, **costs)  # type: ignore[arg-type]  # total and subtotal are never None


def _net_alone(cost: Price | None) -> Price | None:
    return Price(cost.excl_vat, cost.excl_vat) if cost is not None else None


def _vat_by_rate(rating: Rating, net: int, vat: int) -> Iterator[tuple[Fraction, int]]:
    """The VAT of a bill by its rates in percent, from the lowest: largest remainders of what is exactly due."""
    exact: dict[Fraction, Fraction] = {}
    for line in rating.lines:
        if line.vat:
            exact[line.vat] = exact.get(line.vat, Fraction(0)) + _vat_of(line)
    if not vat:
        return
    rates = sorted(exact)
    shares = (vat,) if len(rates) == 1 else _in_proportion(vat, [exact[rate] for rate in rates])
    if shares is None:
        yield _rate_of(vat, net), vat
        return
    yield from zip(rates, shares, strict=True)


def _vat_of(line: Line) -> Fraction:
    amount = line.amount
    return amount.incl_vat - amount.excl_vat


def _in_proportion(total: int, exact: Sequence[Fraction]) -> tuple[int, ...] | None:
    """None where there is nothing to go by, as where a minimum price alone has VAT."""
    if not exact or sum(exact) <= 0 or any(each < 0 for each in exact):
        return None
    common = lcm(*[each.denominator for each in exact])
    return largest_remainder(total, [each.numerator * (common // each.denominator) for each in exact])


def _rate_of(vat: int, net: int) -> Fraction:
    """The rate that amounts show, to the hundredth of a percent, where no price names one."""
    return Fraction(round_half_up(Fraction(vat * 10_000, net)), 100) if net else Fraction(0)
