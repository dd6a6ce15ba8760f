"""Commands about refused records: list, show, replay, and pass what cannot be read."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.errors import ApplicationError
from wattledger.views.deadletters import show_letter, show_letters
from wattledger.views.forms import Form
from wattledger.views.terminal import print_error, print_json

if TYPE_CHECKING:
    from ledger.intake.quarantine import DeadLetter
    from wattledger.store import Store

app = typer.Typer(
    name="deadletter",
    help="Records that were refused: list, show, replay after a fix; pass batches that cannot be read.",
    no_args_is_help=True,
)

_LISTED_MAX = 1_000


@app.command("list")
def list_letters(
    code: Annotated[str | None, typer.Option("--code", help="Only this error code.")] = None,
    replayed: Annotated[bool, typer.Option("--replayed", help="Also those that were replayed.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """List refused records, the newest last."""
    from ledger.intake import quarantine
    from projections.documents.deadletters import listed_letter

    form = form_of(json=json, csv=csv)

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(
            store,
            lambda cursor: quarantine.newest(cursor, code=code, include_replayed=replayed, limit=_LISTED_MAX + 1),
        )
    letters = [listed_letter(letter) for letter in found[-_LISTED_MAX:]]
    show_letters(letters, form)
    if len(found) > len(letters):
        print_error(f"only the last {_LISTED_MAX} are listed; narrow them by --code")


@app.command()
def show(
    deadletter_id: Annotated[str, typer.Argument(metavar="ID", help="An id, or how it begins.")],
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show a refused record: where it came from, why it was refused, and its bytes."""
    from projections.documents.deadletters import letter_document

    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        letter = letter_document(_one_letter(store, deadletter_id))
    if form is Form.JSON:
        print_json(letter)
    else:
        show_letter(letter, form)


@app.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Ids, or how they begin.")] = None,
    code: Annotated[str | None, typer.Option("--code", help="All with this error code.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Publish refused records again, after what was wrong was fixed."""
    from consumers.publisher import Outgoing
    from ledger.intake import quarantine
    from wattledger.verbs import publish_records

    if not ids and code is None:
        raise ApplicationError("name the dead letters to replay by id, or all of one kind by --code")
    with the_store(data_dir, debug=debug) as store:
        letters = [_one_letter(store, each) for each in ids or ()]
        if code is not None:
            of_code = read(store, lambda cursor: quarantine.oldest(cursor, code=code, limit=_LISTED_MAX))
            letters += [_one_letter(store, str(each.deadletter_id)) for each in of_code]
        _refuse_unpublished(letters)
        records = [
            Outgoing(letter.topic, letter.key, letter.value or b"", tuple(letter.headers)) for letter in letters
        ]
        # Marked first: a record that is refused again while this runs is listed again from then on.
        _mark_replayed(store, letters, replayed=True)
        try:
            published = publish_records(store, records)
        except BaseException:
            _mark_replayed(store, letters, replayed=False)
            raise
    if json:
        print_json({"replayed": published})
    else:
        sys.stdout.write(f"published {published} records again; consume them and see what is still refused\n")


@app.command()
def skip(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="The topic of a record batch that cannot be read.")],
    partition: Annotated[int, typer.Argument(metavar="PARTITION", help="Its partition.", min=0)],
    offset: Annotated[int, typer.Argument(metavar="OFFSET", help="Where reading stands still.", min=0)],
    reason: Annotated[str, typer.Option("--reason", help="Why it is passed, for those who ask later.")],
    through: Annotated[
        int | None, typer.Option("--through", help="The last offset of the batch, if it has several records.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Pass a record batch that cannot be read: it is kept as a dead letter, and reading goes on behind it."""
    from wattledger.verbs import pass_batch

    with the_store(data_dir, debug=debug) as store:
        letter = pass_batch(store, (topic, partition), offset, offset if through is None else through, reason)
    if json:
        print_json({"id": str(letter.deadletter_id), "passed": letter.sentence})
    else:
        sys.stdout.write(
            f"topic {topic}, partition {partition}: {letter.sentence}\nkept as dead letter {letter.deadletter_id}; "
            "have the sender send its messages again\n"
        )


def _one_letter(store: "Store", deadletter_id: str) -> "DeadLetter":
    from ledger.intake import quarantine

    found: list[DeadLetter] = read(store, lambda cursor: quarantine.show(cursor, deadletter_id))
    if len(found) != 1:
        problem = "no dead letter has" if not found else f"{len(found)} dead letters have"
        raise ApplicationError(
            f"{problem} an id that begins with {deadletter_id!r}; see 'wattledger deadletter list'"
        )
    return found[0]


def _refuse_unpublished(letters: Sequence["DeadLetter"]) -> None:
    """Raises ApplicationError where a letter is of a record that publishing again would not mend."""
    unsent = [letter for letter in letters if not letter.topic]
    if unsent:
        raise ApplicationError(
            f"dead letter {unsent[0].deadletter_id} was never sent, so it was not kept: publish its file again"
        )
    unread = [letter for letter in letters if letter.code == "UNREAD_BATCH"]
    if unread:
        raise ApplicationError(
            f"dead letter {unread[0].deadletter_id} is of a batch that could not be read: have the sender send its "
            "messages again"
        )
    contradicting = [letter for letter in letters if letter.partition is None]
    if contradicting:
        raise ApplicationError(
            f"dead letter {contradicting[0].deadletter_id} was accepted before it showed that it contradicts its "
            "session: the record is known, so send the right fact with an id of its own"
        )


def _mark_replayed(store: "Store", letters: Sequence["DeadLetter"], *, replayed: bool) -> None:
    from ledger.gateway import Gateway
    from ledger.intake import quarantine

    gateway = Gateway(store.dsn)
    try:
        with gateway.transaction() as cursor:
            quarantine.mark_replayed(cursor, [letter.deadletter_id for letter in letters], replayed=replayed)
    finally:
        gateway.close()
