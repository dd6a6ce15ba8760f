"""`wattledger psql`: looks into the database by hand, reading only."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattledger.commands.common import settings_for
from wattledger.commands.options import DataDir, Debug
from wattledger.errors import ApplicationError, ServiceError
from wattledger.views.terminal import print_error

if TYPE_CHECKING:
    from ledger.database import Role

app = typer.Typer()


@app.command()
def psql(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[-- ARGS]", help="Arguments of psql.")] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="Events and messages too, which name drivers and bank accounts.")
    ] = False,
    print_url: Annotated[
        bool, typer.Option("--print", help="Print the URL to connect with, and start nothing.")
    ] = False,
    data_dir: DataDir = None,
    debug: Debug = False,
) -> None:
    """Open psql on the store, in a role that reads only; `-- ARGS` go to psql."""
    settings = settings_for(data_dir, debug=debug)
    from ledger.database import password_of, reading_url
    from wattledger.opening import open_store
    from wattledger.system_status import postgres_runs

    ran = postgres_runs(settings)
    with open_store(settings, needs_kafka=False) as store:
        role = _role(store.dsn, everything=everything)
        if print_url:
            if not ran:
                raise ApplicationError(
                    f"PostgreSQL of {settings.data_dir} is not running, so there is no URL to connect with: keep it "
                    "running with `wattledger up`, or leave --print out"
                )
            sys.stdout.write(f"{reading_url(store.dsn, role)}\n")
            return
        program = _psql()
        if program is None:
            raise ApplicationError(
                f"there is no psql here: install one, or use another client with {reading_url(store.dsn, role)}"
            )
        # A password among the words of a command would be everybody's to read.
        password = password_of(store.dsn)
        environment = os.environ | ({"PGPASSWORD": password} if password else {})
        status = _run(
            [str(program), reading_url(store.dsn, role, with_password=False), *(arguments or [])], environment
        )
    if status:
        sys.exit(status)


def _role(dsn: str, *, everything: bool) -> "Role | None":
    from ledger.database import Role, may_act_as

    role = Role.AUDITOR if everything else Role.READER
    if may_act_as(dsn, role):
        return role
    print_error(f"this login is no member of {role.value}: it reads as itself, and changes nothing unless it insists")
    return None


def _psql() -> Path | None:
    """PostgreSQL's own that comes with the embedded server, else the one that is installed."""
    from wattledger.embedded.postgres import program

    try:
        ours = program("psql")
    except ServiceError:
        ours = None
    if ours is not None and os.access(ours, os.X_OK):
        return ours
    found = shutil.which("psql")
    return Path(found) if found else None


def _run(words: list[str], environment: dict[str, str]) -> int:
    """Run psql on this terminal; Ctrl-C is for it alone, as it cancels a query."""
    # A handler of ours, unlike SIG_IGN, is not handed down.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        return subprocess.run(words, env=environment, check=False).returncode  # noqa: S603 - psql, as it was asked for
    finally:
        signal.signal(signal.SIGINT, before)
