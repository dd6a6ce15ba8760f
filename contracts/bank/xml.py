"""XML of banks, streamed: no entities, no document type, no network, no depth and no texts without end.

libxml2 (through lxml) refuses more than 256 levels and texts of more than 10 MB by itself. Names are compared without
their name space: banks have their own, or none.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from lxml import etree

from contracts.bank.values import BankFileRefused

Element: TypeAlias = etree._Element

# What heads and signatures of envelopes have before a message: none that was seen has a hundred elements.
_ENVELOPE_MAX = 500

Step: TypeAlias = tuple[str, str, Element]


def steps(path: Path, names: Sequence[str]) -> Iterator[Step]:
    """The starts and ends of elements of these names: (`start` or `end`, name, element).

    What is handed out at an end is forgotten once the next sibling of its name ends, so memory does not grow with the
    number of them. Raises BankFileRefused for what is no XML, or none that is read.
    """
    with path.open("rb") as file:
        context = etree.iterparse(
            file,
            events=("start", "end"),
            tag=[f"{{*}}{name}" for name in names],
            resolve_entities=False,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            remove_blank_text=True,
        )
        try:
            for at, (event, element) in enumerate(context):
                if not at:
                    _refuse_document_type(path, element)
                yield event, local(element), element
        except etree.XMLSyntaxError as error:
            raise BankFileRefused(
                f"{path}: no well-formed XML ({_said(error)}); have the bank send it again"
            ) from None
        if context.root is not None:
            _refuse_document_type(path, context.root)


def root_name(path: Path, known: Collection[str]) -> tuple[str, str]:
    """The name and name space of the message: of the first element of a known name, in whatever envelopes it stands.

    Where there is none among the first elements, those of the outermost that is no `Document`.
    """
    with path.open("rb") as file:
        context = etree.iterparse(
            file, events=("start",), resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
        )
        found = ("", "")
        try:
            for at, (_, element) in enumerate(context):
                if not at:
                    _refuse_document_type(path, element)
                name = local(element)
                if name in known:
                    return name, etree.QName(element).namespace or ""
                if not found[0] and name and name != "Document":
                    found = name, etree.QName(element).namespace or ""
                if at == _ENVELOPE_MAX:
                    break
        except etree.XMLSyntaxError as error:
            raise BankFileRefused(
                f"{path}: no well-formed XML ({_said(error)}); have the bank send it again"
            ) from None
    return found


def forget(element: Element) -> None:
    """Give back what an element held, and the siblings of its name before it."""
    element.clear()
    before, parent = element.getprevious(), element.getparent()
    if before is not None and parent is not None and before.tag == element.tag:
        parent.remove(before)


def local(element: Element) -> str:
    """The name of an element without its name space; "" for what is none."""
    tag = element.tag
    return _plain(tag) if isinstance(tag, str) else ""


@lru_cache(maxsize=1024)
def _plain(tag: str) -> str:
    return tag.rpartition("}")[2]


class Node:
    """An element as it is read here: its text, its currency where it is an amount, and its children by name.

    Made of an element once: to ask an element for a child costs as much as to make a node of it.
    """

    __slots__ = ("currency", "nodes", "text")

    def __init__(self, element: Element, without: str = "") -> None:
        """`without` are children of a name that are not looked at."""
        self.text = (element.text or "").strip()
        self.currency = element.get("Ccy", "")
        self.nodes: dict[str, list[Node]] = {}
        for child in element:
            name = local(child)
            if name != without:
                self.nodes.setdefault(name, []).append(Node(child))


def children(node: Node | None, name: str) -> Sequence[Node]:
    """The children of a name."""
    return () if node is None else node.nodes.get(name, ())


def find(node: Node | None, path: str) -> Node | None:
    """The first node on a path of names, from a node on."""
    for name in path.split("/"):
        if node is None:
            return None
        found = node.nodes.get(name)
        node = found[0] if found else None
    return node


def text(node: Node | None, *paths: str) -> str:
    """The text on the first of some paths that has any, trimmed; "" where none has."""
    for path in paths:
        found = find(node, path)
        if found is not None and found.text:
            return found.text
    return ""


def _refuse_document_type(path: Path, element: Element) -> None:
    if element.getroottree().docinfo.internalDTD is not None:
        raise BankFileRefused(
            f"{path}: has a document type (<!DOCTYPE>), and no message of a bank does; nothing of it was read"
        )


def _said(error: etree.XMLSyntaxError) -> str:
    return str(error).partition(" (")[0]


def parsed(content: bytes) -> Node:
    """A file of ours as a whole."""
    return Node(etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)))
