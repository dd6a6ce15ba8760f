"""The command of the reference payout processor."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from wattledger.commands.common import make_folder, settings_for, the_brokers
from wattledger.commands.options import DataDir, Debug
from wattledger.errors import ApplicationError

app = typer.Typer()


class How(StrEnum):
    """How the processor answers: by events on `payout.results`, or by files of the bank."""

    EVENTS = "events"
    FILES = "files"


class By(StrEnum):
    """The clock of the bank: the wall's, or the time at which each payout was handed off."""

    WALL = "wall"
    EVENTS = "events"


@app.command()
def processor(
    bootstrap: Annotated[
        str | None, typer.Option("--bootstrap", metavar="HOST:PORT", help="Kafka's address.")
    ] = None,
    behaviour: Annotated[
        list[str] | None,
        typer.Option(
            "--behaviour",
            metavar="NAME=VALUE|FILE",
            help="What the bank does, such as reject=0.05 or operator:OP-1=return+twice,pay; docs/processors.md.",
        ),
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option("--files", metavar="DIR", help="Hand in the bank files of a folder, once their orders came."),
    ] = None,
    answers: Annotated[
        How, typer.Option("--answers", help="By events, or by the bank's files in the folder `from-bank` of --files.")
    ] = How.EVENTS,
    clock: Annotated[By, typer.Option("--clock", help="The bank's clock; events: by when payouts left.")] = By.WALL,
    source: Annotated[
        str, typer.Option("--source", metavar="URN", help="Who answers, as the source of its events.")
    ] = "urn:wattledger:processor",
    state: Annotated[
        Path | None, typer.Option("--state", metavar="DIR", help="Its own files; `processor` in the data directory.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Do what there is to do by now, and end.")] = False,
    data_dir: DataDir = None,
    debug: Debug = False,
) -> None:
    """Play a payout processor and its bank: read batches, pay, reject or return them, and answer; until stopped."""
    import asyncio

    from consumers.desk import run_desk
    from wattledger.ending import IN_ORDER_S, stop_on_signals
    from wattledger.logs import say
    from wattledger.processor.behaviour import Behaviour
    from wattledger.processor.errors import BehaviourRefused
    from wattledger.processor.processor import Clock, Processor

    if answers is How.FILES and files is None:
        raise typer.BadParameter("a bank's files are about files that it has: name --files", param_hint="--answers")
    if files is not None and not files.is_dir():
        raise ApplicationError(f"{files} is no folder: name that of the bank files, such as `batches` of an export")
    settings = settings_for(data_dir, debug=debug, live=not once)
    try:
        wanted = Behaviour.parse(behaviour or ())
    except BehaviourRefused as refused:
        raise typer.BadParameter(str(refused), param_hint="--behaviour") from None
    with the_brokers(settings, bootstrap) as kafka, _alone_in(state or settings.data_dir / "processor") as folder:
        writes_to = make_folder(files / "from-bank") if files is not None and answers is How.FILES else None
        made = Processor(folder, wanted, clock=Clock(clock), source=source, bank_files=files, writes_to=writes_to)
        try:
            with stop_on_signals(IN_ORDER_S) as stop:
                say(f"a payout processor reads at {kafka['bootstrap_servers']}, its state is in {folder}")
                asyncio.run(run_desk(kafka, made, stop, once=once))
        finally:
            made.close()


@contextmanager
def _alone_in(folder: Path) -> Iterator[Path]:
    """A folder for one processor at a time; raises ApplicationError where another has it."""
    from wattledger.embedded.folder import ServiceFolder

    held = ServiceFolder(make_folder(folder))
    if not held.lock():
        raise ApplicationError(f"another processor works in {folder}: end it, or name another folder with --state")
    try:
        yield folder
    finally:
        held.unlock()
