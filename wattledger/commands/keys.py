"""`wattledger keys`: the keys that sign what people decide."""

import sys
from typing import Annotated

import typer

from wattledger.commands.common import settings_of_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_json

app = typer.Typer(name="keys", help="Keys that sign decisions: list, create, retire, export.", no_args_is_help=True)


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
