"""`wattledger verify`: the audit of the book."""

import sys
import time

import typer

from wattledger.commands.common import the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.views.forms import Form
from wattledger.views.terminal import print_error, print_json

app = typer.Typer()


@app.command()
def verify(data_dir: DataDir = None, json: Json = False, csv: Csv = False, debug: Debug = False) -> None:
    """Recompute the book from the events, check every invariant and print what differs; exit 1 if anything does."""
    from ledger.audit import verify as audit
    from ledger.database import database_faults
    from ledger.verifications import record_verification
    from projections.documents.audit import report_document
    from wattledger.views.audit import show_report, write_report

    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store, database_faults():
        began = time.monotonic()
        report = audit(store.dsn, power_max_kw=store.settings.power_max_kw)
        found = sum(check.found for check in report.failed)
        unnoted = record_verification(store.dsn, time.monotonic() - began, passed=report.passed, findings=found)
    if unnoted:
        print_error(f"that the book was verified could not be noted ({unnoted}); `wattledger status` will not know")
    if form is Form.JSON:
        print_json(report_document(report))
    else:
        (write_report if form is Form.CSV else show_report)(report)
    if not report.passed:
        sys.exit(1)
