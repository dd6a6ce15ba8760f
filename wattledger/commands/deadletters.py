"""Commands about refused records: list, show, replay, and pass what cannot be read."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattledger.commands.acting import KEY_VARIABLE, KeyFile, key_of, login_name, stated
from wattledger.commands.common import read, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.errors import ApplicationError
from wattledger.given_file import given_or_input
from wattledger.views.deadletters import show_letter, show_letters
from wattledger.views.forms import Form
from wattledger.views.terminal import print_error, print_json

if TYPE_CHECKING:
    from api.access.principal import Principal
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
    value: Annotated[
        Path | None,
        typer.Option("--value", metavar="FILE", help="A text in place of the one ID; - for standard input."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why, for who asks later; --value needs one.")
    ] = None,
    key_file: KeyFile = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Publish refused records again, after what was wrong was fixed; or one of them mended, by --value.

    What was refused is kept as it came. With a reason it is noted who did it: you by your key or, without one, by
    your name on this machine.
    """
    from ledger.intake import quarantine

    if not ids and code is None:
        raise ApplicationError("name the dead letters to replay by id, or all of one kind by --code")
    text = _value_given(value, ids or [], code, reason)
    with the_store(data_dir, debug=debug) as store:
        from wattledger.replaying import deed_of, publish_again

        actor = _actor(store, key_file)
        letters = [_one_letter(store, each) for each in ids or ()]
        if code is not None:
            of_code = read(store, lambda cursor: quarantine.oldest(cursor, code=code, limit=_LISTED_MAX))
            letters += [_one_letter(store, str(each.deadletter_id)) for each in of_code]
        published = 0
        if letters:
            subject = str(letters[0].deadletter_id) if len(letters) == 1 else code or "dead letters"
            deed = deed_of(letters, subject, stated(reason) if reason is not None else "", text)
            who = actor.name if actor is not None else login_name() if reason is not None else ""
            published = publish_again(store, letters, deed, who, actor)
    if json:
        print_json({"replayed": published})
    elif text is not None:
        sys.stdout.write("published the mended record; consume it, what was refused is kept\n")
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


def _value_given(value: Path | None, ids: Sequence[str], code: str | None, reason: str | None) -> bytes | None:
    """The text in the place of a refused one. Raises ApplicationError where it is not clear of which, or why."""
    if value is None:
        return None
    if len(ids) != 1 or code is not None:
        raise ApplicationError("--value takes the place of one record: name that by its id, and no other")
    if reason is None:
        raise ApplicationError("--value needs --reason: who reads the book later asks why a text was changed")
    return given_or_input(value, "the text of a record")


def _actor(store: "Store", key_file: Path | None) -> "Principal | None":
    """Whose key is named; None where none is."""
    if key_file is None and not os.environ.get(KEY_VARIABLE, "").strip():
        return None
    from wattledger.deciding import actor_by

    return actor_by(store, key_of(key_file))
