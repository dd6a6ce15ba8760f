"""`wattledger session`: the story of one session."""

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.options import DataDir, Debug, Json
from wattledger.errors import ApplicationError
from wattledger.views.terminal import print_json

app = typer.Typer()


@app.command()
def session(session_id: str, data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Follow one session: its facts, its outcome, its entries and the payouts that paid it."""
    from projections.documents.session import session_document
    from projections.story import session_story

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        story = read(store, lambda cursor: session_story(cursor, session_id))
    if story is None:
        raise ApplicationError(f"no session {session_id!r} is known; ids are those of charging.session.started")
    if json:
        print_json(session_document(story))
    else:
        from wattledger.views.session import show_session

        show_session(story)
