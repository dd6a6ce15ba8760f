"""`wattledger rerate`: what sessions would have earned by another tariff, and the order to rate them so."""

import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattledger.commands.common import read, tell_faults, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, day_or_moment, form_of, read_tax
from wattledger.views.forms import Form
from wattledger.views.progress import progress_report

if TYPE_CHECKING:
    from engine.what_if import SessionIf, Totals
    from projections.network.margins_if import MarginsIf
    from wattledger.rerating import Wish
    from wattledger.store import Store

app = typer.Typer()


@app.command()
def rerate(
    operator: Annotated[str, typer.Option("--operator", metavar="ID", help="Whose sessions.")],
    since: Annotated[
        str, typer.Option("--from", metavar="D", help="Started on this local day or later, or from this time on.")
    ],
    until: Annotated[
        str, typer.Option("--to", metavar="D", help="Started on this local day or earlier, or before this time.")
    ],
    tariff: Annotated[
        str,
        typer.Option(
            "--tariff",
            metavar="T",
            help="The id of a published tariff, or a file: an OCPI tariff, or a tariff.published event or its data.",
        ),
    ],
    tax: Annotated[
        list[str] | None,
        typer.Option(
            "--tax", metavar="NAME=PERCENT", help="Instead of the taxes configured for the tariff; may be repeated."
        ),
    ] = None,
    sessions_of: Annotated[
        str | None, typer.Option("--sessions-of", metavar="TARIFF", help="Only sessions that name this tariff.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Order it: rate these sessions so from now on.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why it is ordered; with --apply.")] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="When the order takes effect; a date is the end of that day where the operator is. Now by default.",
        ),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show what past sessions would have earned by another tariff; with --apply, rate them by it.

    As CSV every session that is rated; not with --apply.
    """
    from wattledger.rerating import Wish

    form = form_of(json=json, csv=csv)
    if apply and form is Form.CSV:
        raise typer.BadParameter("not with --apply, which shows no list", param_hint="--csv")
    if apply and not (reason and reason.strip()):
        raise typer.BadParameter("an order needs one: who reads the book later asks why", param_hint="--reason")
    now = datetime.now(UTC)
    named = now if at is None else day_or_moment(at, "--at")
    ordered_at, on = (named, None) if isinstance(named, datetime) else (now, named)
    if ordered_at > now:
        # The order's time would be the store's latest, and whatever follows event time would run ahead of the day.
        raise typer.BadParameter("an order cannot take effect later than now", param_hint="--at")
    days = (day_or_moment(since, "--from"), day_or_moment(until, "--to"))
    taxes = tuple(read_tax(text) for text in tax or ())
    wish = Wish(operator, *days, tariff, sessions_of, ordered_at, reason if apply else None, taxes, on)
    (_apply if apply else _ask)(data_dir, wish, form, debug=debug)


def _ask(data_dir: Path | None, wish: "Wish", form: Form, *, debug: bool) -> None:
    """Show what the tariff would have earned."""
    from engine.what_if import what_if
    from wattledger.rerating import order_of
    from wattledger.views.rerating import show_what_if, write_rows, write_what_if

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        order = order_of(store, wish)
        # Closed at once, also when nobody reads the output to its end: a transaction is open while it is read.
        with closing(what_if(store.dsn, order)) as sessions:
            if form is Form.CSV:
                write_rows(order, sessions)
                return
            write = write_what_if if form is Form.JSON else show_what_if
            write(order, sessions, lambda brings: _margins(store, brings))


def _margins(store: "Store", brings: "Mapping[str, tuple[int, int, int, int]]") -> "MarginsIf":
    """What another tariff does to the margins of sessions and to days to cash."""
    from projections.network.margins_if import Change, margins_if

    changes = {session_id: Change(*each) for session_id, each in brings.items()}
    found: MarginsIf = read(store, lambda cursor: margins_if(cursor, changes), on_demand=("network",))
    return found


def _apply(data_dir: Path | None, wish: "Wish", form: Form, *, debug: bool) -> None:
    """Order it and show what that changed."""
    from engine.what_if import standing, what_if
    from wattledger.crew import Crew
    from wattledger.rerating import give, order_of
    from wattledger.verbs import take_in
    from wattledger.views.rerating import show_given

    with the_store(data_dir, debug=debug) as store, progress_report() as progress, Crew(store) as crew:
        # First what waits to be taken in: the sessions before and after are to differ by the order only.
        take_in(crew, progress)
        order = order_of(store, wish)
        before = _totals(what_if(store.dsn, order))
        give(store, crew, order, progress)
        after = _totals(standing(store.dsn, order))
        status = tell_faults(store)
        show_given(order, before, after, json=form is Form.JSON)
    if status:
        sys.exit(status)


def _totals(sessions: Iterable["SessionIf"]) -> "Totals":
    from engine.what_if import Totals

    totals = Totals()
    for each in sessions:
        totals.add(each)
    return totals
