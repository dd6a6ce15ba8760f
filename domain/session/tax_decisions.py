"""How each supply of a rated session is taxed, by which term and which evidence: what `tax_decisions.jsonl` says.

Nothing is decided here that the book does not follow: treatments are those of `domain.session.supplies`.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from domain.calendar import utc_text
from domain.catalogue.dealing import Treatment, VatIdentity
from domain.money import format_minor, plain
from domain.named_ids import named_id
from domain.session.assessment import Bill
from domain.session.contracting import Contract
from domain.session.session import session_stream
from domain.session.supplies import Supplies, established, supplies_of

PLATFORM = "PLATFORM"
_HOW = "form and check digits of its country (python-stdnum)"


def tax_decisions(session_id: str, contract: Contract, bill: Bill) -> list[dict[str, Any]]:
    """One document for each supply and rate; none where the operator's terms tell no taxes.

    `vat` is decimal text in the session's currency, `percent` the rate. The driver is named by a pseudonym.
    """
    supplies = supplies_of(contract)
    if supplies is None or supplies.operator.dealing.tax is None:
        return []
    return [*_Told(session_id, contract, bill, supplies).documents()]


class _Told:
    def __init__(self, session_id: str, contract: Contract, bill: Bill, supplies: Supplies) -> None:
        self._session_id, self._contract, self._bill, self._supplies = session_id, contract, bill, supplies
        tax = supplies.operator.dealing.tax
        assert tax is not None
        self._tax = tax

    def documents(self) -> Iterator[dict[str, Any]]:
        """First what is sold to whoever charges, then what the platform buys, or its commission."""
        yield from self._sale()
        yield from self._purchase() if self._supplies.is_principal else self._commission()

    def _sale(self) -> Iterator[dict[str, Any]]:
        supplies, partner, bill = self._supplies, self._supplies.partner, self._bill
        seller = PLATFORM if supplies.is_principal else supplies.operator.operator_id
        supply = "TO_DRIVER" if partner is None else "TO_EMSP"
        buyer = self._driver() if partner is None else partner.partner
        reverses = supplies.sale is Treatment.REVERSE_CHARGE and partner is not None
        place = established(partner) if reverses and partner is not None else supplies.country
        rule = "tariff" if partner is None or not supplies.is_principal else "tax of the partner"
        identity = partner.tax if partner is not None else None
        rates: Sequence[tuple[Fraction, int]] = supplies.rates_of(bill.rating, bill.net, bill.vat)
        for percent, vat in rates or ((Fraction(0), 0),):
            yield self._document(supply, (seller, buyer), place, supplies.sale, percent, vat, rule, identity)

    def _purchase(self) -> Iterator[dict[str, Any]]:
        supplies, terms = self._supplies, self._tax.purchase
        bought = self._bill.dealt.purchase if self._bill.dealt is not None else None
        percent = terms.percent if terms is not None and supplies.purchase is not Treatment.NONE else Fraction(0)
        yield self._document(
            "PURCHASE",
            (supplies.operator.operator_id, PLATFORM),
            supplies.seat,
            supplies.purchase,
            percent,
            bought.vat if bought is not None else 0,
            "tax.purchase",
            self._tax.identity,
        )

    def _commission(self) -> Iterator[dict[str, Any]]:
        supplies, operator, terms = self._supplies, self._supplies.operator, self._tax.commission
        is_taxed = supplies.commission is Treatment.DOMESTIC
        named = terms.jurisdiction if terms is not None else None
        place = named or self._tax.identity.country
        if supplies.commission is Treatment.REVERSE_CHARGE:
            place = self._tax.identity.country
        yield self._document(
            "COMMISSION",
            (PLATFORM, operator.operator_id),
            place,
            supplies.commission,
            operator.commission_vat_percent if is_taxed else Fraction(0),
            self._bill.commission_vat,
            "tax.commission" if terms is not None else "commission.vat_percent",
            self._tax.identity,
        )

    def _document(
        self,
        supply: str,
        parties: tuple[str, str],
        place: str,
        treatment: Treatment,
        percent: Fraction,
        vat: int,
        rule: str,
        identity: VatIdentity | None,
    ) -> dict[str, Any]:
        seller, buyer = parties
        return {
            "session_id": self._session_id,
            "supply": supply,
            "seller": seller,
            "buyer": buyer,
            "place": place,
            "treatment": treatment.value,
            "percent": plain(percent),
            "vat": format_minor(vat, self._supplies.operator.currency),
            "rule": rule,
            "evidence": self._evidence(identity),
        }

    def _evidence(self, identity: VatIdentity | None) -> dict[str, Any]:
        supplies, partner = self._supplies, self._supplies.partner
        countries = {"charger": supplies.country, "platform": supplies.seat, "operator": self._tax.identity.country}
        if partner is not None:
            countries["partner"] = established(partner)
        found: dict[str, Any] = {"countries": countries}
        if identity is not None:
            found["vat_id"] = {
                "id": identity.vat_id,
                "valid": identity.is_valid,
                "checked": _HOW,
                "at": utc_text(self._contract.start.at),
            }
        return found

    def _driver(self) -> str:
        """A name that tells nobody who the driver is: of the session alone."""
        return f"p:{named_id(session_stream(self._session_id), 'driver').hex}"
