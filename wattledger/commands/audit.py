"""`wattledger verify`: the audit of the book."""

import sys
import time
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

from wattledger.commands.common import the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.errors import ApplicationError
from wattledger.given_file import given_or_input
from wattledger.views.forms import Form
from wattledger.views.terminal import print_error, print_json

if TYPE_CHECKING:
    from ledger.audit import KeptAnchor

app = typer.Typer()

Head = Annotated[
    str | None,
    typer.Option(
        "--head",
        metavar="FILE",
        help="Heads of the chain, kept elsewhere: lines of the file of heads or of its topic; - for standard input.",
    ),
]

Anchors = Annotated[
    str | None,
    typer.Option(
        "--anchors",
        metavar="FILE",
        help="Anchors of the book, kept elsewhere: lines of the file of anchors or of its topic; - for standard "
        "input. Without it those of the file that this machine keeps.",
    ),
]


@app.command()
def verify(
    head: Head = None,
    anchors: Anchors = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Recompute the book from the events, check every invariant and print what differs; exit 1 if anything does."""
    from ledger.audit import AuditReport, HeadsUnreadable, Outside, read_heads
    from ledger.audit import verify as audit
    from ledger.database import database_faults
    from ledger.verifications import record_verification
    from projections.compare import compare_read_models
    from projections.documents.audit import report_document
    from wattledger.decision_keys import public_keys
    from wattledger.views.audit import show_report, write_report

    form = form_of(json=json, csv=csv)
    try:
        heads = read_heads(given_or_input(head, "heads").splitlines(keepends=True)) if head is not None else []
    except HeadsUnreadable as error:
        raise ApplicationError(f"{head}: {error}; name the file of heads, or records of settlement.heads") from None
    outside = _anchors(anchors)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store, database_faults():
        from wattledger.anchor_keys import outside_keys
        from wattledger.anchoring import kept_anchors

        began = time.monotonic()
        settings = store.settings
        report = audit(
            store.dsn,
            power_max_kw=settings.power_max_kw,
            cooling_off_hours=settings.account_cooling_off_hours,
            decision_keys=dumps({"keys": public_keys(settings)}),
            chain_heads=heads,
            anchors=Outside(kept_anchors(store) if outside is None else outside, outside_keys(store.settings)),
        )
        report = AuditReport((*report.checks, compare_read_models(store.dsn)))
        found = sum(check.found for check in report.failed)
        checks = [
            {"name": each.name, "severity": each.severity.value, "examined": each.examined, "found": each.found}
            for each in report.checks
        ]
        seconds = time.monotonic() - began
        unnoted = record_verification(store.dsn, seconds, passed=report.passed, findings=found, checks=checks)
    if unnoted:
        print_error(f"that the book was verified could not be noted ({unnoted}); `wattledger status` will not know")
    if form is Form.JSON:
        print_json(report_document(report))
    else:
        (write_report if form is Form.CSV else show_report)(report)
    if not report.passed:
        sys.exit(1)


def _anchors(given: str | None) -> "list[KeptAnchor] | None":
    """The anchors that were named; None where none were."""
    if given is None:
        return None
    from ledger.audit import AnchorsUnreadable, read_anchors

    try:
        return read_anchors(given_or_input(given, "anchors").splitlines(keepends=True))
    except AnchorsUnreadable as error:
        raise ApplicationError(
            f"{given}: {error}; name the file of anchors, or records of settlement.anchors"
        ) from None
