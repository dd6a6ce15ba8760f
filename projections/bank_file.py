"""The bank file of a run: an ISO 20022 customer credit transfer, pain.001.001.09, the same bytes every time.

A file is of one run, one account that pays and one currency. It has a block of payment information for each day of
execution and kind of transfer, which the bank books as one amount, and in it a transaction for each payout.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from pyiso20022.pain.pain_001_001_09 import pain_001_001_09 as pain
from xsdata.formats.dataclass.context import XmlContext
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.formats.dataclass.serializers.config import SerializerConfig
from xsdata.models.datatype import XmlDate, XmlDateTime

from domain.money import format_minor
from projections.bank_text import NAME_MAX, bank_text
from projections.errors import BankFileRefused

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"

# ISO 20022 external code list, clearing system identification: who routes by the code that a scheme's accounts have.
CLEARING_SYSTEMS = {
    "ACH": "USABA",
    "FEDWIRE": "USABA",
    "FEDNOW": "USABA",
    "RTP": "USABA",
    "NEFT": "INFSC",
    "RTGS": "INFSC",
    "IMPS": "INFSC",
    "BACS": "GBDSC",
    "FPS": "GBDSC",
    "CHAPS": "GBDSC",
    "EFT": "CACPA",
    "BECS": "AUBSB",
    "NPP": "AUBSB",
    "ZENGIN": "JPZGN",
    "FAST": "SGIBG",
    "GIRO": "SGIBG",
}

# Countries whose IBANs the SEPA credit transfer scheme reaches (EPC409-09), by their two letters.
_SEPA_LETTERS = (
    "AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS "
    "SE SI SK SM VA"
)
_SEPA_COUNTRIES = frozenset(_SEPA_LETTERS.split())

_ACCOUNT_MAX, _CODE_MAX = 34, 35


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """A bank account of the platform's: as an IBAN, as it is known to national clearing systems, or both."""

    iban: str = ""
    bic: str = ""
    account_number: str = ""
    routing_code: str = ""


@dataclass(frozen=True, slots=True)
class Platform:
    """Who pays, and from which account: one for each currency that has one of its own, and one for all others."""

    name: str
    account: OwnAccount
    accounts: Mapping[str, OwnAccount] = field(default_factory=dict)

    def account_for(self, currency: str) -> OwnAccount:
        """The account that pays in a currency."""
        return self.accounts.get(currency, self.account)


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a bank file has to say of a payout; `fired_at` is when it was handed off, `amount` is in minor units."""

    payout_id: str
    operator_id: str
    business_date: date
    currency: str
    amount: int
    fired_at: datetime
    holder_name: str
    country_code: str
    bank_account: Mapping[str, str]
    # None: made before there were calendars of bank days.
    execution_date: date | None = None

    @property
    def execute_on(self) -> date:
        """The day on which the bank is asked to pay."""
        return self.execution_date or self.fired_at.astimezone(UTC).date()

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise BankFileRefused(f"payout {self.payout_id} is of {self.amount}: a transfer is of more than zero")
        account = self.bank_account
        if "iban" in account:
            return
        limits = {"account_number": _ACCOUNT_MAX, "routing_code": _CODE_MAX, "scheme": _CODE_MAX}
        for name, limit in limits.items():
            if not 1 <= len(account.get(name, "")) <= limit:
                raise BankFileRefused(
                    f"the account that payout {self.payout_id} goes to has no {name} of 1 to {limit} characters, "
                    f"as ISO 20022 wants it: send operator.changed for {self.operator_id} with a right one"
                )


def bank_file(file_id: UUID, payouts: Sequence[Instruction], platform: Platform, made_at: datetime) -> bytes:
    """The bytes of the file: UTF-8 XML, valid against pain.001.001.09, its control sum the sum of the payouts.

    The payouts are of one currency and one form of account, in the order in which they are to stand.
    """
    serializer = XmlSerializer(context=_context(), config=SerializerConfig(indent="  "))
    document = _document(file_id.hex, payouts, platform, made_at)
    return f"{serializer.render(document, ns_map={None: NAMESPACE})}\n".encode()


@cache
def _context() -> XmlContext:
    """What the serializer has learned of the message's classes, kept, because looking at them takes longest."""
    return XmlContext()


def _document(
    message_id: str, payouts: Sequence[Instruction], platform: Platform, made_at: datetime
) -> pain.Document:
    header = pain.GroupHeader85(
        msg_id=message_id,
        cre_dt_tm=XmlDateTime.from_datetime(made_at.astimezone(UTC)),
        nb_of_txs=str(len(payouts)),
        ctrl_sum=_sum(payouts),
        initg_pty=pain.PartyIdentification135(nm=bank_text(platform.name, platform.account.iban[:2], NAME_MAX)),
    )
    blocks: dict[tuple[str, ...], list[Instruction]] = {}
    for payout in payouts:
        blocks.setdefault(_block_of(payout), []).append(payout)
    # The number makes the id of a block its own, in at most 35 characters (Max35Text).
    information = [
        _block(f"{message_id}-{number}", members, platform)
        for number, (_, members) in enumerate(sorted(blocks.items()), 1)
    ]
    return pain.Document(
        cstmr_cdt_trf_initn=pain.CustomerCreditTransferInitiationV09(grp_hdr=header, pmt_inf=information)
    )


def _block_of(payout: Instruction) -> tuple[str, ...]:
    """What all transactions of a block have in common, besides what those of the file do."""
    scheme = payout.bank_account.get("scheme", "")
    return payout.execute_on.isoformat(), "SEPA" if _is_sepa(payout) else "", scheme


