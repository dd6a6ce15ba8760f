"""A trace as a document: what something is, and what it is linked to, each list with how many there are in all."""

from typing import Any

from domain.calendar import utc_text
from projections.tracing.nodes import Links, Node, Trace


def trace_document(trace: Trace) -> dict[str, Any]:
    """The node with its `facts`, `links` (both ways) and what is `further` along them."""
    facts: dict[str, list[str]] = {}
    for name, value in trace.facts:
        facts.setdefault(name.replace(" ", "_"), []).append(value)
    return {
        **node_document(trace.node),
        "facts": {name: values[0] if len(values) == 1 else values for name, values in facts.items()},
        "links": {links.name: _links_document(links) for links in trace.links},
        "further": {links.name: _links_document(links) for links in trace.further},
    }


def node_document(node: Node) -> dict[str, Any]:
    """`kind`, `id`, `of` (whose id it is), `operator_id`, `at` and `says`; None stands where there is none."""
    return {
        "kind": node.kind.value,
        "id": node.id,
        "of": node.of or None,
        "operator_id": node.operator_id,
        "at": utc_text(node.at) if node.at else None,
        "says": node.says or None,
    }


def _links_document(links: Links) -> dict[str, Any]:
    return {"total": links.total, "shown": [node_document(node) for node in links.nodes]}
