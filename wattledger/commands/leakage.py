"""`wattledger leakage`: what was metered and not billed, and why."""

from typing import Annotated

import typer

from wattledger.commands.common import check_operator, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of, utc_span
from wattledger.views.tables import show_rows

app = typer.Typer()


@app.command()
def leakage(
    operator: Annotated[str | None, typer.Option("--operator", help="Only this operator.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="D", help="Ended on this UTC day or later, or from this time on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="D", help="Ended on this UTC day or earlier, or before this time.")
    ] = None,
    sessions: Annotated[bool, typer.Option("--sessions", help="Each session that leaks, instead of sums.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show energy that was metered and not billed, by operator and cause."""
    from projections import energy
    from projections.documents.leakage import ENERGY, leakage_document
    from projections.freshness import up_to_date

    form = form_of(json=json, csv=csv)
    first, before = utc_span(since, until)
    find = energy.leaking_sessions if sessions else energy.leakage
    with the_store(data_dir, debug=debug, needs_kafka=False) as store, up_to_date(store.dsn) as connection:
        with connection.cursor() as cursor:
            check_operator(cursor, operator)
        rows = [leakage_document(each) for each in find(connection, operator, first, before)]
    columns = ("operator_id", "cause", "session_id" if sessions else "sessions", *ENERGY)
    show_rows("Energy metered and billed, in Wh", rows, columns, ("sessions", *ENERGY), form=form)
