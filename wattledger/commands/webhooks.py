"""`wattledger webhooks`: who is told over HTTP what happens, and what came of each message."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattledger.commands.common import live_store, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_error, print_json

if TYPE_CHECKING:
    from ledger.access.webhooks import Endpoint

app = typer.Typer(
    name="webhooks",
    help="Webhooks: add an endpoint, list, rotate its secret, see and repeat what it was sent; run the sender.",
    no_args_is_help=True,
)

EndpointId = Annotated[str, typer.Argument(metavar="ID", help="The endpoint's id, as it was made or is listed.")]

_COLUMNS = ("id", "url", "types", "state", "reason", "created_at", "created_by", "delivered_at", "failing_since")
_DELIVERIES = ("id", "type", "status", "attempts", "next_at", "created_at", "attempted_at", "answer", "error")
_LISTED_MAX = 1_000
_BY = "command line"


@app.command()
def run(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Send webhooks as things happen, until stopped; several may run at once."""
    from ledger.heartbeat import heartbeat
    from wattledger.ending import IN_ORDER_S, stop_on_signals
    from wattledger.monitoring.monitor import WEBHOOKS
    from wattledger.webhooks import send_webhooks

    with (
        live_store(data_dir, WEBHOOKS, debug=debug, needs_kafka=False, creates=False) as (store, signs),
        stop_on_signals(IN_ORDER_S) as stop,
        heartbeat(store.dsn, "webhooks"),
    ):
        send_webhooks(store, stop, signs)


@app.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where it is: https, at a public address.")],
    types: Annotated[list[str], typer.Option("--type", metavar="TYPE", help="What it is told, as payout.paid.")],
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Tell somebody what happens from now on; the secret that signs is shown this once."""
    import asyncio

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from api.outward.sealing import new_secret
        from api.outward.targets import TargetRefused, checked_target
        from ledger.access import webhooks
        from ledger.database import Role, connect
        from wattledger.serving import webhook_seal, webhook_targets

        seal, secret = webhook_seal(store.settings), new_secret()
        try:
            asyncio.run(checked_target(webhook_targets(store.settings), url))
        except TargetRefused as refused:
            raise ApplicationError(str(refused)) from refused
        with connect(store.dsn, Role.DOOR) as connection, connection.cursor() as cursor:
            made = webhooks.add(cursor, url, types, seal.sealed(secret), created_by=_BY)
    _tell_secret(made, secret, json=json)


@app.command("list")
def list_endpoints(data_dir: DataDir = None, json: Json = False, csv: Csv = False, debug: Debug = False) -> None:
    """List endpoints, newest first, and whether they take what they are sent; their secrets are nowhere."""
    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from ledger.access import webhooks
        from ledger.access.documents import endpoint_document
        from ledger.database import Role, connect

        with connect(store.dsn, Role.DOOR) as connection, connection.cursor() as cursor:
            rows = [endpoint_document(each) for each in webhooks.newest(cursor, _LISTED_MAX)]
    if form is not Form.JSON:
        rows = [row | {"types": " ".join(row["types"])} for row in rows]
    show_rows("Webhooks", rows, _COLUMNS, form=form)


@app.command()
def remove(endpoint_id: EndpointId, data_dir: DataDir = None, debug: Debug = False) -> None:
    """Tell an endpoint nothing more, and forget what it was to be told."""
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from ledger.access import webhooks
        from ledger.database import Role, connect

        with connect(store.dsn, Role.DOOR) as connection, connection.cursor() as cursor:
            webhooks.remove(cursor, endpoint_id)
    sys.stdout.write(f"endpoint {endpoint_id} is removed\n")


@app.command()
def rotate(endpoint_id: EndpointId, data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Give an endpoint another secret, shown this once; the one before signs beside it for a day."""
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from datetime import UTC, datetime

        from api.outward.sealing import new_secret
        from ledger.access import webhooks
        from ledger.database import Role, connect
        from wattledger.serving import webhook_seal

        seal, secret = webhook_seal(store.settings), new_secret()
        with connect(store.dsn, Role.DOOR) as connection, connection.cursor() as cursor:
            until = datetime.now(UTC) + webhooks.BOTH_SIGN
            made = webhooks.rotate(cursor, endpoint_id, seal.sealed(secret), until)
    _tell_secret(made, secret, json=json)


@app.command()
def enable(endpoint_id: EndpointId, data_dir: DataDir = None, debug: Debug = False) -> None:
    """Send to an endpoint again that was disabled, and what waited for it."""
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from datetime import UTC, datetime

        from ledger.access import deliveries, webhooks
        from ledger.database import Role, connect

        with connect(store.dsn, Role.DOOR) as connection, connection.cursor() as cursor:
            webhooks.enable(cursor, endpoint_id)
            deliveries.begin_anew(cursor, endpoint_id, datetime.now(UTC))
    sys.stdout.write(f"endpoint {endpoint_id} is enabled\n")


@app.command("deliveries")
def list_deliveries(
    endpoint_id: EndpointId,
    status: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help="Only PENDING, DELIVERED or FAILED.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """List what an endpoint was and is to be sent, newest first, with each one's attempts."""
    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from ledger.access import deliveries, webhooks
        from ledger.access.documents import delivery_document
        from ledger.database import Role, connect

        with connect(store.dsn, Role.DOOR) as connection, connection.cursor() as cursor:
            webhooks.present(cursor, endpoint_id)
            wanted = deliveries.status_named(status)
            rows = [
                delivery_document(each) for each in deliveries.newest(cursor, endpoint_id, _LISTED_MAX, status=wanted)
            ]
    show_rows("Deliveries", rows, _DELIVERIES, form=form)


@app.command()
def resend(
    delivery_id: Annotated[str, typer.Argument(metavar="ID", help="The delivery's id, its webhook-id.")],
    data_dir: DataDir = None,
    debug: Debug = False,
) -> None:
    """Send a message again under its id, whatever became of it."""
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from datetime import UTC, datetime

        from ledger.access import deliveries
        from ledger.database import Role, connect

        with connect(store.dsn, Role.DOOR) as connection, connection.cursor() as cursor:
            again = deliveries.resend(cursor, delivery_id, datetime.now(UTC))
    sys.stdout.write(f"{again.type} {again.id} is sent again\n")


def _tell_secret(made: "Endpoint", secret: str, *, json: bool) -> None:
    from ledger.access.documents import endpoint_document

    found: dict[str, Any] = {**endpoint_document(made), "secret": secret}
    if json:
        print_json(found)
    else:
        sys.stdout.write(f"{secret}\n")
        print_error(f"endpoint {made.id} is signed for by this secret; it is not shown again")
