"""`wattledger demand`: demand charges of sites by month, and who bears them."""

from typing import TYPE_CHECKING, Annotated

import typer

from wattledger.commands.common import check_operator, the_store
from wattledger.commands.network_options import LocationId, Operator
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.views.tables import show_rows

if TYPE_CHECKING:
    from domain.network.demand import Month

app = typer.Typer()

_COLUMNS = (
    *("operator_id", "location_id", "month", "currency", "peak_at", "peak_kw", "billed_kw", "charge", "sessions"),
    *("is_closed", "closed_charge", "difference"),
)
_SHARES = (
    *("location_id", "month", "session_id", "energy_wh", "currency", "coincident", "energy", "ladder"),
    "difference",
)


@app.command()
def demand(
    operator: Operator = None,
    location: LocationId = None,
    since: Annotated[str | None, typer.Option("--from", metavar="MONTH", help="From this month on: 2026-03.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="MONTH", help="Up to this month, included.")] = None,
    shares: Annotated[bool, typer.Option("--shares", help="What each session bears, instead of months.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show what the highest quarter hour of each month costs a site, and what each session bears of it.

    Where no price of demand is declared there is no charge.
    """
    form = form_of(json=json, csv=csv)
    first, last = _month(since, "--from"), _month(until, "--to")
    if first is not None and last is not None and last < first:
        raise typer.BadParameter("is before --from", param_hint="--to")
    from projections.documents.network_costs import demand_document, share_documents
    from projections.freshness import up_to_date
    from projections.network.demand_months import DemandFilter, demand_keys, demand_months
    from projections.network.horizon import network_horizon
    from projections.network.site_month import SiteMonths

    with (
        the_store(data_dir, debug=debug, needs_kafka=False) as store,
        up_to_date(store.dsn, on_demand=("network",)) as connection,
        connection.cursor() as cursor,
    ):
        check_operator(cursor, operator)
        months = SiteMonths(cursor, network_horizon(cursor))
        keys = demand_keys(cursor, months, DemandFilter(operator, location, first, last))
        found = demand_months(months, keys)
        if shares:
            rows = [row for each in found for row in share_documents(each)]
        else:
            rows = [demand_document(each) for each in found]
    columns = _SHARES if shares else _COLUMNS
    right = ("energy_wh", *_SHARES[5:]) if shares else (*_COLUMNS[5:9], *_COLUMNS[10:])
    show_rows("Demand charges", rows, columns, right, form=form)


def _month(text: str | None, option: str) -> "Month | None":
    """The month that an option names; raises typer.BadParameter."""
    from domain.network.demand import month_named

    try:
        return None if text is None else month_named(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no month such as 2026-03", param_hint=option) from None
