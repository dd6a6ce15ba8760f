"""`wattledger load run`: keeps sites below their limits while cars charge there, as one of the members that do."""

from enum import StrEnum
from typing import Annotated

import typer

from wattledger.commands.common import live_store
from wattledger.commands.options import DataDir, Debug

commands = typer.Typer()


class Time(StrEnum):
    """By which clock time goes on."""

    WALL = "wall"
    EVENTS = "events"


@commands.command("run")
def run(
    data_dir: DataDir = None,
    clock: Annotated[
        Time, typer.Option("--clock", help="By which time goes on: the wall's, or what messages say, for trials.")
    ] = Time.WALL,
    debug: Debug = False,
) -> None:
    """Tell charging cars what they may draw, so that sites keep below limits, until stopped; several may run."""
    import asyncio

    from consumers.load import steer_sites
    from engine.load.steering import Steering
    from ledger.heartbeat import heartbeat
    from wattledger.ending import IN_ORDER_S, stop_on_signals
    from wattledger.monitoring.monitor import LOAD

    with (
        live_store(data_dir, LOAD, debug=debug) as (store, signs),
        stop_on_signals(IN_ORDER_S) as stop,
        heartbeat(store.dsn, "load"),
    ):

        def make() -> Steering:
            return Steering(store.dsn, by_events=clock is Time.EVENTS)

        asyncio.run(steer_sites(store.kafka, make, stop, group_id=store.settings.group_id, watch=signs))
