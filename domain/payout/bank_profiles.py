"""Profiles of bank files, as data: the form in which a bank takes orders, and to which accounts it can be used.

A payout has the profile of its operator's terms, else that of the platform's settings for the operator's country or
the currency; where that cannot reach its account, and where nothing is said, it goes by the one of every bank,
pain.001.001.09.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

# Countries whose IBANs the SEPA credit transfer scheme reaches (EPC409-09), by their two letters.
_SEPA_LETTERS = (
    "AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS "
    "SE SI SK SM VA"
)
SEPA_COUNTRIES = frozenset(_SEPA_LETTERS.split())
# The networks that clear US dollars by routing number, and those that clear rupees by IFSC.
_BY_ROUTING_NUMBER = frozenset({"ACH", "FEDWIRE", "FEDNOW", "RTP"})
_BY_IFSC = frozenset({"NEFT", "RTGS", "IMPS"})
# A DFI account number of the ACH has 17 characters.
_ACH_ACCOUNT_MAX = 17


class Form(StrEnum):
    """What a file is written in."""

    PAIN_001_09 = "pain.001.001.09"
    PAIN_001_03 = "pain.001.001.03"
    NACHA = "NACHA"
    CSV = "CSV"


class Reach(StrEnum):
    """Which accounts a profile can pay."""

    ANY = "ANY"
    SEPA = "SEPA"
    ACH = "ACH"
    NEFT = "NEFT"


SUFFIXES: Mapping[Form, str] = MappingProxyType(
    {Form.PAIN_001_09: "xml", Form.PAIN_001_03: "xml", Form.NACHA: "ach", Form.CSV: "csv"}
)


@dataclass(frozen=True, slots=True)
class BankProfile:
    """A form of file and what it says: `reference` is a structured creditor reference (ISO 11649) for each payout.

    `instant` asks for SCT Inst; `entry_class` is the standard entry class of the ACH; a `balanced` file of the ACH
    has the debit of the platform's account in it.
    """

    form: Form
    reach: Reach = Reach.ANY
    reference: bool = False
    instant: bool = False
    entry_class: str = ""
    balanced: bool = False

    @property
    def suffix(self) -> str:
        """How names of its files end, behind the point."""
        return SUFFIXES[self.form]

    def reaches(self, currency: str, account: Mapping[str, str]) -> bool:
        """Whether it can pay an account in a currency."""
        match self.reach:
            case Reach.ANY:
                return True
            case Reach.SEPA:
                return currency == "EUR" and account.get("iban", "")[:2] in SEPA_COUNTRIES
            case Reach.ACH:
                short = 0 < len(account.get("account_number", "")) <= _ACH_ACCOUNT_MAX
                return currency == "USD" and short and account.get("scheme", "").upper() in _BY_ROUTING_NUMBER
            case Reach.NEFT:
                return currency == "INR" and account.get("scheme", "").upper() in _BY_IFSC


# By name; "" is the one of every bank.
DEFAULT = ""
PROFILES: Mapping[str, BankProfile] = MappingProxyType(
    {
        DEFAULT: BankProfile(Form.PAIN_001_09),
        "PAIN_001_03": BankProfile(Form.PAIN_001_03),
        "SEPA": BankProfile(Form.PAIN_001_09, Reach.SEPA, reference=True),
        "SEPA_03": BankProfile(Form.PAIN_001_03, Reach.SEPA, reference=True),
        "SEPA_INST": BankProfile(Form.PAIN_001_09, Reach.SEPA, reference=True, instant=True),
        "NACHA_CCD": BankProfile(Form.NACHA, Reach.ACH, entry_class="CCD"),
        "NACHA_PPD": BankProfile(Form.NACHA, Reach.ACH, entry_class="PPD"),
        "NACHA_CCD_BALANCED": BankProfile(Form.NACHA, Reach.ACH, entry_class="CCD", balanced=True),
        "NACHA_PPD_BALANCED": BankProfile(Form.NACHA, Reach.ACH, entry_class="PPD", balanced=True),
        "NEFT_CSV": BankProfile(Form.CSV, Reach.NEFT),
    }
)
# What terms and settings call the one of every bank.
EVERY_BANK = "PAIN_001_09"


def profile_for(
    term: str | None, rules: Mapping[str, str], country: str, currency: str, account: Mapping[str, str]
) -> str:
    """The name of the profile that a payout goes by; `rules` are names by country (DE) and currency (EUR)."""
    name = term or rules.get(country) or rules.get(currency) or EVERY_BANK
    profile = PROFILES.get(name)
    return name if profile is not None and profile.reaches(currency, account) else DEFAULT


def form_key(profile: str, account: Mapping[str, str]) -> str:
    """What tells the files of one run and currency apart: the form of account, and the profile where it has one."""
    form = "IBAN" if "iban" in account else "NUMBER"
    return f"{form}:{profile}" if profile else form
