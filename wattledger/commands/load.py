"""`wattledger load`: the energy of sites by quarter hour, day or site, their monthly peaks, and what is left out."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.network_options import Before, LocationId, Operator, Since, asked_for
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.views.tables import show_rows

if TYPE_CHECKING:
    from projections.network.asked import Asked

app = typer.Typer(name="load", help="Load of sites: energy by quarter hour, day or site, and monthly peaks.")

_WHOSE = ("operator_id", "location_id")
_METER = ("measured_wh", "other_wh", "unexplained_wh")
_BY = ("quarter", "day", "site", "evse", "channel")
_PEAK = ("energy_wh", "peak_start", "peak_wh", "peak_kw", "load_factor", "measured_peak_start", "measured_peak_kw")
_LEFT_OUT = ("session_id", *_WHOSE, "evse_uid", "started_at", "ended_at", "reason")


@app.callback(invoke_without_command=True)
def load(
    context: typer.Context,
    operator: Operator = None,
    location: LocationId = None,
    since: Since = None,
    before: Before = None,
    by: Annotated[
        str, typer.Option("--by", metavar="WHAT", help="quarter (an hour has four), day, site, evse or channel.")
    ] = "quarter",
    peaks: Annotated[bool, typer.Option("--peaks", help="The highest quarter hour of each month of a site.")] = False,
    left_out: Annotated[
        bool, typer.Option("--left-out", help="The sessions that are in no figure of energy, and why.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show the energy of sites in Wh, spread over the seconds in which sessions charged, beside what meters say."""
    if context.invoked_subcommand is not None:
        return
    form = form_of(json=json, csv=csv)
    asked = asked_for(operator, location, since, before)
    if by not in _BY:
        raise typer.BadParameter(f"{by!r} is none of {', '.join(_BY)}", param_hint="--by")
    if peaks and left_out:
        raise typer.BadParameter("one of --peaks and --left-out at a time", param_hint="--left-out")
    if by in ("evse", "channel") and not peaks and not left_out:
        _check_days(asked, by)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        rows = read(store, lambda cursor: _rows(cursor, asked, by, peaks, left_out), operator, on_demand=("network",))
    if peaks:
        columns: tuple[str, ...] = (*_WHOSE, "month", *_PEAK)
        numbers: tuple[str, ...] = ("energy_wh", "peak_wh", "peak_kw", "load_factor", "measured_peak_kw")
    elif left_out:
        columns, numbers = _LEFT_OUT, ()
    elif by in ("evse", "channel"):
        columns = ("operator_id", *(("location_id", "evse_uid") if by == "evse" else ("channel",)), "energy_wh")
        numbers = ("energy_wh",)
    else:
        named = {"quarter": ("start", "energy_wh", "kw", "sessions"), "day": ("date", "energy_wh")}
        columns = (*_WHOSE, *named.get(by, ("energy_wh",)), *_METER)
        numbers = ("energy_wh", "kw", "sessions", *_METER)
    show_rows("Sessions left out" if left_out else "Load of sites", rows, columns, numbers, form=form)


def _rows(cursor: Any, asked: "Asked", by: str, peaks: bool, left_out: bool) -> list[dict[str, Any]]:
    from projections.documents import load as documents
    from projections.network import load as found
    from projections.network.horizon import network_horizon

    if peaks:
        return [documents.peak_document(each) for each in found.peaks(cursor, asked, network_horizon(cursor))]
    if left_out:
        return [documents.left_out_document(each) for each in found.left_out(cursor, asked)]
    if by in ("evse", "channel"):
        return _by_use(cursor, asked, by)
    if by == "quarter":
        return [documents.load_document(each) for each in found.quarters(cursor, asked)]
    return [documents.load_document(each) for each in found.sums(cursor, asked, found.By(by))]


def _check_days(asked: "Asked", by: str) -> None:
    from datetime import datetime

    for at, option in ((asked.since, "--from"), (asked.until, "--to")):
        if isinstance(at, datetime):
            raise typer.BadParameter(f"--by {by} is kept by whole days: name one", param_hint=option)


def _by_use(cursor: Any, asked: "Asked", by: str) -> list[dict[str, Any]]:
    """The energy of EVSEs or channels, of which no quarter hours are kept: that of their days."""
    from datetime import date

    from projections.documents.use import use_document
    from projections.network.horizon import network_horizon
    from projections.network.use import UseAsked, by_of, use_of

    first, last = (at if isinstance(at, date) else None for at in (asked.since, asked.until))
    keys = by_of(by)
    wanted = UseAsked(asked.operator_id, asked.location_id, None, first, last, keys)
    names = ("operator_id", "location_id", "evse_uid", "channel", "energy_wh", "sessions")
    found = [use_document(each, keys) for each in use_of(cursor, wanted, network_horizon(cursor))]
    return [{name: document[name] for name in names if name in document} for document in found]
