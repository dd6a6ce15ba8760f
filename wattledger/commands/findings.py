"""`wattledger findings`: what is kept and has no effect, or does not match, and what cures it."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, OneOperators, form_of
from wattledger.errors import ApplicationError
from wattledger.views.findings import show_findings, write_findings
from wattledger.views.forms import Form
from wattledger.views.terminal import print_json

app = typer.Typer()


@app.command()
def findings(
    operator: OneOperators = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind, such as UNCAPTURED.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show what is kept without effect or does not match, since when, and what cures it."""
    from domain.book.findings import FindingKind
    from projections.all_findings import all_findings
    from projections.documents.findings import finding_document

    form = form_of(json=json, csv=csv)
    kind = kind.upper() if kind else kind
    if kind is not None and kind not in set(FindingKind):
        raise ApplicationError(f"there is no kind {kind!r}; choose among {', '.join(FindingKind)}")
    now = datetime.now(UTC)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: [*all_findings(cursor, operator, kind)], operator)
    documents = [finding_document(each, now) for each in found]
    if form is Form.JSON:
        print_json(documents)
    else:
        (write_findings if form is Form.CSV else show_findings)(documents)
