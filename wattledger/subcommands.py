"""Groups of commands: payouts, refused records, tariffs."""

from typing import Annotated

import typer

from wattledger.commands.options import DataDir, Debug, Json, Until, moment

payouts_app = typer.Typer(help="Payout runs and payouts.", no_args_is_help=True)
deadletter_app = typer.Typer(help="Records that were refused: list, show, replay after a fix.", no_args_is_help=True)
tariff_app = typer.Typer(help="Tariffs: check them before they are published, list what was.", no_args_is_help=True)


@payouts_app.command("run")
def payouts_run(
    until: Until = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on with the wall clock until stopped.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Do what the clock drives up to now (or TIME): issue CDRs, mature funds, fire every payout run that is due."""
    from wattledger.commands import live

    live.payouts_run(data_dir, moment(until), watch=watch, json=json, debug=debug)


@payouts_app.command("list")
def payouts_list(
    operator: Annotated[str | None, typer.Option("--operator", help="Only this operator's.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List payouts with their status."""
    from wattledger.commands import projections as reading

    reading.payouts_list(data_dir, operator, json=json, debug=debug)


@deadletter_app.command("list")
def deadletter_list(
    code: Annotated[str | None, typer.Option("--code", help="Only this error code.")] = None,
    replayed: Annotated[bool, typer.Option("--replayed", help="Also those that were replayed.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List refused records, the oldest first."""
    from wattledger.commands import deadletters

    deadletters.deadletter_list(data_dir, code, replayed=replayed, json=json, debug=debug)


@deadletter_app.command("show")
def deadletter_show(
    deadletter_id: Annotated[str, typer.Argument(metavar="ID", help="An id, or how it begins.")],
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show a refused record: where it came from, why it was refused, and its bytes."""
    from wattledger.commands import deadletters

    deadletters.deadletter_show(data_dir, deadletter_id, json=json, debug=debug)


@deadletter_app.command("replay")
def deadletter_replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Ids, or how they begin.")] = None,
    code: Annotated[str | None, typer.Option("--code", help="All with this error code.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Publish refused records again, after what was wrong was fixed."""
    from wattledger.commands import deadletters

    deadletters.deadletter_replay(data_dir, ids or [], code, json=json, debug=debug)


@tariff_app.command("orders")
def tariff_orders(
    operator: Annotated[str | None, typer.Option("--operator", help="Only this operator's.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List the orders to rate sessions by another tariff, and why one is not followed."""
    from wattledger.views import rerating as rerate

    rerate.tariff_orders(data_dir, operator, json=json, debug=debug)


@tariff_app.command("lint")
def tariff_lint(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="One OCPI tariff, a list of them, or events a line; - for input."),
    ],
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check OCPI tariffs as they are checked on arrival; exit 1 if any has an error, 0 with warnings only."""
    from wattledger import tariff_linter as tariffs

    tariffs.tariff_lint(files, json=json, debug=debug)


@tariff_app.command("list")
def tariff_list(
    operator: Annotated[str | None, typer.Option("--operator", help="Only this operator's.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """List every version of every tariff, with the hash that CDRs name and the warnings it was accepted with."""
    from wattledger import tariff_linter as tariffs

    tariffs.tariff_list(data_dir, operator, json=json, debug=debug)
