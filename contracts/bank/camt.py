"""Statements, reports and notifications of an account (camt.053, camt.052, camt.054), of any version, piece by piece.

Versions differ in little of what is read: `Sts` is a code or holds one (from 07 on), parties stand in `Pty` (08), a
bank is known by `BIC` or `BICFI`. Read tolerantly: banks leave out what the schema asks for, and write more decimals.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

from contracts.bank.parties import counterparty
from contracts.bank.values import (
    Balance,
    Charge,
    Detail,
    Entry,
    Frame,
    FrameEnd,
    LineRefused,
    Refused,
)
from contracts.bank.xml import Element, Node, children, find, forget, steps, text
from contracts.currencies import EXPONENT_OF

FRAMES = ("Stmt", "Rpt", "Ntfctn")
# Decimals of XML Schema, none below zero: a sign and a point without digits on one side of it are allowed.
_AMOUNT = re.compile(r"\+?([0-9]{1,14}(\.[0-9]{0,9})?|\.[0-9]{1,9})")
_NAMES = ("EndToEndId", "InstrId", "TxId")
_NOTHING = frozenset({"NOTPROVIDED", "NOTAVAILABLE", "NONREF", "NOREF", "-"})

Piece: TypeAlias = Frame | Entry | Refused | FrameEnd


def pieces(path: Path) -> Iterator[Piece]:
    """The frames of a file in their order, each followed by its entries and its end.

    Raises BankFileRefused where the file stops being XML.
    """
    reader = _Reader()
    for event, name, element in steps(path, (*FRAMES, "Ntry", "TxDtls")):
        if event == "start":
            reader.begin(name)
        elif name == "TxDtls":
            reader.take_detail(Node(element))
            forget(element)
        elif name == "Ntry":
            yield from reader.entry(element)
            forget(element)
        else:
            yield from reader.end(element)
            forget(element)


@dataclass(slots=True)
class _Reader:
    """Where in a file the reading is: its frame and entry by number, and what was read of the entry's details."""

    where: str = ""
    frames: int = 0
    entries: int = 0
    is_told: bool = False
    details: list[Detail] = field(default_factory=list)
    orders: dict[str, None] = field(default_factory=dict)
    fault: str = ""

    def begin(self, name: str) -> None:
        if name in FRAMES:
            self.frames, self.entries, self.is_told = self.frames + 1, 0, False
            self.where = f"{name}[{self.frames}]"
        elif name == "Ntry":
            self.details, self.orders, self.fault = [], {}, ""

    def take_detail(self, node: Node) -> None:
        try:
            self.details.append(_detail(node))
            self.orders |= dict.fromkeys((text(node, "Refs/PmtInfId"), text(node, "Refs/MsgId")))
        except LineRefused as refused:
            self.fault = self.fault or f"TxDtls[{len(self.details) + 1}]/{refused}"

    def entry(self, element: Element) -> Iterator[Piece]:
        """An entry, and before the first one its frame."""
        self.entries += 1
        parent = element.getparent()
        if not self.is_told and parent is not None:
            self.is_told = True
            yield _frame(Node(parent, without="Ntry"), self.where)
        line = f"line {element.sourceline}, {self.where}/Ntry[{self.entries}]"
        yield _entry(Node(element), line, self.details, self.orders, self.fault)

    def end(self, element: Element) -> Iterator[Piece]:
        """The end of a frame; of one without entries its beginning too."""
        frame = _frame(Node(element, without="Ntry"), self.where)
        if not self.is_told:
            yield frame
        yield FrameEnd(frame)


def _frame(element: Node, where: str) -> Frame:
    account = text(element, "Acct/Id/IBAN", "Acct/Id/Othr/Id")
    number = text(element, "LglSeqNb", "ElctrncSeqNb")
    page = next(
        (found for name in ("StmtPgntn", "RptPgntn", "NtfctnPgntn") if (found := find(element, name)) is not None),
        None,
    )
    is_page = page is not None and (text(page, "PgNb") not in ("", "1", "01") or text(page, "LastPgInd") == "false")
    balances = tuple(balance for each in children(element, "Bal") if (balance := _balance(each)) is not None)
    return Frame(
        where=where,
        account="".join(account.split()).upper() if find(element, "Acct/Id/IBAN") is not None else account,
        statement_id=text(element, "Id"),
        created_at=text(element, "CreDtTm"),
        number=int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None,
        is_page=is_page,
        balances=balances,
    )


def _balance(element: Node) -> Balance | None:
    """A balance, or None for one that cannot be read: it is compared, and nothing is booked by it."""
    try:
        amount, currency = _money(find(element, "Amt"), "Bal/Amt")
    except LineRefused:
        return None
    sign = -1 if text(element, "CdtDbtInd") == "DBIT" else 1
    return Balance(text(element, "Tp/CdOrPrtry/Cd", "Tp/CdOrPrtry/Prtry"), sign * amount, currency)


