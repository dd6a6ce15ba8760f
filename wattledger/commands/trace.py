"""`wattledger trace`: any id, followed to everything that it touched."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.terminal import print_json

if TYPE_CHECKING:
    from projections.tracing.nodes import Node

app = typer.Typer()

# Of more things with one id none is followed: they are listed, to be chosen from.
_FOLLOWED_MAX = 5


@app.command()
def trace(
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="An id of anything: a message, session, entry, payout, ...")
    ],
    kind: Annotated[str | None, typer.Option("--kind", help="Only what is of this kind, such as payment.")] = None,
    of: Annotated[
        str | None, typer.Option("--of", help="Only this source's, provider's, partner's or operator's.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show all of each sort, however many.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Follow an id to all that it touched, both ways: messages, events, entries, CDRs, payouts, bank files.

    As CSV a record a link.
    """
    from projections.documents.trace import node_document, trace_document
    from projections.trace import EVERYTHING, SHOWN, find, follow
    from projections.tracing.nodes import Trace

    form = form_of(json=json, csv=csv)
    limit = EVERYTHING if everything else SHOWN

    def ask(cursor: Any) -> Any:
        found = _meant(find(cursor, id_), id_, kind, of)
        return found, [follow(cursor, node, limit) for node in found] if len(found) <= _FOLLOWED_MAX else []

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found, traces = read(store, ask, on_demand=("mentions",))
    if form is Form.JSON:
        documents = map(trace_document, traces) if traces else map(node_document, found)
        print_json({"id": id_, "found": list(documents)})
        return
    from wattledger.views.trace import show_found, show_traces, write_traces

    if form is Form.CSV:
        write_traces(traces or [Trace(node, (), (), ()) for node in found])
    elif traces:
        show_traces(traces)
    else:
        show_found(found)


def _meant(found: "list[Node]", id_: str, kind: str | None, of: str | None) -> "list[Node]":
    """What was asked for; raises ApplicationError where there is none, and for a kind that there is not."""
    from projections.mentions import Kind
    from projections.trace import kinds_in_words

    wanted = kind.lower().replace(" ", "_").replace("-", "_") if kind else None
    if wanted is not None and wanted not in set(Kind):
        raise ApplicationError(f"there is no kind {kind!r}; choose among {kinds_in_words()}")
    meant = [node for node in found if wanted in (None, node.kind) and of in (None, node.of)]
    if meant:
        return meant
    if found:
        raise ApplicationError(
            f"{id_!r} is known, but not as that: it is {', '.join(_in_words(node) for node in found)}"
        )
    raise ApplicationError(
        f"nothing has the id {id_!r}; it was looked for as that of a {kinds_in_words()}; small and large letters are "
        "one in UUIDs and hex alone"
    )


def _in_words(node: "Node") -> str:
    return f"{node.kind.replace('_', ' ')}{f' of {node.of}' if node.of else ''}"
