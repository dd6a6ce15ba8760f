"""`wattledger session`, the story of one session, and `wattledger sessions list`."""

from enum import StrEnum
from typing import Annotated

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, OneOperators, form_of
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_error, print_json

app = typer.Typer()
lists = typer.Typer(name="sessions", help="Sessions by their state: list them.", no_args_is_help=True)

_LISTED = ("session_id", "operator_id", "state", "energy_wh", "currency", "gross", "operator_share", "reason")
_NUMBERS = ("energy_wh", "gross", "operator_share")


class State(StrEnum):
    """What a session has come to (docs/sessions.md)."""

    OPEN = "OPEN"
    SUSPENSE = "SUSPENSE"
    RATED = "RATED"
    INVALID = "INVALID"


@app.command()
def session(
    session_id: Annotated[str, typer.Argument(metavar="ID", help="A session's id.")],
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Follow one session: its facts, its outcome, its entries and the payouts that paid it; as CSV its postings."""
    from projections.documents.session import session_document
    from projections.story import session_story

    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        story = read(store, lambda cursor: session_story(cursor, session_id))
    if story is None:
        raise ApplicationError(f"no session {session_id!r} is known; ids are those of charging.session.started")
    if form is Form.JSON:
        print_json(session_document(story))
    elif form is Form.CSV:
        from wattledger.views.entries import write_postings

        write_postings(story.entries)
    else:
        from wattledger.views.session import show_session

        show_session(story)


@lists.command("list")
def list_sessions(
    state: Annotated[
        State | None, typer.Option("--state", case_sensitive=False, help="Only those in this state.")
    ] = None,
    operator: OneOperators = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 100,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """List sessions by id with their state, the reason for it, and what they came to."""
    from projections import queries
    from projections.documents.sessions import listed_session

    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(
            store,
            lambda cursor: queries.sessions(cursor, state=state, operator_id=operator, limit=limit + 1),
            operator,
        )
    rows = [listed_session(row) for row in found[:limit]]
    show_rows("Sessions", rows, _LISTED, _NUMBERS, form=form, prose=("reason",))
    if len(found) > limit:
        print_error(f"only the first {limit} are listed; --limit lists more")