def _entry(element: Node, line: str, details: list[Detail], orders: Iterable[str], fault: str) -> Entry | Refused:
    try:
        if fault:
            raise LineRefused(fault)
        amount, currency = _money(find(element, "Amt"), "Amt")
        indicator = text(element, "CdtDbtInd")
        if indicator not in ("CRDT", "DBIT"):
            raise LineRefused(f"CdtDbtInd is {indicator!r} and neither CRDT nor DBIT")
        status = text(element, "Sts/Cd", "Sts/Prtry", "Sts") or "BOOK"
        value_on = _date(element, "ValDt")
        booked_on = _date(element, "BookgDt") or value_on
        if not booked_on:
            raise LineRefused("BookgDt is missing, and so is ValDt")
    except LineRefused as refused:
        return Refused(line, str(refused))
    return Entry(
        where=line,
        status=status,
        amount=amount,
        currency=currency,
        is_credit=indicator == "CRDT",
        is_reversal=text(element, "RvslInd") in ("true", "1"),
        booked_on=booked_on,
        value_on=value_on,
        bank_reference=said(text(element, "AcctSvcrRef")),
        code=_code(find(element, "BkTxCd")),
        text=text(element, "AddtlNtryInf"),
        charges=_charges(element),
        details=tuple(details),
        orders=_orders(element, orders),
    )


def _orders(element: Node, named: Iterable[str]) -> tuple[str, ...]:
    """What the entry books as one amount: ids of blocks of orders and of files, those of the batch and of details."""
    found = list(named)
    for each in children(element, "NtryDtls"):
        found += [text(each, "Btch/PmtInfId"), text(each, "Btch/MsgId")]
    return tuple(dict.fromkeys(said(each) for each in found if said(each)))


def _detail(element: Node) -> Detail:
    amount, currency = None, ""
    for at in ("AmtDtls/TxAmt/Amt", "Amt"):
        if find(element, at) is not None:
            amount, currency = _money(find(element, at), at)
            break
    refs, indicator = find(element, "Refs"), text(element, "CdtDbtInd")
    returned = find(element, "RtrInf")
    return Detail(
        amount=amount,
        currency=currency,
        is_credit={"CRDT": True, "DBIT": False}.get(indicator),
        bank_reference=said(text(refs, "AcctSvcrRef")),
        end_to_end_id=said(text(refs, "EndToEndId")),
        names=tuple(name for each in _NAMES if (name := said(text(refs, each)))),
        texts=_texts(element),
        counterparty=counterparty(find(element, "RltdPties")),
        return_reason=text(returned, "Rsn/Cd", "Rsn/Prtry"),
        is_return=returned is not None,
        charges=_charges(element),
    )


def _texts(element: Node) -> tuple[str, ...]:
    remittance = find(element, "RmtInf")
    found = [each.text for each in children(remittance, "Ustrd")]
    for structured in children(remittance, "Strd"):
        found += [text(structured, "CdtrRefInf/Ref"), text(structured, "AddtlRmtInf")]
        found += [text(document, "Nb") for document in children(structured, "RfrdDocInf")]
    found.append(text(element, "AddtlTxInf"))
    return tuple(each.strip() for each in found if each.strip())


def _charges(element: Node) -> tuple[Charge, ...]:
    """What banks took: one charge a record; up to version 02 `Chrgs` is a charge itself."""
    found = []
    for charges in children(element, "Chrgs"):
        for record in children(charges, "Rcrd") or [charges]:
            if find(record, "Amt") is None:
                continue
            amount, currency = _money(find(record, "Amt"), "Chrgs/Amt")
            if amount and text(record, "ChrgInclInd") != "false":
                found.append(Charge(amount, currency, text(record, "CdtDbtInd") == "CRDT"))
    return tuple(found)


def _code(element: Node | None) -> str:
    parts = (
        text(element, "Domn/Fmly/Cd"),
        text(element, "Domn/Fmly/SubFmlyCd"),
        text(element, "Prtry/Cd"),
    )
    return ".".join(parts) if any(parts) else ""


def said(reference: str) -> str:
    """A reference, or "" for one of the words by which banks say that there is none."""
    return "" if reference.upper() in _NOTHING else reference


def _date(element: Node, name: str) -> str:
    found = text(element, f"{name}/Dt", f"{name}/DtTm")[:10]
    if not found:
        return ""
    try:
        day = date.fromisoformat(found)
    except ValueError:
        raise LineRefused(f"{name} is {found!r} and no date") from None
    if not 1970 <= day.year <= 2999:
        raise LineRefused(f"{name} is {found}, outside the years 1970 to 2999")
    return day.isoformat()


def _money(element: Node | None, where: str) -> tuple[Decimal, str]:
    """Amount and currency; zeros that a bank writes behind the currency's decimals are left out."""
    if element is None:
        raise LineRefused(f"{where} is missing")
    written, currency = element.text, element.currency
    if _AMOUNT.fullmatch(written) is None:
        raise LineRefused(f"{where} is {written!r} and no amount")
    if currency not in EXPONENT_OF:
        raise LineRefused(f"{where} is in {currency!r}, no currency of ISO 4217")
    step = Decimal(1).scaleb(-EXPONENT_OF[currency])
    amount = Decimal(written).quantize(step) if Decimal(written) % step == 0 else None
    if amount is None:
        raise LineRefused(f"{where} is {written}, with more than the {EXPONENT_OF[currency]} decimals of {currency}")
    return amount, currency
