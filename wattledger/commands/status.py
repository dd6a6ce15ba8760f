"""`wattledger status`: what runs, how far everything is, and what waits."""

import json as jsons
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattledger.commands.common import settings_for
from wattledger.commands.options import DataDir, Debug, Json
from wattledger.ending import stop_on_signals
from wattledger.views.terminal import print_error, print_json

if TYPE_CHECKING:
    from wattledger.system_status import Looking

app = typer.Typer()

_WATCH_S = 2.0


@app.command()
def status(
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what runs, how far everything is, what waits, and when the next payout runs are."""
    with _looking(data_dir, debug=debug) as looking:
        if watch:
            _watch(looking, json=json)
        elif json:
            print_json(looking.look())
        else:
            from wattledger.views.status import status_page
            from wattledger.views.tables import output

            output().print(status_page(looking.look()))


@contextmanager
def _looking(data_dir: DataDir, *, debug: bool) -> Iterator["Looking"]:
    settings = settings_for(data_dir, debug=debug)
    from wattledger.opening import open_store
    from wattledger.system_status import Looking, postgres_runs

    ran = postgres_runs(settings)
    with open_store(settings, needs_kafka=False) as store:
        yield Looking(store, postgres_ran=ran)


def _watch(looking: "Looking", *, json: bool) -> None:
    """Look again and again; a database that is away is said, and asked again."""
    from ledger.errors import MachineryFault

    with stop_on_signals() as stop, _shown(json=json) as show:
        while not stop.is_set():
            try:
                show(looking.look())
            except MachineryFault as fault:
                print_error(f"{fault}; trying again")
            stop.wait(_WATCH_S)


@contextmanager
def _shown(*, json: bool) -> Iterator[Any]:
    """Shows documents: in place on a terminal, elsewhere one below the other, as JSON a line each."""
    if json:
        yield lambda found: (sys.stdout.write(jsons.dumps(found) + "\n"), sys.stdout.flush())
        return
    from wattledger.views.status import status_page
    from wattledger.views.tables import output

    console = output()
    if not console.is_terminal:
        yield lambda found: console.print(status_page(found))
        return
    from rich.live import Live

    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield lambda found: live.update(status_page(found), refresh=True)
