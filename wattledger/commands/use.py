"""`wattledger use`: how long EVSEs were occupied and charging, what they delivered, and what that came to."""

from typing import Annotated

import typer

from wattledger.commands.common import check_operator, the_store
from wattledger.commands.network_options import Before, LocationId, Operator, Since, asked_for
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.commands.visibility import whole_day
from wattledger.views.tables import show_rows

app = typer.Typer()


@app.command()
def use(
    operator: Operator = None,
    location: LocationId = None,
    evse: Annotated[str | None, typer.Option("--evse", help="Only this EVSE.")] = None,
    since: Since = None,
    until: Before = None,
    by: Annotated[
        str, typer.Option("--by", metavar="WHAT", help="site, evse, channel, day, month, or several: evse,day.")
    ] = "site",
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show how long EVSEs were in service, occupied and charging, their energy, and net an hour."""
    from projections.documents.use import MONEY, SECONDS, UTILISATIONS, use_document
    from projections.freshness import up_to_date
    from projections.network.horizon import network_horizon
    from projections.network.use import UseAsked, by_of, use_of

    form = form_of(json=json, csv=csv)
    try:
        keys = by_of(by)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--by") from None
    span = asked_for(operator, location, since, until)
    first, last = whole_day(span.since, since, "--from"), whole_day(span.until, until, "--to")
    asked = UseAsked(operator, location, evse, first, last, keys)
    with (
        the_store(data_dir, debug=debug, needs_kafka=False) as store,
        up_to_date(store.dsn, on_demand=["network"]) as connection,
        connection.cursor() as cursor,
    ):
        check_operator(cursor, operator)
        rows = [use_document(each, keys) for each in use_of(cursor, asked, network_horizon(cursor))]
    figures = ("evses", *SECONDS, "energy_wh", "sessions", *UTILISATIONS, "idle_share", "at_once", "peak_use", *MONEY)
    named = ("operator_id", "location_id", "evse_uid", "channel", "date", "month")
    columns = [*(name for name in named if not rows or name in rows[0]), *figures]
    show_rows("Use of EVSEs", rows, columns, [name for name in figures if name != "currency"], form=form)
