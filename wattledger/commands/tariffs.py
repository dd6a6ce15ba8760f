"""Commands about tariffs: orders to rate by another, check them before they are published, list what was."""

import sys
from typing import Annotated

import typer

from wattledger.commands.common import log_without_settings, read, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, OneOperators, form_of
from wattledger.errors import ApplicationError
from wattledger.logs import say
from wattledger.views.tariffs import show_orders, show_versions
from wattledger.views.terminal import print_json

app = typer.Typer(
    name="tariff", help="Tariffs: check them before they are published, list what was.", no_args_is_help=True
)


@app.command()
def orders(
    operator: OneOperators = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """List the orders to rate sessions by another tariff, and why one is not followed."""
    from projections.documents.tariffs import rating_order_document
    from projections.rating_orders import given_orders

    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        given = read(store, lambda cursor: given_orders(cursor, operator), operator)
    show_orders([rating_order_document(each.operator_id, each.order, each.remark) for each in given], form)


@app.command()
def lint(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="One OCPI tariff, a list of them, or events a line; - for input."),
    ],
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check OCPI tariffs as they are checked on arrival; exit 1 if any has an error, 0 with warnings only."""
    from wattledger.tariff_linter import ERROR, check_files

    log_without_settings(debug=debug)
    tariffs, remarks = check_files(files)
    errors = sum(remark.level == ERROR for remark in remarks)
    warnings = len(remarks) - errors
    if json:
        found = [remark._asdict() for remark in remarks]
        print_json({"tariffs": tariffs, "errors": errors, "warnings": warnings, "findings": found})
    else:
        for remark in remarks:
            sys.stdout.write(" ".join(str(remark).split()) + "\n")
        say(f"tariffs: {tariffs}, errors: {errors}, warnings: {warnings}")
    if errors:
        sys.exit(1)
    if not tariffs:
        raise ApplicationError(f"{', '.join(files)}: no tariff in it; name files with OCPI tariffs or events")


@app.command("list")
def list_versions(
    operator: OneOperators = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """List every version of every tariff, with the hash that CDRs name and the warnings it was accepted with."""
    from ledger.intake.tariff_versions import tariff_versions
    from projections.documents.tariffs import version_document

    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: tariff_versions(cursor, operator), operator)
    show_versions([version_document(version) for version in found], form)
