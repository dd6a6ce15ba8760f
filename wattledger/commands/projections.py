"""Commands about read models: rebuild them, and write their files."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from wattledger.commands.common import make_folder, the_store
from wattledger.commands.options import BankFiles, BankFilesOption, DataDir, Debug, Directory, Json
from wattledger.views.summary import read_summary, show_summary
from wattledger.views.tables import show_rows

app = typer.Typer()


@app.command()
def rebuild(
    projections: Annotated[list[str] | None, typer.Argument(metavar="[PROJECTION...]", help="All when none.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Rebuild read models from the event store while the system runs."""
    from projections.rebuild import rebuild as rebuild_projections

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        positions = rebuild_projections(store.dsn, projections or None)
    rows = [{"projection": name, "position": position} for name, position in positions.items()]
    show_rows("Rebuilt", rows, ("position",), json=json)


@app.command()
def export(
    directory: Directory,
    bank_files: BankFilesOption = BankFiles.NEW,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write the files of a settlement from the store as it stands."""
    from ledger.database import Role, connect
    from ledger.intake import positions
    from projections.documents.summary import taken_document
    from projections.export import export as write_files

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        make_folder(directory)
        began = time.monotonic()
        with connect(store.dsn, Role.PROJECTOR) as connection, connection.cursor() as cursor:
            tally = positions.totals(cursor)
        summary = taken_document(tally, time.monotonic() - began)
        write_files(
            store.dsn,
            directory,
            store.platform,
            summary,
            every_bank_file=bank_files is BankFiles.ALL,
            made_at=datetime.now(UTC),
        )
    show_summary(read_summary(directory), directory, json=json)
