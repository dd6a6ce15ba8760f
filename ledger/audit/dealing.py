"""In whose name sessions are sold and how that is taxed, read from published terms by the audit itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from importlib import import_module
from typing import Any

from ledger.audit.amounts import exact, half_up

DOMESTIC, REVERSE_CHARGE, NONE = "DOMESTIC", "REVERSE_CHARGE", "NONE"
# Members of the European Union whose VAT ids begin otherwise than their code in ISO 3166.
_WRITTEN = {"GR": "EL"}
_MEMBERS = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Where somebody is established for VAT, and whether an id was told that can be one of that country."""

    country: str
    is_proved: bool
    vat_id: str | None = None


@dataclass(frozen=True, slots=True)
class Bought:
    """What a purchase comes to: its net and VAT, where that is due, and whether the platform owes it itself."""

    net: int
    vat: int
    at: str
    is_reversed: bool

    @property
    def share(self) -> int:
        """What the operator is owed for it."""
        return self.net if self.is_reversed else self.net + self.vat


@dataclass(frozen=True, slots=True)
class Dealing:
    """The terms of one operator: `identity` is None where they tell nothing of taxes."""

    is_principal: bool = False
    identity: Identity | None = None
    purchase: tuple[str, Fraction, str] | None = None
    commission: tuple[str, str | None] | None = None
    operator_bears_dispute_fees: bool = False
    platform_bears_failures: bool = False

    @property
    def taxes_commission(self) -> bool:
        """Whether there is VAT on a commission: none on a margin, and none that is not the platform's to charge."""
        return not self.is_principal and self.commission_treatment == DOMESTIC

    @property
    def commission_treatment(self) -> str:
        """How a commission is treated, as far as the operator proves who it is."""
        return self._holds(self.commission[0]) if self.commission and self.identity else DOMESTIC

    def commission_at(self, percent: Fraction) -> str:
        """Where VAT on a commission is due, and at which rate; "" for a platform that sells itself."""
        if self.identity is None or self.is_principal:
            return ""
        jurisdiction = self.commission[1] if self.commission else None
        return place(jurisdiction or self.identity.country, percent)

    @property
    def seat(self) -> str:
        """The platform's own country."""
        if self.purchase is not None:
            return self.purchase[2]
        jurisdiction = self.commission[1] if self.commission else None
        return jurisdiction or (self.identity.country if self.identity else "")

    def reverses_sale(self, partner: Identity | None) -> bool:
        """Whether who buys from the platform owes the VAT: abroad, and proved."""
        if not self.is_principal or self.identity is None or partner is None:
            return False
        return partner.country != self.seat and partner.is_proved

    def bought(self, net: int) -> Bought:
        """What the platform owes for a charge whose net less its margin is this."""
        treatment = self._holds(self.purchase[0]) if self.purchase else NONE
        if self.purchase is None or treatment == NONE:
            return Bought(net, 0, "", is_reversed=False)
        _, percent, jurisdiction = self.purchase
        vat = half_up(Fraction(net) * percent / 100)
        return Bought(net, vat, place(jurisdiction, percent), treatment == REVERSE_CHARGE)

    def _holds(self, treatment: str) -> str:
        proved = self.identity is not None and self.identity.is_proved
        return DOMESTIC if treatment == REVERSE_CHARGE and not proved else treatment


PLAIN = Dealing()


def place(country: str, percent: Fraction) -> str:
    """A country and a rate as accounts of VAT name them: `DE-19`, `FR-5.5`."""
    whole, part = divmod(percent, 1)
    decimals = ""
    while part:
        digit, part = divmod(part * 10, 1)
        decimals += str(digit)
    return f"{country}-{whole}" + (f".{decimals}" if decimals else "")


def read_identity(tax: Mapping[str, Any] | None) -> Identity | None:
    """From `tax` of an operator or a partner; None where there is none."""
    if not tax:
        return None
    vat_id = tax.get("vat_id")
    return Identity(tax["country"], vat_id is not None and _is_of(tax["country"], vat_id), vat_id)


def read_dealing(data: Mapping[str, Any]) -> Dealing:
    """From the data of an operator's version."""
    tax = data.get("tax") or {}
    purchase, commission = tax.get("purchase"), tax.get("commission")
    found = Dealing(
        is_principal=data.get("model") == "PRINCIPAL",
        identity=read_identity(tax),
        purchase=(purchase["treatment"], exact(purchase["percent"]), purchase["jurisdiction"]) if purchase else None,
        commission=(commission["treatment"], commission.get("jurisdiction")) if commission else None,
        operator_bears_dispute_fees=data.get("dispute_fee_bearer") == "OPERATOR",
        platform_bears_failures=data.get("payment_failure_bearer") == "PLATFORM",
    )
    return PLAIN if found == PLAIN else found


@lru_cache(maxsize=512)
def two_letters(country: str | None) -> str:
    """The two letters of a country that OCPI writes in three; "" for what is none."""
    if not country:
        return ""
    import pycountry

    found = pycountry.countries.get(alpha_3=str(country).upper())
    return found.alpha_2 if found is not None else ""


@lru_cache(maxsize=4096)
def _is_of(country: str, vat_id: str) -> bool:
    """Whether the form and the check digits of an id are those of its country; with its prefix within the Union."""
    if country in _MEMBERS and not vat_id.upper().startswith(_WRITTEN.get(country, country)):
        return False
    rules = import_module("stdnum").get_cc_module(country.lower(), "vat")
    return rules is not None and bool(rules.is_valid(vat_id))
