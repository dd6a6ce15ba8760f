"""Commands about banks: import what they send, and say whose money it is."""

import sys
from typing import Annotated

import typer

from wattledger.commands.acting import (
    Amount,
    Because,
    Currency,
    Given,
    act,
    deciding,
    key_of,
    money_of,
    now_text,
    stated,
)
from wattledger.commands.common import the_store
from wattledger.commands.options import DataDir, Debug, Json
from wattledger.views.progress import progress_report
from wattledger.views.terminal import print_error, print_json

app = typer.Typer(
    name="bank", help="What banks say: import their files, allocate what is nobody's.", no_args_is_help=True
)


@app.callback()
def bank() -> None:
    """What banks say: import their files, allocate what is nobody's."""


@app.command("import")
def import_(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="camt.052, camt.053, camt.054, pain.002 or NACHA, by their content."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come of it.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Import statements, notifications, answers and returns of banks: each booking once, whatever it stands in.

    Ends with 1 where a file or an entry was refused.
    """
    from wattledger.bank_import import import_files
    from wattledger.views.bank import imported_documents, show_imported

    with the_store(data_dir, debug=debug, creates=True) as store, progress_report() as progress:
        done = import_files(store, files, progress, dry_run=dry_run)
    if json:
        print_json({"files": imported_documents(done), "dry_run": dry_run})
    else:
        show_imported(done)
    for found in done:
        if found.refusal:
            print_error(found.refusal)
        for refused in found.refused:
            print_error(f"{found.file}, {refused.where}: {refused.sentence}")
        if found.refused_lines > len(found.refused):
            print_error(f"{found.file}: {found.refused_lines - len(found.refused)} more are refused and not listed")
    if any(found.refusal or found.refused_lines for found in done):
        sys.exit(1)


@app.command()
@deciding
def failed(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="ORDER", help="A bank file by its name, or the id by which the bank names it or a block."
        ),
    ],
    given: Given,
    reason: Annotated[
        str, typer.Option("--reason", metavar="CODE", help="Why, as a reason of ISO 20022 of four characters.")
    ] = "DU01",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list its payouts, and whose wait.")] = False,
) -> None:
    """Say that the bank has carried out nothing of an order: its payouts that nobody has answered have failed.

    Ask the bank first. What it books of them all the same is paid, and paid twice where they went out again.
    """
    from wattledger.crew import Crew
    from wattledger.deciding import actor_by
    from wattledger.failed_orders import FailedOrder, payouts_of_order, tell_failed
    from wattledger.views.bank import order_document, show_order

    with the_store(given.data_dir, debug=given.debug) as store, progress_report() as progress:
        if dry_run:
            done = FailedOrder(payouts_of_order(store, reference), ())
        else:
            with Crew(store) as crew:
                actor = actor_by(store, key_of(given.key_file))
                done = tell_failed(store, crew, actor, reference, reason.upper(), now_text(), progress)
    if given.json:
        print_json(order_document(reference, done, dry_run=dry_run))
    else:
        show_order(reference, done)


@app.command()
@deciding
def allocate(
    entry_reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="A line of the bank: `findings --kind RECEIPT_UNALLOCATED`.")
    ],
    invoice: Annotated[str, typer.Option("--invoice", metavar="ID", help="The invoice that it pays.")],
    partner: Annotated[str, typer.Option("--partner", metavar="ID", help="Whose invoice it is, such as DE-ABC.")],
    amount: Amount,
    currency: Currency,
    reason: Because,
    given: Given,
) -> None:
    """Say whose money a line of the bank is that nobody knew: it pays so much of an invoice of a roaming partner."""
    from api.access.roles import Right

    data = {
        "entry_reference": entry_reference,
        "invoice_id": invoice,
        "partner": partner,
        "amount": money_of(amount, currency),
        "at": now_text(),
        "reason": stated(reason),
    }
    sentence = f"{amount} {currency.upper()} of {entry_reference} pay invoice {invoice} of {partner}"
    act("bank.receipt_allocated", data, Right.PROPOSE, sentence, given)
