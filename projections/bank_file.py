"""The bank file of a run: an ISO 20022 customer credit transfer, pain.001, the same bytes every time.

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

from xsdata.formats.dataclass.context import XmlContext
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.formats.dataclass.serializers.config import SerializerConfig
from xsdata.models.datatype import XmlDateTime

from contracts.bank.names import creditor_reference
from domain.money import format_minor
from domain.payout.bank_profiles import DEFAULT, PROFILES, SEPA_COUNTRIES, BankProfile
from projections.bank_text import NAME_MAX, bank_text
from projections.errors import BankFileRefused
from projections.pain_versions import PainVersion, pain_version

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
    """Who pays, and from which account: one for each currency that has one of its own, and one for all others.

    `company_id` is by what the ACH knows it: ten characters, most often a digit and its tax number.
    """

    name: str
    account: OwnAccount
    accounts: Mapping[str, OwnAccount] = field(default_factory=dict)
    company_id: str = ""

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
    bank_profile: str = DEFAULT

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
    """The bytes of the file: UTF-8 XML, valid against its version of pain.001, its control sum that of the payouts.

    The payouts are of one currency, form of account and profile, in the order in which they are to stand.
    """
    serializer = XmlSerializer(context=_context(), config=SerializerConfig(indent="  "))
    profile = PROFILES[payouts[0].bank_profile]
    pain = pain_version(profile.form)
    document = _Writer(pain, profile, platform).document(file_id.hex, payouts, made_at)
    return f"{serializer.render(document, ns_map={None: pain.namespace})}\n".encode()


@cache
def _context() -> XmlContext:
    """What the serializer has learned of the message's classes, kept, because looking at them takes longest."""
    return XmlContext()


