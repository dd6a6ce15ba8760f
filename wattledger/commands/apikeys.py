"""`wattledger apikey`: keys of programs that use the API."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from wattledger.commands.common import settings_for, the_door
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of, last_moment
from wattledger.commands.users import Operators, RoleName
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_error, print_json

app = typer.Typer(
    name="apikey", help="Keys of programs that use the API: create, list, revoke.", no_args_is_help=True
)

_COLUMNS = ("id", "name", "role", "operators", "principal", "created_at", "expires_at", "last_used_at", "revoked_at")
_LISTED_MAX = 1_000


@app.command()
def create(
    role: RoleName,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What it is for, for those who list keys.")],
    operators: Operators = None,
    acts_for: Annotated[
        str | None, typer.Option("--for", metavar="NAME", help="The user under whose name it acts.")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="Good up to then: RFC 3339, or a day up to its end in UTC."),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a key; it is shown this once."""
    from api.access.acting_for import refuse_key_for
    from ledger.access import keys, people
    from ledger.access.duties import duty_named

    duty, expires_at = duty_named(role), last_moment(expires, "--expires")
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise ApplicationError(f"--expires {expires} is over; name a time to come, or leave it out")
    has_issuer = settings_for(data_dir, debug=debug).oidc_issuer is not None
    with the_door(data_dir, debug=debug) as cursor:
        known = None if acts_for is None else people.find(cursor, acts_for)
        if acts_for is not None:
            refuse_key_for(acts_for, known, duty, operators or [], has_issuer=has_issuer)
        key, text = keys.create(
            cursor,
            name,
            duty,
            operators or [],
            created_by="command line",
            acts_for=acts_for,
            expires_at=expires_at,
        )
    if acts_for is not None and known is None:
        print_error(f"no user {acts_for!r} is known by now: the key acts for whom the issuer calls so")
    if json:
        print_json({"id": key.id, "key": text, "role": key.role, "operators": key.operators})
    else:
        sys.stdout.write(f"{text}\n")
        print_error(f"key {key.id} acts as {key.principal}, {key.role}; it is not shown again")


@app.command("list")
def list_keys(data_dir: DataDir = None, json: Json = False, csv: Csv = False, debug: Debug = False) -> None:
    """List keys, newest first, also those that ended; their secrets are nowhere."""
    from ledger.access import keys
    from ledger.access.documents import key_document

    form = form_of(json=json, csv=csv)
    with the_door(data_dir, debug=debug) as cursor:
        found = keys.newest(cursor, _LISTED_MAX + 1)
    rows = [key_document(each) for each in found[:_LISTED_MAX]]
    if form is not Form.JSON:
        rows = [row | {"operators": " ".join(row["operators"])} for row in rows]
    show_rows("Keys", rows, _COLUMNS, form=form)
    if len(found) > _LISTED_MAX:
        print_error(f"only the newest {_LISTED_MAX} are listed; /v1/api-keys has them all")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as it was made or is listed.")],
    data_dir: DataDir = None,
    debug: Debug = False,
) -> None:
    """End a key for good; it is refused within seconds."""
    from ledger.access import keys

    with the_door(data_dir, debug=debug) as cursor:
        revoked = keys.revoke(cursor, key_id)
    sys.stdout.write(f"key {revoked.id} ({revoked.name}) is revoked\n")
