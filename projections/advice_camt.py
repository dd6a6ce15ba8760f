"""A remittance advice as the payee's software reads it: a credit notification, camt.054.001.08.

One entry for the credit, pending until the bank has booked it, and a second one that takes it back where it was
returned. Its details have the structured reference, and each step from gross to net as an adjustment.
"""

from decimal import Decimal
from functools import cache
from typing import Any

from pyiso20022.camt.camt_054_001_08 import camt_054_001_08 as camt
from xsdata.formats.dataclass.context import XmlContext
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.formats.dataclass.serializers.config import SerializerConfig
from xsdata.models.datatype import XmlDate, XmlDateTime

from contracts.bank.names import creditor_reference
from domain.money import format_minor
from domain.payout.events import PayoutStatus
from projections.bank_text import NAME_MAX, TEXT_MAX, bank_text
from projections.documents.payout_explained import LABELS
from projections.remittance import Remittance

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"
# ISO 20022 external bank transaction codes: a credit transfer that was received.
_RECEIVED = ("PMNT", "RCDT", "OTHR")
_CODE, _PROPRIETARY = 4, 35
_ENTRIES = {
    PayoutStatus.IN_TRANSIT: ("PDNG",),
    PayoutStatus.PAID: ("BOOK",),
    PayoutStatus.RETURNED: ("BOOK", "BACK"),
}


def advice_camt(found: Remittance, platform: str) -> bytes:
    """The bytes: the same payout in the same state gives the same. No entry of one that did not leave or failed."""
    payout, payee = found.payout, found.payee
    id_ = payout.payout_id.replace("-", "")
    made = XmlDateTime.from_datetime(payee.status_at)
    entries = [_entry(found, platform, kind) for kind in _ENTRIES.get(PayoutStatus(payout.status), ())]
    account = camt.AccountIdentification4Choice(othr=camt.GenericAccountIdentification1(id=payee.account[:34]))
    told = camt.AccountNotification17(
        id=id_,
        cre_dt_tm=made,
        acct=camt.CashAccount39(
            id=account,
            ccy=payout.currency,
            ownr=camt.PartyIdentification135(nm=bank_text(payee.holder, "", NAME_MAX)),
        ),
        ntry=entries,
        addtl_ntfctn_inf=f"{payout.status} {payee.content_hash}".strip(),
    )
    document = camt.Document(
        bk_to_cstmr_dbt_cdt_ntfctn=camt.BankToCustomerDebitCreditNotificationV08(
            grp_hdr=camt.GroupHeader81(msg_id=id_, cre_dt_tm=made), ntfctn=[told]
        )
    )
    serializer = XmlSerializer(context=_context(), config=SerializerConfig(indent="  "))
    return f"{serializer.render(document, ns_map={None: NAMESPACE})}\n".encode()


@cache
def _context() -> XmlContext:
    return XmlContext()


def _entry(found: Remittance, platform: str, kind: str) -> Any:
    back = kind == "BACK"
    side = camt.CreditDebitCode.DBIT if back else camt.CreditDebitCode.CRDT
    money = _money(found.payout.amount, found.payout.currency)
    day = found.payee.status_at.date() if back else found.payee.execution_date
    domain, family, sub_family = _RECEIVED
    code = camt.BankTransactionCodeStructure4(
        domn=camt.BankTransactionCodeStructure5(
            cd=domain, fmly=camt.BankTransactionCodeStructure6(cd=family, sub_fmly_cd=sub_family)
        )
    )
    return camt.ReportEntry10(
        amt=money,
        cdt_dbt_ind=side,
        rvsl_ind=True if back else None,
        sts=camt.EntryStatus1Choice(cd="BOOK" if back else kind),
        val_dt=camt.DateAndDateTime2Choice(dt=XmlDate.from_date(day)),
        bk_tx_cd=code,
        ntry_dtls=[camt.EntryDetails9(tx_dtls=[_details(found, platform, side, back=back)])],
    )


def _details(found: Remittance, platform: str, side: Any, *, back: bool) -> Any:
    payout = found.payout
    id_ = payout.payout_id.replace("-", "")
    payer = camt.Party40Choice(pty=camt.PartyIdentification135(nm=bank_text(platform, "", NAME_MAX)))
    return camt.EntryTransaction10(
        refs=camt.TransactionReferences6(instr_id=id_, end_to_end_id=id_),
        amt=_money(payout.amount, payout.currency),
        cdt_dbt_ind=side,
        rltd_pties=camt.TransactionParties6(dbtr=payer),
        rmt_inf=camt.RemittanceInformation16(strd=[_structured(found)]),
        rtr_inf=_return(found.payee.reason) if back else None,
    )


def _structured(found: Remittance) -> Any:
    payout = found.payout
    kind = camt.CreditorReferenceType2(
        cd_or_prtry=camt.CreditorReferenceType1Choice(cd=camt.DocumentType3Code.SCOR), issr="ISO"
    )
    steps = [
        camt.DocumentAdjustment1(
            amt=_money(abs(step.amount), payout.currency),
            cdt_dbt_ind=camt.CreditDebitCode.CRDT if step.amount >= 0 else camt.CreditDebitCode.DBIT,
            addtl_inf=bank_text(LABELS[step.code], "", TEXT_MAX),
        )
        for step in found.waterfall.steps
    ]
    return camt.StructuredRemittanceInformation16(
        rfrd_doc_amt=camt.RemittanceAmount2(
            adjstmnt_amt_and_rsn=steps, rmtd_amt=_money(payout.amount, payout.currency)
        ),
        cdtr_ref_inf=camt.CreditorReferenceInformation2(tp=kind, ref=creditor_reference(payout.payout_id)),
        addtl_rmt_inf=[bank_text(f"Payout {payout.operator_id} {payout.business_date.isoformat()}", "", TEXT_MAX)],
    )


def _return(reason: str | None) -> Any:
    """Why it came back: a code of ISO 20022, or what the bank said in its place."""
    told = bank_text(reason or "", "NARR", _PROPRIETARY)
    is_code = len(told) == _CODE and told.isalnum()
    choice = {"cd": told} if is_code else {"prtry": told}
    return camt.PaymentReturnReason5(rsn=camt.ReturnReason5Choice(**choice))


def _money(amount: int, currency: str) -> Any:
    return camt.ActiveOrHistoricCurrencyAndAmount(value=Decimal(format_minor(amount, currency)), ccy=currency)
