"""What commands share by which somebody decides: her key, how it is done, and what is said of it."""

import getpass
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattledger.commands.common import the_store
from wattledger.commands.options import DataDir, Debug, Json
from wattledger.errors import ApplicationError
from wattledger.given_file import read_given
from wattledger.views.progress import progress_report
from wattledger.views.terminal import print_json

if TYPE_CHECKING:
    from api.access.roles import Right

KEY_VARIABLE = "WATTLEDGER_API_KEY"

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help=f"Holds your API key, made by `apikey create --for NAME`; {KEY_VARIABLE} where it is left out.",
    ),
]
Because = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for who reads the book later.")]
Currency = Annotated[str, typer.Option("--currency", metavar="CODE", help="The currency of the amount, such as EUR.")]
Amount = Annotated[str, typer.Option("--amount", metavar="AMOUNT", help="How much, such as 12.34.")]
Once = Annotated[
    str | None,
    typer.Option("--once", metavar="TEXT", help="Of decisions with the same text of yours only the first one acts."),
]


@dataclass(frozen=True, slots=True)
class Given:
    """The options that every decision has."""

    key_file: Path | None
    once: str | None
    data_dir: Path | None
    json: bool
    debug: bool


def _options(
    key_file: KeyFile = None,
    once: Once = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> Given:
    """The options that every decision has, as a command declares them."""
    return Given(key_file, once, data_dir, json, debug)


def deciding(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options that every decision has behind its own; it is handed them as its last, `given`."""
    shared = inspect.signature(_options).parameters
    own = [each for name, each in inspect.signature(command).parameters.items() if name != "given"]

    def decide(**told: Any) -> None:
        given = _options(**{name: told.pop(name) for name in shared})
        command(**told, given=given)

    decide.__name__, decide.__doc__ = command.__name__, command.__doc__
    parameters = [*own, *shared.values()]
    decide.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by whoever calls it
    decide.__annotations__ = {each.name: each.annotation for each in parameters}
    return decide


def money_of(amount: str, currency: str) -> dict[str, str]:
    """An amount as decisions have it."""
    return {"amount": amount, "currency": currency.upper()}


def now_text() -> str:
    """This moment, as decisions have it."""
    from domain.calendar import utc_text

    return utc_text(datetime.now(UTC))


def stated(reason: str, option: str = "--reason") -> str:
    """A reason that says something; raises typer.BadParameter for blanks."""
    if not reason.strip():
        raise typer.BadParameter("a decision needs one: who reads the book later asks why", param_hint=option)
    return reason


def act(
    type_: str,
    data: Mapping[str, Any],
    right: "Right",
    sentence: str,
    given: Given,
    *,
    by_people: bool = False,
) -> None:
    """Decide, and say what became of it; the exit status is 1 where it counts for nothing.

    `sentence` is said where it was taken, followed by who decided.
    """
    from wattledger.crew import Crew
    from wattledger.deciding import Deed, actor_by, decide
    from wattledger.views.terminal import print_error

    deed = Deed(type_, data, right, by_people=by_people, key=given.once)
    with the_store(given.data_dir, debug=given.debug) as store, progress_report() as progress, Crew(store) as crew:
        actor = actor_by(store, key_of(given.key_file))
        done = decide(store, crew, actor, deed, progress)
    if given.json:
        document = {"decision_id": done.id, "state": done.state, "by": actor.name}
        print_json(document | ({"detail": done.detail} if done.detail else {}))
    elif done.detail is None:
        sys.stdout.write(f"{sentence}, by {actor.name} (decision {done.id})\n")
    if done.detail is not None:
        if not given.json:
            print_error(f"decision {done.id} counts for nothing: {done.detail}")
        sys.exit(1)


def key_of(key_file: Path | None) -> str:
    """The key that somebody acts with. Raises ApplicationError where none is named."""
    if key_file is not None:
        return read_given(key_file, "the key, in one line").decode("utf-8", "replace").strip()
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key:
        raise ApplicationError(
            f"nobody knows who decides this: name the file of your key by --key-file, or put it into {KEY_VARIABLE}; "
            "`wattledger apikey create --for NAME` makes one"
        )
    return key


def login_name() -> str:
    """Who is logged in on this machine; raises ApplicationError where nobody knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise ApplicationError("nobody knows who decides this: say so with --by NAME") from None
