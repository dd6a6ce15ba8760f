"""`wattledger visibility`: use by channel, and EVSEs that no partner can see beside comparable ones."""

from datetime import date, datetime
from typing import Annotated

import typer

from wattledger.commands.common import check_operator, the_store
from wattledger.commands.network_options import Before, Operator, Since, asked_for
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.views.tables import show_rows

app = typer.Typer()


@app.command()
def visibility(
    operator: Operator = None,
    since: Since = None,
    until: Before = None,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="EVSEs that no partner can see, and what comparable ones earned.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show sessions, energy, money and new drivers by channel; or the EVSEs that no partner can see."""
    from projections.documents.visibility import channel_document, unseen_document
    from projections.freshness import up_to_date
    from projections.network.horizon import network_horizon
    from projections.network.use import UseAsked
    from projections.network.visibility import channels, unseen_evses

    form = form_of(json=json, csv=csv)
    span = asked_for(operator, None, since, until)
    first, last = whole_day(span.since, since, "--from"), whole_day(span.until, until, "--to")
    asked = UseAsked(operator, first=first, last=last)
    with (
        the_store(data_dir, debug=debug, needs_kafka=False) as store,
        up_to_date(store.dsn, on_demand=["network"]) as connection,
        connection.cursor() as cursor,
    ):
        check_operator(cursor, operator)
        horizon = network_horizon(cursor)
        if unseen:
            rows = [unseen_document(each) for each in unseen_evses(cursor, asked, horizon)]
        else:
            rows = [channel_document(each) for each in channels(cursor, asked, horizon)]
    if unseen:
        named = ("operator_id", "location_id", "evse_uid", "reason", "sentence", "power_class")
        beside = ("sessions", "net_per_service_hour", "comparable_evses", "comparable_net_per_service_hour")
        show_rows("EVSEs that no partner can see", rows, (*named, *beside), beside, form=form, prose=("sentence",))
        return
    drivers = ("sessions_of_known_drivers", "new_drivers", "new_driver_share")
    columns = (
        "operator_id",
        "channel",
        "sessions",
        "energy_wh",
        "currency",
        "net",
        "margin",
        "days_to_cash",
        *drivers,
    )
    show_rows("Use by channel", rows, columns, ("sessions", "energy_wh", "net", *drivers), form=form)


def whole_day(at: date | datetime | None, text: str | None, option: str) -> date | None:
    """The day that an option names; raises typer.BadParameter for a moment, since use is kept by days."""
    if isinstance(at, datetime):
        raise typer.BadParameter(f"use is kept by whole days: name one instead of {text}", param_hint=option)
    return at
