"""The versions of pain.001 that bank files are written in: what their types are called, and how they differ."""

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import import_module
from typing import Any

from xsdata.models.datatype import XmlDate

from domain.payout.bank_profiles import Form

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
# What each version calls the types that a file is made of; those it shares with the others are not here.
_TYPES = {
    Form.PAIN_001_09: {
        "Initiation": "CustomerCreditTransferInitiationV09",
        "Header": "GroupHeader85",
        "Party": "PartyIdentification135",
        "Payment": "PaymentInstruction30",
        "PaymentType": "PaymentTypeInformation26",
        "Transfer": "CreditTransferTransaction34",
        "Ids": "PaymentIdentification6",
        "Amount": "AmountType4Choice",
        "Account": "CashAccount38",
        "Agent": "BranchAndFinancialInstitutionIdentification6",
        "Institution": "FinancialInstitutionIdentification18",
        "Remittance": "RemittanceInformation16",
        "Structured": "StructuredRemittanceInformation16",
    },
    Form.PAIN_001_03: {
        "Initiation": "CustomerCreditTransferInitiationV03",
        "Header": "GroupHeader32",
        "Party": "PartyIdentification32",
        "Payment": "PaymentInstructionInformation3",
        "PaymentType": "PaymentTypeInformation19",
        "Transfer": "CreditTransferTransactionInformation10",
        "Ids": "PaymentIdentification1",
        "Amount": "AmountType3Choice",
        "Account": "CashAccount16",
        "Agent": "BranchAndFinancialInstitutionIdentification4",
        "Institution": "FinancialInstitutionIdentification7",
        "Remittance": "RemittanceInformation5",
        "Structured": "StructuredRemittanceInformation7",
    },
}
# A BIC as version 3 takes it (BICIdentifier); later versions take digits in the bank's own letters too.
_BIC_03 = re.compile(r"[A-Z]{6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3})?")


@dataclass(frozen=True, slots=True)
class PainVersion:
    """One version: `namespace` of its documents, and its types by the names that they have here."""

    form: Form
    namespace: str
    _module: Any

    def __getattr__(self, name: str) -> Any:
        """A type of the message, by the name it has in all versions or its own."""
        return getattr(self._module, _TYPES[self.form].get(name, name))

    def day(self, day: date) -> Any:
        """A day of execution."""
        told = XmlDate.from_date(day)
        return told if self.form is Form.PAIN_001_03 else self.DateAndDateTime2Choice(dt=told)

    def bic(self, bic: str) -> dict[str, str]:
        """A bank by its BIC; nothing where the version does not take it."""
        if self.form is Form.PAIN_001_03:
            return {"bic": bic} if _BIC_03.fullmatch(bic) else {}
        return {"bicfi": bic}

    def service_level(self, code: str) -> Any:
        """The scheme that carries a transfer out."""
        level = self.ServiceLevel8Choice(cd=code)
        return level if self.form is Form.PAIN_001_03 else [level]


@cache
def pain_version(form: Form) -> PainVersion:
    """A version, its types loaded when they are first needed."""
    name = form.value.replace(".", "_")
    return PainVersion(form, f"{_NAMESPACE}{form.value}", import_module(f"pyiso20022.pain.{name}.{name}"))
