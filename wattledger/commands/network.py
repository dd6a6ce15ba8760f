"""`wattledger network`: each EVSE as it is now."""

from typing import Annotated

import typer

from wattledger.commands.common import check_operator, the_store
from wattledger.commands.network_options import LocationId, Operator
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.views.tables import show_rows

app = typer.Typer()

_COLUMNS = (
    *("operator_id", "location_id", "evse_uid", "power_w", "state", "since", "status", "last_sign_at"),
    *("session_id", "session_state", "energy_wh", "currency", "gross"),
)
_EVSES_MAX = 1_000_000


@app.command()
def network(
    operator: Operator = None,
    location: LocationId = None,
    state: Annotated[
        str | None, typer.Option("--state", help="Only those in this state: UP, DOWN, SILENT, BLOCKED, ...")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show each EVSE as it is now: its state since when, what charges there, and its last sign of life."""
    from projections.documents.live_network import live_evse_document
    from projections.freshness import up_to_date
    from projections.network.live import LiveFilter, LiveState, live_network

    form = form_of(json=json, csv=csv)
    if state is not None and state not in set(LiveState):
        raise typer.BadParameter(f"{state} is no state; choose among {', '.join(LiveState)}", param_hint="--state")
    wanted = LiveFilter(operator, location, LiveState(state) if state else None)
    with (
        the_store(data_dir, debug=debug, needs_kafka=False) as store,
        up_to_date(store.dsn, on_demand=("network",)) as connection,
        connection.cursor() as cursor,
    ):
        check_operator(cursor, operator)
        rows = [live_evse_document(each) for each in live_network(cursor, wanted, limit=_EVSES_MAX).evses]
    numbers = ("power_w", "energy_wh", "gross")
    show_rows("EVSEs as they are now", rows, _COLUMNS, numbers, form=form)
