"""`wattledger status`: what runs, how far everything is, and what waits."""

import json as jsons
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattledger.commands.common import settings_for
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.ending import stop_on_signals
from wattledger.views.forms import Form, flattened, print_csv
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
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show what runs, how far everything is, what waits, and when the next payout runs are."""
    form = form_of(json=json, csv=csv)
    if watch and form is Form.CSV:
        raise typer.BadParameter("a table is of one moment: leave --watch out", param_hint="--csv")
    with _looking(data_dir, debug=debug) as looking:
        if watch:
            _watch(looking, json=json)
        elif form is Form.JSON:
            print_json(looking.look())
        elif form is Form.CSV:
            print_csv(("what", "value"), flattened(looking.look()))
        else:
            from wattledger.views.status import show_status

            show_status(looking.look())


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
    from wattledger.views.status import show_status, status_page

    if not sys.stdout.isatty():

        def print_below(found: dict[str, Any]) -> None:
            show_status(found)
            sys.stdout.flush()

        yield print_below
        return
    from rich.live import Live

    from wattledger.views.tables import output

    with Live(console=output(), screen=True, auto_refresh=False) as live:
        yield lambda found: live.update(status_page(found), refresh=True)
