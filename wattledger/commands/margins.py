"""`wattledger margins`: what is left of the price of sessions after their costs."""

from typing import Annotated

import typer

from wattledger.commands.common import check_operator, the_store
from wattledger.commands.network_options import Before, LocationId, Operator, Since, asked_for
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.views.tables import show_rows

app = typer.Typer()

_PARTS = ("currency", "net", "commission", "provider_fee", "energy_cost", "demand_share", "margin")
_KEYS = {
    "session": ("session_id", "operator_id", "location_id", "evse_uid"),
    "evse": ("operator_id", "location_id", "evse_uid"),
    "site": ("operator_id", "location_id"),
    "channel": ("operator_id", "channel"),
    "month": ("operator_id", "month"),
    "operator": ("operator_id",),
}


@app.command()
def margins(
    operator: Operator = None,
    location: LocationId = None,
    since: Since = None,
    before: Before = None,
    by: Annotated[str, typer.Option("--by", metavar="WHAT", help=f"A line for each {', '.join(_KEYS)}.")] = "site",
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show gross margins: net less commission, provider fee, cost of energy and share of demand charges.

    Of sessions that began in the span. Where a cost is not declared there is no margin, and it is named.
    """
    if by not in _KEYS:
        raise typer.BadParameter(f"{by!r} is none of {', '.join(_KEYS)}", param_hint="--by")
    form = form_of(json=json, csv=csv)
    asked = asked_for(operator, location, since, before)
    from projections.documents.network_costs import margin_document, margin_sum_document
    from projections.freshness import up_to_date
    from projections.network.horizon import network_horizon
    from projections.network.margins import By, MarginFilter, session_margins, summed
    from projections.network.site_month import SiteMonths

    with (
        the_store(data_dir, debug=debug, needs_kafka=False) as store,
        up_to_date(store.dsn, on_demand=("network",)) as connection,
        connection.cursor() as cursor,
    ):
        check_operator(cursor, operator)
        months = SiteMonths(cursor, network_horizon(cursor))
        found = session_margins(cursor, months, MarginFilter(asked))
        if by == "session":
            rows = [margin_document(each) for each in found]
        else:
            rows = [margin_sum_document(each) for each in summed(found, By(by), months)]
    counts = () if by == "session" else ("sessions", "without_margin")
    shown = [{**row, "missing": " ".join(row["missing"])} for row in rows]
    columns = (*_KEYS[by], *counts, *_PARTS, "missing")
    show_rows("Gross margins", rows, columns, (*counts, *_PARTS[1:]), form=form, shown=shown)