@dataclass(frozen=True, slots=True)
class _Writer:
    """Puts payouts into a message of one version, as a profile wants them."""

    pain: PainVersion
    profile: BankProfile
    platform: Platform

    def document(self, message_id: str, payouts: Sequence[Instruction], made_at: datetime) -> Any:
        """The whole message."""
        platform = self.platform
        header = self.pain.Header(
            msg_id=message_id,
            cre_dt_tm=XmlDateTime.from_datetime(made_at.astimezone(UTC)),
            nb_of_txs=str(len(payouts)),
            ctrl_sum=_sum(payouts),
            initg_pty=self.pain.Party(nm=bank_text(platform.name, platform.account.iban[:2], NAME_MAX)),
        )
        blocks: dict[tuple[str, ...], list[Instruction]] = {}
        for payout in payouts:
            blocks.setdefault(_block_of(payout), []).append(payout)
        # The number makes the id of a block its own, in at most 35 characters (Max35Text).
        information = [
            self._block(f"{message_id}-{number}", members)
            for number, (_, members) in enumerate(sorted(blocks.items()), 1)
        ]
        return self.pain.Document(cstmr_cdt_trf_initn=self.pain.Initiation(grp_hdr=header, pmt_inf=information))

    def _block(self, block_id: str, payouts: Sequence[Instruction]) -> Any:
        first = payouts[0]
        return self.pain.Payment(
            pmt_inf_id=block_id,
            pmt_mtd=self.pain.PaymentMethod3Code.TRF,
            btch_bookg=True,
            nb_of_txs=str(len(payouts)),
            ctrl_sum=_sum(payouts),
            pmt_tp_inf=self._payment_type(first),
            reqd_exctn_dt=self.pain.day(first.execute_on),
            **self._debtor(first),
            chrg_br=self._charge_bearer(first),
            cdt_trf_tx_inf=[self._transaction(payout) for payout in payouts],
        )

    def _transaction(self, payout: Instruction) -> Any:
        amount = Decimal(format_minor(payout.amount, payout.currency))
        transfer_id = payout.payout_id.replace("-", "")
        return self.pain.Transfer(
            pmt_id=self.pain.Ids(instr_id=transfer_id, end_to_end_id=transfer_id),
            amt=self.pain.Amount(
                instd_amt=self.pain.ActiveOrHistoricCurrencyAndAmount(value=amount, ccy=payout.currency)
            ),
            **self._creditor(payout),
            rmt_inf=self._remittance(payout),
        )

    def _remittance(self, payout: Instruction) -> Any:
        """What the payee reads: a structured reference and nothing else (the scheme takes one form), or a text."""
        if not self.profile.reference:
            text = bank_text(f"Payout {payout.operator_id} {payout.business_date.isoformat()}")
            return self.pain.Remittance(ustrd=[text])
        kind = self.pain.CreditorReferenceType2(
            cd_or_prtry=self.pain.CreditorReferenceType1Choice(cd=self.pain.DocumentType3Code.SCOR), issr="ISO"
        )
        reference = self.pain.CreditorReferenceInformation2(tp=kind, ref=creditor_reference(payout.payout_id))
        return self.pain.Remittance(strd=[self.pain.Structured(cdtr_ref_inf=reference)])

    def _debtor(self, payout: Instruction) -> dict[str, Any]:
        """The platform's side, in the form of the account that is paid: an IBAN pays an IBAN."""
        own = self.platform.account_for(payout.currency)
        name = self.pain.Party(nm=bank_text(self.platform.name, own.iban[:2], NAME_MAX))
        # An account that has one form only is named by that one: its own bank knows it.
        if own.iban and ("iban" in payout.bank_account or not own.account_number):
            account, agent = self._iban_account(own.iban), self._agent_by_bic(own.bic)
        else:
            # The code alone: whose it is, the platform's own bank knows, and no list of ours.
            account = self._numbered_account(own.account_number)
            agent = self._agent(clr_sys_mmb_id=self.pain.ClearingSystemMemberIdentification2(mmb_id=own.routing_code))
        account.ccy = payout.currency
        return {"dbtr": name, "dbtr_acct": account, "dbtr_agt": agent}

    def _creditor(self, payout: Instruction) -> dict[str, Any]:
        account = payout.bank_account
        holder = account.get("holder") or payout.holder_name
        party = self.pain.Party(nm=bank_text(holder, account.get("iban", payout.country_code)[:2], NAME_MAX))
        if "iban" in account:
            agent = self._agent_by_bic(account.get("bic"))
            return {"cdtr_agt": agent, "cdtr": party, "cdtr_acct": self._iban_account(account["iban"])}
        member = self.pain.ClearingSystemMemberIdentification2(
            clr_sys_id=self._clearing_system(account["scheme"]), mmb_id=account["routing_code"]
        )
        number = self._numbered_account(account["account_number"])
        return {"cdtr_agt": self._agent(clr_sys_mmb_id=member), "cdtr": party, "cdtr_acct": number}

    def _clearing_system(self, scheme: str) -> Any:
        code = CLEARING_SYSTEMS.get(scheme.upper())
        told = {"prtry": scheme} if code is None else {"cd": code}
        return self.pain.ClearingSystemIdentification2Choice(**told)

    def _iban_account(self, iban: str) -> Any:
        return self.pain.Account(id=self.pain.AccountIdentification4Choice(iban=iban))

    def _numbered_account(self, number: str) -> Any:
        other = self.pain.GenericAccountIdentification1(id=number)
        return self.pain.Account(id=self.pain.AccountIdentification4Choice(othr=other))

    def _agent_by_bic(self, bic: str | None) -> Any:
        """The bank by its BIC; a bank is found by the IBAN too, so that NOTPROVIDED may stand here."""
        told = self.pain.bic(bic) if bic else {}
        return self._agent(**(told or {"othr": self.pain.GenericFinancialIdentification1(id="NOTPROVIDED")}))

    def _agent(self, **identification: Any) -> Any:
        return self.pain.Agent(fin_instn_id=self.pain.Institution(**identification))

    def _payment_type(self, payout: Instruction) -> Any:
        """How the block is carried out; an instant transfer is asked for here, and not of each of its transfers."""
        if _is_sepa(payout):
            instant = self.pain.LocalInstrument2Choice(cd="INST") if self.profile.instant else None
            return self.pain.PaymentType(svc_lvl=self.pain.service_level("SEPA"), lcl_instrm=instant)
        if "iban" in payout.bank_account:
            return None
        scheme = self.pain.LocalInstrument2Choice(prtry=payout.bank_account["scheme"])
        return self.pain.PaymentType(lcl_instrm=scheme)

    def _charge_bearer(self, payout: Instruction) -> Any:
        """SEPA shares charges by its own rules; elsewhere the platform bears them (J37): the operator gets it all."""
        code = self.pain.ChargeBearerType1Code
        return code.SLEV if _is_sepa(payout) else code.DEBT


def _block_of(payout: Instruction) -> tuple[str, ...]:
    """What all transactions of a block have in common, besides what those of the file do."""
    scheme = payout.bank_account.get("scheme", "")
    return payout.execute_on.isoformat(), "SEPA" if _is_sepa(payout) else "", scheme


def _sum(payouts: Sequence[Instruction]) -> Decimal:
    return Decimal(format_minor(sum(payout.amount for payout in payouts), payouts[0].currency))


def _is_sepa(payout: Instruction) -> bool:
    return payout.currency == "EUR" and payout.bank_account.get("iban", "")[:2] in SEPA_COUNTRIES
