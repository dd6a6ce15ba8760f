"""`wattledger withholding`: what was withheld of an operator in a tax year, payout by payout, for its certificate."""

from typing import Annotated

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.views.tables import show_rows

app = typer.Typer()


@app.command()
def withholding(
    operator: Annotated[str, typer.Option("--operator", metavar="OP", help="Whose payouts.")],
    year: Annotated[int, typer.Option("--year", metavar="Y", min=2000, max=9000, help="In which it begins.")],
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show the taxes that payouts withheld in a tax year: each with its base, its rate, and the sums so far."""
    from projections.documents.withholding import LISTED, NUMBERS, withheld_document
    from projections.withholding import taxes_withheld

    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: taxes_withheld(cursor, operator, year), operator)
    rows = [withheld_document(each) for each in found]
    show_rows(f"Taxes withheld of {operator} in {year}", rows, LISTED, NUMBERS, form=form)
