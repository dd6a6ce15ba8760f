"""`wattledger findings`: what is kept and has no effect, or does not match, and what cures it."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.options import DataDir, Debug, Json, OneOperators
from wattledger.errors import ApplicationError
from wattledger.views.findings import show_findings
from wattledger.views.terminal import print_json

app = typer.Typer()


@app.command()
def findings(
    operator: OneOperators = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind, such as UNCAPTURED.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what is kept without effect or does not match, since when, and what cures it."""
    from domain.book.findings import FindingKind
    from projections.all_findings import all_findings
    from projections.documents.findings import finding_document

    kind = kind.upper() if kind else kind
    if kind is not None and kind not in set(FindingKind):
        raise ApplicationError(f"there is no kind {kind!r}; choose among {', '.join(FindingKind)}")
    now = datetime.now(UTC)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(
            store, lambda cursor: [finding_document(each, now) for each in all_findings(cursor, operator, kind)]
        )
    if json:
        print_json(found)
    else:
        show_findings(found)
