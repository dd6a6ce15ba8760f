"""Commands about read models: rebuild them, and write their files."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from wattledger.commands.common import make_folder, the_store
from wattledger.commands.options import BankFiles, BankFilesOption, Csv, DataDir, Debug, Directory, Json, form_of
from wattledger.views.summary import read_summary, show_written
from wattledger.views.tables import show_rows

app = typer.Typer()


@app.command()
def rebuild(
    projections: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PROJECTION...]", help="Names, or roaming; all where none is named."),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Rebuild read models, and what roaming partners see, from the event store while the system runs."""
    from projections.rebuild import rebuild as rebuild_projections
    from projections.registry import chosen
    from projections.roaming.feed import NAME
    from projections.roaming.feed import rebuild as rebuild_roaming

    form = form_of(json=json, csv=csv)
    wanted = [name for name in projections or () if name != NAME]
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        positions: dict[str, int] = {}
        if wanted or not projections:
            positions |= rebuild_projections(store.dsn, chosen(wanted))
        if not projections or NAME in projections:
            reached = rebuild_roaming(store.dsn, store.settings.power_max_kw)
            positions[NAME] = min(reached.values())
    rows = [{"projection": name, "position": position} for name, position in positions.items()]
    show_rows("Rebuilt", rows, ("projection", "position"), ("position",), form=form)


@app.command()
def export(
    directory: Directory,
    bank_files: BankFilesOption = BankFiles.NEW,
    books: Annotated[
        bool, typer.Option("--books", help="Also the book as text: hledger, beancount, CSV and Parquet.")
    ] = False,
    proofs: Annotated[
        bool, typer.Option("--proofs", help="Anchor what is new, and write what proves the journal to strangers.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Write the files of a settlement from the store as it stands, and say what was written."""
    from ledger.database import Role, connect
    from ledger.intake import positions
    from projections.documents.summary import taken_document
    from projections.export import export as write_files

    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        make_folder(directory)
        began = time.monotonic()
        with connect(store.dsn, Role.PROJECTOR) as connection, connection.cursor() as cursor:
            tally = positions.totals(cursor)
        if proofs:
            from wattledger.anchoring import anchor_now  # Here: it signs, and other exports do not.

            anchor_now(store)
        summary = taken_document(tally, time.monotonic() - began)
        written = write_files(
            store.dsn,
            directory,
            store.platform,
            summary,
            every_bank_file=bank_files is BankFiles.ALL,
            network=True,
            books=books,
            proofs=proofs,
            made_at=datetime.now(UTC),
        )
    files = [{"file": name, "holds": holds, "count": number} for name, holds, number in written]
    show_written(files, read_summary(directory), directory, form)
