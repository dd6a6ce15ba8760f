"""`wattledger user`: people who sign in to the pages with a name and a password."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from wattledger.commands.common import the_door
from wattledger.commands.options import Csv, DataDir, Debug, Json, form_of
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_error, print_json

app = typer.Typer(
    name="user", help="People who sign in: add, list, give a new password, disable.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Under this name she signs in, and decisions are told.")]
PasswordFile = Annotated[
    Path,
    typer.Option("--password-file", metavar="FILE", help="Holds the password, in one line; - for standard input."),
]
RoleName = Annotated[str, typer.Option("--role", help="operator, finance, approver, auditor, processor or admin.")]
Operators = Annotated[
    list[str] | None, typer.Option("--operator", metavar="OP", help="An operator that role operator sees.")
]

_COLUMNS = ("name", "role", "operators", "signs_in_by", "created_at", "signed_in_at", "disabled_at")
_PASSWORD_MAX = 1_024
# Below this a password is taken, and said to be short.
_PASSWORD_LONG = 12


@app.command()
def add(
    name: Name,
    role: RoleName,
    password_file: PasswordFile,
    operators: Operators = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Add a person who signs in with a name and a password."""
    from api.access import passwords
    from ledger.access import people
    from ledger.access.documents import person_document
    from ledger.access.duties import duty_named

    duty = duty_named(role)
    with the_door(data_dir, debug=debug) as cursor:
        kept = passwords.hashed(_password_in(password_file))
        added = people.add(cursor, name, duty, operators or [], kept)
    if json:
        print_json(person_document(added))
    else:
        of = f" of {', '.join(added.operators)}" if added.operators else ""
        sys.stdout.write(f"user {added.name} may sign in as {added.role}{of}\n")


@app.command("list")
def list_users(data_dir: DataDir = None, json: Json = False, csv: Csv = False, debug: Debug = False) -> None:
    """List people, also those who were disabled."""
    from ledger.access import people
    from ledger.access.documents import person_document

    form = form_of(json=json, csv=csv)
    with the_door(data_dir, debug=debug) as cursor:
        rows = [person_document(each) for each in people.everybody(cursor)]
    if form is not Form.JSON:
        rows = [row | {"operators": " ".join(row["operators"])} for row in rows]
    show_rows("Users", rows, _COLUMNS, form=form)


@app.command()
def password(
    name: Name,
    password_file: PasswordFile,
    data_dir: DataDir = None,
    debug: Debug = False,
) -> None:
    """Give a person a new password; sessions under the old one end."""
    from api.access import passwords
    from ledger.access import people

    with the_door(data_dir, debug=debug) as cursor:
        changed = people.set_password(cursor, name, passwords.hashed(_password_in(password_file)))
    sys.stdout.write(f"user {changed.name} has a new password; sessions under the old one are over\n")


@app.command()
def disable(name: Name, data_dir: DataDir = None, debug: Debug = False) -> None:
    """Let a person in no more: sessions end and keys made for her are refused, within seconds."""
    from ledger.access import people

    with the_door(data_dir, debug=debug) as cursor:
        disabled = people.disable(cursor, name)
    sys.stdout.write(f"user {disabled.name} is disabled; sessions and keys made for her are refused\n")


@app.command()
def enable(name: Name, data_dir: DataDir = None, debug: Debug = False) -> None:
    """Let a person in again that was disabled."""
    from ledger.access import people

    with the_door(data_dir, debug=debug) as cursor:
        enabled = people.enable(cursor, name)
    sys.stdout.write(f"user {enabled.name} may sign in again\n")


def _password_in(path: Path) -> str:
    """The one line of a file; raises ApplicationError where it holds no password."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or "is no text in UTF-8"
        raise ApplicationError(f"{path}: {problem.lower()}; name a file that holds the password") from error
    found = text.removesuffix("\n").removesuffix("\r")
    if not found or len(found) > _PASSWORD_MAX or "\n" in found:
        raise ApplicationError(
            f"{path}: holds no password; write one line of 1 to {_PASSWORD_MAX:,} characters into it"
        )
    if len(found) < _PASSWORD_LONG:
        print_error(f"{path}: the password is short; one of {_PASSWORD_LONG} characters or more is hard to guess")
    return found
