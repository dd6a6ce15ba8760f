"""Bank files as a bank reads them: pain.001 of any version, ACH, lists; and the orders that they pair with.

A file is handed in whole, once each of its transactions is an order that came by the topic, in every figure, and the
sums that it states are its own.
"""

import csv
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from lxml import etree

from wattledger.processor.bank import Message
from wattledger.processor.desk import transfer_of
from wattledger.processor.errors import FileUnreadable
from wattledger.processor.orders import Order
from wattledger.processor.plain_files import read_ach, read_list
from wattledger.processor.transactions import BankFile, Transaction

_log = logging.getLogger(__name__)

_NAMES = ("GrpHdr", "PmtInfId", "ReqdExctnDt", "DbtrAcct", "CdtTrfTxInf")
_SAFE = {"resolve_entities": False, "load_dtd": False, "no_network": True, "huge_tree": False}


def read_bank_file(path: Path) -> BankFile:
    """The transfers of a file, in the form that its name ends in.

    Raises FileUnreadable for what is no such file, or lacks what a bank needs.
    """
    form, read = _READERS[path.suffix]
    try:
        return read(path)
    except (
        OSError,
        etree.XMLSyntaxError,
        InvalidOperation,
        csv.Error,
        ValueError,
        LookupError,
        AttributeError,
    ) as error:
        raise FileUnreadable(f"{path} is no {form} that can be read: {error}") from error


def read_pain(path: Path) -> BankFile:
    """The transfers of a pain.001. Raises what is wrong with it as it comes."""
    header: dict[str, str] = {}
    block: dict[str, str] = {}
    found: list[Transaction] = []
    with path.open("rb") as file:
        for _, element in etree.iterparse(file, events=("end",), tag=[f"{{*}}{name}" for name in _NAMES], **_SAFE):
            name = etree.QName(element).localname
            if name == "GrpHdr":
                header = {each: _text(element, each) for each in ("MsgId", "NbOfTxs", "CtrlSum")}
            elif name == "CdtTrfTxInf":
                found.append(_transaction(element, block))
                element.clear()
            else:
                block[name] = _account(element) if name == "DbtrAcct" else "".join(element.itertext()).strip()
    if not found:
        raise ValueError("no transaction stands in it")
    stated = header["CtrlSum"]
    return BankFile(header["MsgId"], tuple(found), int(header["NbOfTxs"]), Decimal(stated) if stated else None)


def _transaction(element: etree._Element, block: dict[str, str]) -> Transaction:
    (amount,) = element.iter("{*}InstdAmt")
    return Transaction(
        end_to_end_id=_text(element, "EndToEndId"),
        amount=Decimal(amount.text or ""),
        currency=str(amount.get("Ccy")),
        account=_account(next(element.iter("{*}CdtrAcct"))),
        day=block["ReqdExctnDt"],
        block_id=block["PmtInfId"],
        debtor=block["DbtrAcct"],
    )


def _text(element: etree._Element, name: str) -> str:
    return next((each.text or "" for each in element.iter(f"{{*}}{name}")), "")


def _account(element: etree._Element) -> str:
    """The IBAN of an account, or its number."""
    return _text(element, "IBAN") or _text(next(element.iter("{*}Othr")), "Id")


# How the files of each form end, what they are, and what reads them.
_READERS: Mapping[str, tuple[str, Callable[[Path], BankFile]]] = {
    ".xml": ("customer credit transfer (pain.001)", read_pain),
    ".ach": ("file of the ACH", read_ach),
    ".csv": ("list of transfers", read_list),
}


class ByFile:
    """Orders as the bank files of a folder have them; `clock` says when an order is handed in."""

    def __init__(self, folder: Path, clock: Callable[[Order], datetime]) -> None:
        self._folder, self._clock = folder, clock
        self._seen: dict[Path, tuple[int, int]] = {}
        self._files: dict[Path, BankFile] = {}
        self._said: set[str] = set()

    def changed(self) -> bool:
        """Whether the folder has a file that was not read yet as it is."""
        found = False
        for path in sorted(each for each in self._folder.iterdir() if each.suffix in _READERS):
            state = path.stat()
            if self._seen.get(path) != (now := (state.st_mtime_ns, state.st_size)):
                self._seen[path], found = now, True
                try:
                    self._files[path] = read_bank_file(path)
                except FileUnreadable as refused:
                    self._say(str(refused))
        return found

    def messages(self, orders: Sequence[Order]) -> Iterable[Message]:
        """The files of which every transaction is among these orders, and is what was ordered."""
        known = {order.end_to_end_id: order for order in orders}
        for path, file in self._files.items():
            if any(each.end_to_end_id not in known for each in file.transactions):
                continue
            faults = list(_faults(file, known))
            for fault in faults:
                self._say(f"{path.name} is not handed in: {fault}; ask its sender")
            if faults:
                continue
            at = max(self._clock(known[each.end_to_end_id]) for each in file.transactions)
            transfers = (
                transfer_of(known[each.end_to_end_id], each.block_id, each.debtor) for each in file.transactions
            )
            yield Message(file.message_id, tuple(transfers), at)

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            _log.error("%s", sentence)


def _faults(file: BankFile, orders: dict[str, Order]) -> Iterator[str]:
    """What a file says otherwise than the topic, or than it holds; an execution day may have been moved on."""
    total = sum((each.amount for each in file.transactions), Decimal(0))
    if (file.count, file.control_sum or total) != (len(file.transactions), total):
        yield f"NbOfTxs {file.count} and CtrlSum {file.control_sum} are not {len(file.transactions)} and {total}"
    for each in file.transactions:
        order = orders[each.end_to_end_id]
        said = (each.amount, each.currency, each.account)
        ordered = (order.amount, order.currency, order.account)
        if said != ordered or each.day < order.execution_date:
            yield (
                f"{each.end_to_end_id} is of {each.amount} {each.currency} to {each.account} on {each.day}, and was "
                f"ordered as {order.amount} {order.currency} to {order.account} on {order.execution_date}"
            )
    if len({each.end_to_end_id for each in file.transactions}) != len(file.transactions):
        yield "an EndToEndId stands in it twice"
