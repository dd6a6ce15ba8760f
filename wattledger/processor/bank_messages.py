"""What the bank writes: answers (pain.002.001.10), notifications (camt.054.001.08), statements (camt.053.001.08).

The classes are pyiso20022's, of the messages' schemas. The same reports give the same bytes.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import Any

from pyiso20022.camt.camt_053_001_08 import camt_053_001_08 as camt053
from pyiso20022.camt.camt_054_001_08 import camt_054_001_08 as camt054
from pyiso20022.pain.pain_002_001_10 import pain_002_001_10 as pain002
from xsdata.formats.dataclass.context import XmlContext
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.formats.dataclass.serializers.config import SerializerConfig
from xsdata.models.datatype import XmlDate, XmlDateTime

from wattledger.processor.answers import bank_reference
from wattledger.processor.bank import Report, Statement
from wattledger.processor.behaviour import Word

_STATUS = {Word.ACCEPTED: "ACSP", Word.FAILED: "RJCT"}
# ISO 20022 external bank transaction codes of issued credit transfers: SEPA, and one that came back.
_SENT, _CAME_BACK = ("PMNT", "ICDT", "ESCT"), ("PMNT", "ICDT", "RRTN")
# The length of a message's id (Max35Text).
_ID_MAX = 35


def status_report(id_: str, reports: Sequence[Report]) -> bytes:
    """A pain.002 about one file: what was accepted or rejected of it, or that it is there already (DU01)."""
    refused = next((each for each in reports if each.word is Word.REFUSED), None)
    group = pain002.OriginalGroupHeader17(
        orgnl_msg_id=reports[0].message_id,
        orgnl_msg_nm_id="pain.001",
        grp_sts="RJCT" if refused else None,
        sts_rsn_inf=[_status_reason(refused)] if refused else [],
    )
    told = sorted((each for each in reports if each.word is not Word.REFUSED), key=lambda each: each.block_id)
    document = pain002.Document(
        cstmr_pmt_sts_rpt=pain002.CustomerPaymentStatusReportV10(
            grp_hdr=pain002.GroupHeader86(msg_id=id_, cre_dt_tm=_time(reports[-1].at)),
            orgnl_grp_inf_and_sts=group,
            orgnl_pmt_inf_and_sts=[
                pain002.OriginalPaymentInstruction32(
                    orgnl_pmt_inf_id=block_id, tx_inf_and_sts=[_status(each) for each in members]
                )
                for block_id, members in groupby(told, key=lambda each: each.block_id)
            ],
        )
    )
    return _written(document, "pain.002.001.10")


def _status(report: Report) -> Any:
    return pain002.PaymentTransaction105(
        orgnl_instr_id=report.end_to_end_id,
        orgnl_end_to_end_id=report.end_to_end_id,
        tx_sts=_STATUS[report.word],
        sts_rsn_inf=[_status_reason(report)] if report.reason else [],
        acct_svcr_ref=bank_reference(report),
    )


def _status_reason(report: Report) -> Any:
    return pain002.StatusReasonInformation12(rsn=pain002.StatusReason6Choice(cd=report.reason))


def notification(id_: str, reports: Sequence[Report]) -> bytes:
    """A camt.054 of what was booked: an entry for each report, by account and currency."""
    by_account = sorted(reports, key=lambda each: (each.debtor, each.currency))
    document = camt054.Document(
        bk_to_cstmr_dbt_cdt_ntfctn=camt054.BankToCustomerDebitCreditNotificationV08(
            grp_hdr=camt054.GroupHeader81(msg_id=id_, cre_dt_tm=_time(reports[-1].at)),
            ntfctn=[
                camt054.AccountNotification17(
                    id=f"{id_}-{number}",
                    cre_dt_tm=_time(reports[-1].at),
                    acct=_account(camt054, debtor, currency),
                    ntry=[_entry(camt054, [each]) for each in members],
                )
                for number, ((debtor, currency), members) in enumerate(
                    groupby(by_account, key=lambda each: (each.debtor, each.currency)), 1
                )
            ],
        )
    )
    return _written(document, "camt.054.001.08")


def statement(id_: str, told: Statement) -> bytes:
    """A camt.053 of a day: the bookings of a block as one entry with its details, each that came back by itself."""
    booked = sorted(told.bookings, key=lambda each: (each.word, each.block_id, each.end_to_end_id))
    entries = []
    for (word, _), members in groupby(booked, key=lambda each: (each.word, each.block_id)):
        found = list(members)
        entries += [_entry(camt053, found)] if word is Word.PAID else [_entry(camt053, [each]) for each in found]
    document = camt053.Document(
        bk_to_cstmr_stmt=camt053.BankToCustomerStatementV08(
            grp_hdr=camt053.GroupHeader81(msg_id=id_, cre_dt_tm=_time(told.closed_at)),
            stmt=[
                camt053.AccountStatement9(
                    id=id_,
                    elctrnc_seq_nb=Decimal(told.number),
                    cre_dt_tm=_time(told.closed_at),
                    acct=_account(camt053, told.debtor, told.currency),
                    bal=[_balance("OPBD", told.opening, told), _balance("CLBD", told.closing, told)],
                    ntry=entries,
                )
            ],
        )
    )
    return _written(document, "camt.053.001.08")


def _balance(code: str, amount: Decimal, told: Statement) -> Any:
    side = camt053.CreditDebitCode.CRDT if amount >= 0 else camt053.CreditDebitCode.DBIT
    return camt053.CashBalance8(
        tp=camt053.BalanceType13(cd_or_prtry=camt053.BalanceType10Choice(cd=code)),
        amt=_money(camt053, abs(amount), told.currency),
        cdt_dbt_ind=side,
        dt=camt053.DateAndDateTime2Choice(dt=XmlDate.from_string(told.day)),
    )


def _entry(of: Any, reports: Sequence[Report]) -> Any:
    """One entry of bookings of one kind, block and currency; its sum is that of its details."""
    first = reports[0]
    side = of.CreditDebitCode.DBIT if first.word is Word.PAID else of.CreditDebitCode.CRDT
    day = of.DateAndDateTime2Choice(dt=XmlDate.from_date(first.at.date()))
    batch = of.BatchInformation2(
        msg_id=first.message_id[:_ID_MAX], pmt_inf_id=first.block_id or None, nb_of_txs=str(len(reports))
    )
    reference = bank_reference(first) if len(reports) == 1 else f"B{first.block_id}"[:_ID_MAX]
    return of.ReportEntry10(
        ntry_ref=reference,
        amt=_money(of, sum((each.amount for each in reports), Decimal(0)), first.currency),
        cdt_dbt_ind=side,
        sts=of.EntryStatus1Choice(cd="BOOK"),
        bookg_dt=day,
        val_dt=day,
        acct_svcr_ref=reference,
        bk_tx_cd=_code(of, first),
        ntry_dtls=[of.EntryDetails9(btch=batch, tx_dtls=[_details(of, each, side) for each in reports])],
    )


def _details(of: Any, report: Report, side: Any) -> Any:
    less = report.ordered - report.amount
    came_back = report.word is Word.RETURNED
    return of.EntryTransaction10(
        refs=of.TransactionReferences6(
            acct_svcr_ref=bank_reference(report),
            pmt_inf_id=report.block_id or None,
            instr_id=report.end_to_end_id,
            end_to_end_id=report.end_to_end_id,
        ),
        amt=_money(of, report.amount, report.currency),
        cdt_dbt_ind=side,
        amt_dtls=of.AmountAndCurrencyExchange3(
            instd_amt=of.AmountAndCurrencyExchangeDetails3(amt=_money(of, report.ordered, report.currency))
        ),
        bk_tx_cd=_code(of, report),
        chrgs=of.Charges6(ttl_chrgs_and_tax_amt=_money(of, less, report.currency)) if less else None,
        rtr_inf=of.PaymentReturnReason5(rsn=of.ReturnReason5Choice(cd=report.reason)) if came_back else None,
    )


def _code(of: Any, report: Report) -> Any:
    domain, family, sub_family = _SENT if report.word is Word.PAID else _CAME_BACK
    return of.BankTransactionCodeStructure4(
        domn=of.BankTransactionCodeStructure5(
            cd=domain, fmly=of.BankTransactionCodeStructure6(cd=family, sub_fmly_cd=sub_family)
        )
    )


def _account(of: Any, number: str, currency: str) -> Any:
    is_iban = number[:2].isalpha()
    choice = {"iban": number} if is_iban else {"othr": of.GenericAccountIdentification1(id=number)}
    return of.CashAccount39(id=of.AccountIdentification4Choice(**choice), ccy=currency)


def _money(of: Any, amount: Decimal, currency: str) -> Any:
    return of.ActiveOrHistoricCurrencyAndAmount(value=amount, ccy=currency)


def _time(at: datetime) -> XmlDateTime:
    return XmlDateTime.from_datetime(at)


@cache
def _context() -> XmlContext:
    return XmlContext()


def _written(document: Any, message: str) -> bytes:
    serializer = XmlSerializer(context=_context(), config=SerializerConfig(indent="  "))
    text = serializer.render(document, ns_map={None: f"urn:iso:std:iso:20022:tech:xsd:{message}"})
    return f"{text}\n".encode()


def files_of(reports: Sequence[Report]) -> Iterable[tuple[str, bytes]]:
    """Name and content of the files that tell reports, in the bank's order; told twice they stand in two files."""
    for telling in sorted({each.telling for each in reports}):
        told = [each for each in reports if each.telling == telling]
        statuses = [each for each in told if each.word in (Word.ACCEPTED, Word.FAILED, Word.REFUSED)]
        by_message = groupby(sorted(statuses, key=lambda each: (*_message(each), each.sequence)), _message)
        for _, members in by_message:
            some = list(members)
            id_ = f"S{some[0].sequence:012}"
            yield f"{id_}.pain.002.xml", status_report(id_, some)
        if booked := [each for each in told if each.word in (Word.PAID, Word.RETURNED)]:
            id_ = f"N{booked[0].sequence:012}"
            yield f"{id_}.camt.054.xml", notification(id_, booked)


def _message(report: Report) -> tuple[str, bool]:
    """What one pain.002 is about; that a file is there already stands in one of its own."""
    return report.message_id, report.word is Word.REFUSED
