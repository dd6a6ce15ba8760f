"""`wattledger partners`: who pays for the sessions of its drivers, on which terms, and what is still to come."""

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.views.tables import show_rows

app = typer.Typer()


@app.command()
def partners(data_dir: DataDir = None, json: Json = False, csv: Csv = False, debug: Debug = False) -> None:
    """Show roaming partners, their terms, and what they have not paid yet."""
    from projections.documents.partners import LISTED, partner_document
    from projections.partners import partners

    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, partners)
    numbers = ("payment_terms_days", "uninvoiced", "unpaid")
    show_rows("Roaming partners", [partner_document(each) for each in found], LISTED, numbers, form=form)
