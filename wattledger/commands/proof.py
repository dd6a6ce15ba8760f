"""`wattledger proof`: what proves an entry, or that an anchor goes on from an older one."""

from typing import Annotated
from uuid import UUID

import typer

from wattledger.commands.common import the_store
from wattledger.commands.options import DataDir, Debug
from wattledger.errors import ApplicationError
from wattledger.views.terminal import print_json

app = typer.Typer()

Entry = Annotated[str | None, typer.Argument(metavar="[ENTRY]", help="The id of an entry of the journal.")]
Between = Annotated[
    tuple[int, int] | None,
    typer.Option("--between", metavar="OLD NEW", help="The numbers of two anchors, in place of an entry."),
]


@app.command()
def proof(entry: Entry = None, between: Between = None, data_dir: DataDir = None, debug: Debug = False) -> None:
    """Print, as JSON, what proves that ENTRY is in the last anchor, or that anchor NEW goes on from OLD.

    The file check.py of an export made with --proofs checks it on any machine. Ends with 1 for an entry that is
    in no anchor yet.
    """
    from ledger.book.proofs import NotProved, consistency, inclusion
    from ledger.database import Role, connect, database_faults

    with (
        the_store(data_dir, debug=debug, needs_kafka=False) as store,
        database_faults(),
        connect(store.dsn, Role.AUDITOR) as connection,
        connection.cursor() as cursor,
    ):
        if (entry is None) == (between is None):
            raise typer.BadParameter("name one entry, or two anchors by --between", param_hint="ENTRY")
        try:
            found = inclusion(cursor, _id(entry)) if entry is not None else consistency(cursor, *(between or (0, 0)))
        except NotProved as refused:
            raise ApplicationError(str(refused)) from None
    print_json(found)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ApplicationError(
            f"{text!r} is no id of an entry: `wattledger trace ID` finds the entries of a session, payment or payout"
        ) from None
