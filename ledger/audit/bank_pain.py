"""Bank files in pain.001, read by the audit itself: versions 3 and 9, with their sums, names and references."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

from ledger.audit.amounts import minor
from ledger.audit.bank_orders import LATIN_NAME, Orders, Transfer, is_reference_of
from ledger.audit.report import Tally

_SPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001."


def read_pain(content: bytes, profile: str, where: str, tally: Tally) -> Orders:
    """The orders of a file, whose sums, names, and what its profile asks for are checked on the way."""
    root = ElementTree.fromstring(content)  # noqa: S314 - the store's own file, made by this program
    space, _, _ = root.tag.partition("}")
    tally.compare(where, f"{{{_SPACE}{'03' if profile.endswith('_03') else '09'}", space, "the version of pain.001")
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    orders = Orders()
    for block in root.iter("PmtInf"):
        day = _text(block, "ReqdExctnDt/Dt" if block.find("ReqdExctnDt/Dt") is not None else "ReqdExctnDt")
        _check_scheme(block, profile, where, tally)
        for payout_id, transfer, reference in _transfers(block):
            orders.add(payout_id, transfer, day)
            if profile.startswith("SEPA") and not is_reference_of(reference or "", payout_id):
                tally.note(where, "its creditor reference", reference, f"the reference of payout {payout_id}")
    _check_sums(root, where, tally)
    _check_names(root, where, tally)
    return orders


def _text(element: Any, path: str) -> str:
    found = element.findtext(path)
    if found is None:
        raise LookupError(f"{path} is missing")
    return str(found)


def _transfers(block: Any) -> Iterator[tuple[str, Transfer, str | None]]:
    for transfer in block.iter("CdtTrfTxInf"):
        amount = transfer.find("Amt/InstdAmt")
        if amount is None:
            raise LookupError("InstdAmt is missing")
        account = transfer.findtext("CdtrAcct/Id/IBAN") or _text(transfer, "CdtrAcct/Id/Othr/Id")
        currency = amount.get("Ccy", "")
        told = (minor(amount.text, currency), currency, account)
        yield _text(transfer, "PmtId/EndToEndId"), told, transfer.findtext("RmtInf/Strd/CdtrRefInf/Ref")


def _check_scheme(block: Any, profile: str, where: str, tally: Tally) -> None:
    """A block of the SEPA profiles says so, and an instant one that as well."""
    instant = "INST" if profile == "SEPA_INST" else None
    if profile.startswith("SEPA"):
        tally.compare(where, "SEPA", block.findtext("PmtTpInf/SvcLvl/Cd"), "the service level")
    tally.compare(where, instant, block.findtext("PmtTpInf/LclInstrm/Cd"), "the local instrument")


def _check_names(root: Any, where: str, tally: Tally) -> None:
    """Names are of the Latin set that every bank of the scheme takes, and of at most 70 characters (EPC217-08)."""
    for name in root.iter("Nm"):
        if not LATIN_NAME.fullmatch(name.text or ""):
            tally.note(where, "1 to 70 characters of the Latin set", name.text, f"{where} names {name.text}")


def _check_sums(root: Any, where: str, tally: Tally) -> None:
    header = next(root.iter("GrpHdr"), None)
    if header is None:
        raise LookupError("GrpHdr is missing")
    for stating, part in ((header, root), *((block, block) for block in root.iter("PmtInf"))):
        amounts = [Decimal(each.text or "") for each in part.iter("InstdAmt")]
        tally.compare(where, len(amounts), int(_text(stating, "NbOfTxs")), "the number of transfers")
        tally.compare(where, sum(amounts), Decimal(_text(stating, "CtrlSum")), "the control sum")
