"""`wattledger benchmark`: an operator's figures of a month beside the quartiles among all operators."""

from typing import Annotated

import typer

from wattledger.commands.common import check_operator, the_store
from wattledger.commands.network_options import Operator
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.views.tables import show_rows

app = typer.Typer()


@app.command()
def benchmark(
    operator: Operator = None,
    month: Annotated[
        str | None, typer.Option("--month", metavar="M", help="As 2026-03; by default the last that is over.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Compare operators: quartiles of a month, where at least five operators stand behind a figure."""
    from projections.documents.benchmark import benchmark_document
    from projections.freshness import up_to_date
    from projections.network.benchmark import compared, last_month, month_of
    from projections.network.horizon import network_horizon

    form = form_of(json=json, csv=csv)
    try:
        first = month_of(month) if month is not None else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--month") from None
    with (
        the_store(data_dir, debug=debug, needs_kafka=False) as store,
        up_to_date(store.dsn, on_demand=["network"]) as connection,
        connection.cursor() as cursor,
    ):
        check_operator(cursor, operator)
        until = network_horizon(cursor)
        wanted = first or (last_month(until) if until else None)
        rows = [benchmark_document(each) for each in compared(cursor, wanted, operator, until)] if wanted else []
    figures = ("own", "lower_quartile", "median", "upper_quartile", "operators")
    title = f"Figures of {wanted:%Y-%m} and quartiles among operators" if wanted else "Figures and quartiles"
    show_rows(title, rows, ("operator_id", "figure", "currency", *figures), figures, form=form)
