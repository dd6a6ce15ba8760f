"""Answers to orders (pain.002, customer payment status report), Swiss and others: what a bank says of them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from contracts.bank.camt import said
from contracts.bank.values import OrderStatus
from contracts.bank.xml import Node, children, find, forget, steps, text

_REASON = ("Rsn/Cd", "Rsn/Prtry")
# ISO 20022 external status reason codes of duplicates: of a message, a block, a transaction, an id.
DUPLICATES = frozenset({"DU01", "DU02", "DU03", "DU04", "DU05", "AM05"})
_ID = ("BICOrBEI", "AnyBIC", "Othr/Id")


def statuses(path: Path) -> Iterator[OrderStatus]:
    """Every status in a file: of transactions, and of blocks and the file where those have none below them.

    Raises BankFileRefused where the file stops being XML.
    """
    said_of = OrderStatus(where="", bank="", at="", status="")
    group: OrderStatus | None = None
    answers = in_block = blocks = 0
    for event, name, element in steps(path, ("GrpHdr", "OrgnlGrpInfAndSts", "OrgnlPmtInfAndSts", "TxInfAndSts")):
        where = f"line {element.sourceline}, OrgnlPmtInfAndSts[{blocks}]"
        if event == "start":
            if name == "OrgnlPmtInfAndSts":
                blocks, in_block = blocks + 1, 0
        elif name == "GrpHdr":
            node = Node(element)
            said_of = replace(said_of, bank=_bank(node), at=text(node, "CreDtTm"))
        elif name == "OrgnlGrpInfAndSts":
            node = Node(element)
            said_of = replace(said_of, message=text(node, "OrgnlMsgId"))
            said_of = _status(node, said_of, f"line {element.sourceline}, OrgnlGrpInfAndSts", "GrpSts")
            group = said_of
        elif name == "TxInfAndSts":
            answers, in_block, parent = answers + 1, in_block + 1, element.getparent()
            around = said_of if parent is None else _block(Node(parent, without="TxInfAndSts"), said_of, where)
            yield _status(Node(element), around, f"{where}/TxInfAndSts[{in_block}]", "TxSts")
            forget(element)
        elif not in_block:
            answers += 1
            yield _block(Node(element), said_of, where)
    if group is not None and not answers:
        yield group


def _block(node: Node, around: OrderStatus, where: str) -> OrderStatus:
    return _status(node, replace(around, block=text(node, "OrgnlPmtInfId")), where, "PmtInfSts")


def _status(node: Node, around: OrderStatus, where: str, name: str) -> OrderStatus:
    """What an element says; what it leaves out is as said around it.

    Of several reasons that of a duplicate counts before the first: it forbids what the others allow.
    """
    ids = (said(text(node, each)) for each in ("OrgnlEndToEndId", "OrgnlInstrId", "OrgnlTxId"))
    told = children(node, "StsRsnInf")
    reasons = [reason for each in told if (reason := text(each, *_REASON))]
    duplicates = [reason for reason in reasons if reason in DUPLICATES]
    status = text(node, name)
    if status and not reasons and status != around.status:
        around = replace(around, reason="", text="")
    return replace(
        around,
        where=where,
        status=status or around.status,
        names=tuple(each for each in ids if each),
        reason=next(iter((*duplicates, *reasons)), around.reason),
        text=next((words for each in told if (words := text(each, "AddtlInf"))), around.text),
    )


def _bank(header: Node) -> str:
    """The bank that answers, by its BIC or whatever id it gives."""
    agent = text(header, "DbtrAgt/FinInstnId/BICFI", "DbtrAgt/FinInstnId/BIC")
    organisation = find(header, "InitgPty/Id/OrgId")
    return agent or text(organisation, *_ID) or "unknown"
