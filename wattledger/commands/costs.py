"""`wattledger costs`: what operators declared of their costs."""

from typing import Annotated

import typer

from wattledger.commands.common import check_operator, the_store
from wattledger.commands.network_options import LocationId, Operator
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of, moment
from wattledger.views.tables import show_rows

app = typer.Typer()

_COLUMNS = ("operator_id", "cost_id", "kind", "location_id", "effective_from", "effective_to", "says")


@app.command()
def costs(
    operator: Operator = None,
    location: LocationId = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="Only the versions in effect then: RFC 3339.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show the costs that operators declared, every version."""
    from projections.documents.network_costs import cost_document
    from projections.freshness import up_to_date
    from projections.network.declared import CostFilter, declared_costs

    form = form_of(json=json, csv=csv)
    wanted = CostFilter(operator, location, None, moment(at, "--at"))
    with (
        the_store(data_dir, debug=debug, needs_kafka=False) as store,
        up_to_date(store.dsn, on_demand=("network",)) as connection,
        connection.cursor() as cursor,
    ):
        check_operator(cursor, operator)
        rows = [cost_document(each) for each in declared_costs(cursor, wanted)]
    shown = [{**row, "says": _words(row)} for row in rows]
    show_rows("Declared costs", rows, _COLUMNS, form=form, prose=("says",), shown=shown)


def _words(row: dict[str, object]) -> str:
    """What a version says of money, such as `4.15 EUR a kW and month, of 2.5 kW at least, mean of 12 months`."""
    price, amount = row["price"], row["amount"]
    if isinstance(price, dict):
        words = f"{price['amount']} {price['currency']} a {'kWh' if row['kind'] == 'ENERGY' else 'kW and month'}"
        least = f", of {row['minimum_kw']} kW at least" if row["minimum_kw"] is not None else ""
        return words + least + (f", mean of {row['average_months']} months" if row["average_months"] else "")
    assert isinstance(amount, dict)
    when = "once" if row["every"] == "ONCE" else f"every {str(row['every']).lower()}"
    return f"{amount['amount']} {amount['currency']} {when}" + (f", day {row['due_day']}" if row["due_day"] else "")
