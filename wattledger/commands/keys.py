"""`wattledger keys`: the keys that sign what people decide, and the one that signs anchors of the book."""

import sys
from base64 import b64encode
from typing import Annotated

import typer

from wattledger.commands.common import settings_of_store, the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_json

app = typer.Typer(
    name="keys",
    help="Keys that sign: decisions by list, create, retire, export; anchors by anchors, rotate.",
    no_args_is_help=True,
)


@app.command("list")
def list_keys(data_dir: DataDir = None, json: Json = False, csv: Csv = False, debug: Debug = False) -> None:
    """List the keys whose decisions count, and which of them signs here."""
    from wattledger.decision_keys import public_keys, signing_key_id

    settings = settings_of_store(data_dir, debug=debug)
    signs = signing_key_id(settings)
    rows = [{"id": key["kid"], "signs_here": key["kid"] == signs} for key in public_keys(settings)]
    show_rows("Decision keys", rows, ("id", "signs_here"), form=form_of(json=json, csv=csv))


@app.command()
def create(data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Make a new key that signs from here on; what was signed by those before it still counts."""
    from wattledger.decision_keys import create_key

    key_id = create_key(settings_of_store(data_dir, debug=debug))
    if json:
        print_json({"id": key_id})
    else:
        sys.stdout.write(f"decisions are signed by key {key_id} from now on\n")


@app.command()
def retire(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as it is listed.")],
    data_dir: DataDir = None,
    debug: Debug = False,
) -> None:
    """Have decisions that a key signed count no more, where it got into other hands.

    What was taken in stays; `wattledger verify` names it, and it is refused where the messages are settled anew.
    """
    from wattledger.decision_keys import retire_key

    retire_key(settings_of_store(data_dir, debug=debug), key_id)
    sys.stdout.write(f"what key {key_id} signs counts no more\n")


@app.command()
def export(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Print the public keys as a JSON Web Key Set, as WATTLEDGER_DECISION_KEYS takes them."""
    from wattledger.decision_keys import public_keys

    print_json({"keys": public_keys(settings_of_store(data_dir, debug=debug))})


@app.command()
def anchors(data_dir: DataDir = None, json: Json = False, csv: Csv = False, debug: Debug = False) -> None:
    """List the public keys of anchors of the book, by whom each was introduced, and which of them signs here."""
    from ledger.book.anchor_keys import known_keys
    from ledger.database import Role, connect, database_faults
    from wattledger.anchor_keys import signing_key_id

    with the_store(data_dir, debug=debug, needs_kafka=False) as store, database_faults():
        with connect(store.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
            known = known_keys(cursor)
        signs = signing_key_id(store.settings)
    rows = [
        {
            "id": key.key_id,
            "public_key": b64encode(key.public_key).decode(),
            "since": key.introduced_at.isoformat().replace("+00:00", "Z"),
            "introduced_by": key.introduced_by,
            "signs_here": key.key_id == signs,
        }
        for key in known
    ]
    columns = ("id", "public_key", "since", "introduced_by", "signs_here")
    show_rows("Anchor keys", rows, columns, form=form_of(json=json, csv=csv))


@app.command()
def rotate(
    lost: Annotated[
        bool, typer.Option("--lost", help="The key of before is gone: the new one is introduced by nobody.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Have a new key sign anchors of the book, which the one of before introduces by its signature."""
    from ledger.database import database_faults
    from ledger.gateway import Gateway
    from wattledger.anchor_keys import rotate as rotate_key

    with the_store(data_dir, debug=debug, needs_kafka=False) as store, database_faults():
        gateway = Gateway(store.dsn)
        try:
            made, before = rotate_key(store.settings, gateway, lost=lost)
        finally:
            gateway.close()
    if json:
        print_json({"id": made.key_id, "introduced_by": made.introduced_by, "lost": before if lost else None})
        return
    sys.stdout.write(f"anchors are signed by key {made.key_id} from now on\n")
    if lost:
        sys.stdout.write(
            f"key {before} is said to be lost: nobody introduces the new one, so tell all who check proofs its "
            "public key, which `wattledger keys anchors` lists\n"
        )
