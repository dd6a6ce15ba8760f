"""The command that serves the HTTP resources and the pages."""

from typing import Annotated

import typer

from wattledger.commands.common import settings_for
from wattledger.commands.options import DataDir, Debug
from wattledger.logs import say

app = typer.Typer()


@app.command()
def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65_535,
            help="The port; by default WATTLEDGER_PORT, or 8080. 0 takes any that is free.",
        ),
    ] = None,
    dev_login: Annotated[
        bool, typer.Option("--dev-login", help="A button for each role on /login; on a loopback address only.")
    ] = False,
    data_dir: DataDir = None,
    debug: Debug = False,
) -> None:
    """Serve the pages and the HTTP resources, until stopped."""
    from ledger.heartbeat import heartbeat
    from wattledger.ending import IN_ORDER_S, stop_on_signals
    from wattledger.opening import open_store
    from wattledger.serving import check_dev_login, listen, run_surface

    settings = settings_for(data_dir, debug=debug, live=True)
    if dev_login:
        check_dev_login(host, settings.public_url)
    with (
        stop_on_signals(IN_ORDER_S) as stop,
        open_store(settings, needs_kafka=False) as store,
        heartbeat(store.dsn, "serve"),
    ):
        listening, url = listen(host, settings.port if port is None else port)
        with listening:
            run_surface(store, listening, url, stop, dev_login=dev_login, ready=lambda: say(f"listening on {url}"))