def _block(block_id: str, payouts: Sequence[Instruction], platform: Platform) -> Any:
    first = payouts[0]
    return pain.PaymentInstruction30(
        pmt_inf_id=block_id,
        pmt_mtd=pain.PaymentMethod3Code.TRF,
        btch_bookg=True,
        nb_of_txs=str(len(payouts)),
        ctrl_sum=_sum(payouts),
        pmt_tp_inf=_payment_type(first),
        reqd_exctn_dt=pain.DateAndDateTime2Choice(dt=XmlDate.from_date(first.execute_on)),
        **_debtor(first, platform),
        chrg_br=_charge_bearer(first),
        cdt_trf_tx_inf=[_transaction(payout) for payout in payouts],
    )


def _sum(payouts: Sequence[Instruction]) -> Decimal:
    return Decimal(format_minor(sum(payout.amount for payout in payouts), payouts[0].currency))


def _transaction(payout: Instruction) -> Any:
    amount = Decimal(format_minor(payout.amount, payout.currency))
    transfer_id = payout.payout_id.replace("-", "")
    remittance = bank_text(f"Payout {payout.operator_id} {payout.business_date.isoformat()}")
    return pain.CreditTransferTransaction34(
        pmt_id=pain.PaymentIdentification6(instr_id=transfer_id, end_to_end_id=transfer_id),
        amt=pain.AmountType4Choice(
            instd_amt=pain.ActiveOrHistoricCurrencyAndAmount(value=amount, ccy=payout.currency)
        ),
        **_creditor(payout),
        rmt_inf=pain.RemittanceInformation16(ustrd=[remittance]),
    )


def _debtor(payout: Instruction, platform: Platform) -> dict[str, Any]:
    """The platform's side, in the form of the account that is paid: an IBAN pays an IBAN."""
    own = platform.account_for(payout.currency)
    name = pain.PartyIdentification135(nm=bank_text(platform.name, own.iban[:2], NAME_MAX))
    # An account that has one form only is named by that one: its own bank knows it.
    if own.iban and ("iban" in payout.bank_account or not own.account_number):
        account, agent = _iban_account(own.iban), _agent_by_bic(own.bic)
    else:
        # The code alone: whose it is, the platform's own bank knows, and no list of ours.
        account = _numbered_account(own.account_number)
        agent = _agent(clr_sys_mmb_id=pain.ClearingSystemMemberIdentification2(mmb_id=own.routing_code))
    account.ccy = payout.currency
    return {"dbtr": name, "dbtr_acct": account, "dbtr_agt": agent}


def _creditor(payout: Instruction) -> dict[str, Any]:
    account = payout.bank_account
    holder = account.get("holder") or payout.holder_name
    party = pain.PartyIdentification135(nm=bank_text(holder, account.get("iban", payout.country_code)[:2], NAME_MAX))
    if "iban" in account:
        agent = _agent_by_bic(account.get("bic"))
        return {"cdtr_agt": agent, "cdtr": party, "cdtr_acct": _iban_account(account["iban"])}
    member = pain.ClearingSystemMemberIdentification2(
        clr_sys_id=_clearing_system(account["scheme"]), mmb_id=account["routing_code"]
    )
    number = _numbered_account(account["account_number"])
    return {"cdtr_agt": _agent(clr_sys_mmb_id=member), "cdtr": party, "cdtr_acct": number}


def _clearing_system(scheme: str) -> Any:
    code = CLEARING_SYSTEMS.get(scheme.upper())
    if code is None:
        return pain.ClearingSystemIdentification2Choice(prtry=scheme)
    return pain.ClearingSystemIdentification2Choice(cd=code)


def _iban_account(iban: str) -> Any:
    return pain.CashAccount38(id=pain.AccountIdentification4Choice(iban=iban))


def _numbered_account(number: str) -> Any:
    return pain.CashAccount38(
        id=pain.AccountIdentification4Choice(othr=pain.GenericAccountIdentification1(id=number))
    )


def _agent_by_bic(bic: str | None) -> Any:
    """The bank by its BIC; since a bank finds it by the IBAN, it may be left out, which is written NOTPROVIDED."""
    if bic:
        return _agent(bicfi=bic)
    return _agent(othr=pain.GenericFinancialIdentification1(id="NOTPROVIDED"))


def _agent(**identification: Any) -> Any:
    return pain.BranchAndFinancialInstitutionIdentification6(
        fin_instn_id=pain.FinancialInstitutionIdentification18(**identification)
    )


def _is_sepa(payout: Instruction) -> bool:
    return payout.currency == "EUR" and payout.bank_account.get("iban", "")[:2] in _SEPA_COUNTRIES


def _payment_type(payout: Instruction) -> Any:
    if _is_sepa(payout):
        return pain.PaymentTypeInformation26(svc_lvl=[pain.ServiceLevel8Choice(cd="SEPA")])
    if "iban" in payout.bank_account:
        return None
    scheme = pain.LocalInstrument2Choice(prtry=payout.bank_account["scheme"])
    return pain.PaymentTypeInformation26(lcl_instrm=scheme)


def _charge_bearer(payout: Instruction) -> Any:
    """SEPA shares charges by its own rules; elsewhere they are the platform's (J37), and the operator gets it all."""
    return pain.ChargeBearerType1Code.SLEV if _is_sepa(payout) else pain.ChargeBearerType1Code.DEBT
