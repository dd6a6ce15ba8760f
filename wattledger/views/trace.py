"""A trace for people: what it is, and beneath it what it is linked to, by sort and time."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from rich.text import Text
from rich.tree import Tree

from domain.calendar import utc_seconds
from projections.documents.trace import node_document
from projections.tracing.nodes import Links, Node, Trace
from wattledger.views.forms import cell_text, print_csv
from wattledger.views.tables import output

_BEGINNING = datetime.min.replace(tzinfo=UTC)


_COLUMNS = ("from", "how", "link", "kind", "id", "of", "operator_id", "at", "says")


def write_traces(traces: Iterable[Trace]) -> None:
    """As CSV: each with what it is itself, then a record a link: `direct`, or `further` along those."""
    print_csv(_COLUMNS, (row for trace in traces for row in _rows(trace)))


def _rows(trace: Trace) -> Iterator[Sequence[object]]:
    yield trace.node.id, None, None, *node_document(trace.node).values()
    for how, part in (("direct", trace.links), ("further", trace.further)):
        for links in part:
            for node in links.nodes:
                yield trace.node.id, how, links.name, *node_document(node).values()


def show_traces(traces: Iterable[Trace]) -> None:
    """Print each as a tree; a line a thing, never wrapped, so that ids can be copied; in a pipe without its lines."""
    if not sys.stdout.isatty():
        for trace in traces:
            _print_plainly(_tree(trace))
            sys.stdout.write("\n")
        return
    console = output()
    for trace in traces:
        for line in _drawn(_tree(trace)):
            console.print(line, soft_wrap=True)
        console.print()


def _print_plainly(tree: Tree, depth: int = 0) -> None:
    sys.stdout.write(f"{'  ' * depth}{cell_text(str(tree.label))}\n")
    for child in tree.children:
        _print_plainly(child, depth + 1)


def _drawn(tree: Tree, before: str = "") -> Iterator[Text]:
    """The lines of a tree, whole: Rich cuts what of its own trees is wider than the terminal."""
    if not before:
        yield Text.assemble((cell_text(str(tree.label)), "bold"))
    for child in tree.children:
        is_last = child is tree.children[-1]
        style = "bold" if child.children else ""
        yield Text.assemble(before, "└── " if is_last else "├── ", (cell_text(str(child.label)), style))
        yield from _drawn(child, before + ("    " if is_last else "│   "))


def show_found(nodes: Sequence[Node]) -> None:
    """Print what has an id, a line each."""
    console = output()
    for node in nodes:
        console.print(Text(_line(node)), soft_wrap=True)


def _tree(trace: Trace) -> Tree:
    tree = Tree(Text(_line(trace.node), style="bold"))
    for name, value in trace.facts:
        tree.add(Text(f"{name}: {value}"))
    for links in trace.links:
        _branch(tree, links)
    if trace.further:
        further = tree.add(Text("further along", style="bold"))
        for links in trace.further:
            _branch(further, links)
    return tree


def _branch(tree: Tree, links: Links) -> None:
    name, shown = links.name.replace("_", " "), len(links.nodes)
    rest = "" if shown == links.total else f", the first {shown} of them; --all shows all"
    branch = tree.add(Text(f"{name} ({links.total:,}{rest})", style="bold"))
    for node in sorted(links.nodes, key=lambda node: node.at or _BEGINNING):
        branch.add(Text(_line(node)))


def _line(node: Node) -> str:
    at = f"{utc_seconds(node.at)}Z " if node.at else ""
    of = f" of {node.of}" if node.of else ""
    says = f"  {node.says}" if node.says else ""
    return f"{at}{node.kind.replace('_', ' ')} {node.id}{of}{says}"
