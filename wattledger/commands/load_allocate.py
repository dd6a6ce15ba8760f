"""`wattledger load allocate`: what each charging car may draw, of a problem in a document; no store is asked."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from wattledger.commands.common import log_without_settings
from wattledger.commands.options import Debug, Json
from wattledger.errors import ApplicationError
from wattledger.given_file import given_or_input

commands = typer.Typer()

# Answered before the first line is read, so that it waits for nothing to be loaded.
_NOTHING = b'{"voltage_v":230,"interval_s":300,"circuits":[{"id":"site"}],"sessions":[]}'


@commands.command("allocate")
def allocate(
    problem: Annotated[
        Path | None, typer.Argument(metavar="PROBLEM.json", help="A problem; - for standard input.")
    ] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="A problem a line of standard input, an answer a line, each at once.")
    ] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Share the current of circuits among charging cars; print what each may draw in A per phase, and why.

    The answer is JSON, on a terminal without --json a table.

    With --batch a line that is no problem is answered by {"error": "...", "path": "..."}, and the exit status is 1 in
    the end.
    """
    log_without_settings(debug=debug)
    if batch == (problem is not None):
        raise typer.BadParameter("name one PROBLEM.json, or give --batch", param_hint="PROBLEM.json")
    if batch:
        _answer_lines()
        return
    from contracts.errors import ContractError

    try:
        answer = _answer(given_or_input(problem or "-"))
    except ContractError as error:
        raise ApplicationError(f"{problem}: {error}") from error
    # An answer is a document, as a problem is: a table is for who looks at it.
    if json or not sys.stdout.isatty():
        _print(answer)
        return
    from wattledger.views.forms import Form
    from wattledger.views.tables import show_rows

    rows = [{"session_id": session_id, **share} for session_id, share in answer.items()]
    show_rows("What cars may draw", rows, ("session_id", "a", "why"), ("a",), form=Form.TABLE)


def _answer_lines() -> None:
    import gc

    from contracts.errors import ContractError

    _answer(_NOTHING)
    # What was loaded stays: the collector need not look through it again and again between answers.
    gc.freeze()
    are_good = True
    for line in sys.stdin.buffer:
        if not line.strip():
            continue
        try:
            _print(_answer(line))
        except ContractError as error:
            are_good = False
            _print({"error": str(error), "path": error.path})
    if not are_good:
        raise typer.Exit(1)


def _answer(document: bytes) -> dict[str, Any]:
    from contracts.allocation import read_problem
    from engine.allocating import answer

    return answer(read_problem(document))


def _print(document: dict[str, Any]) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(document).decode() + "\n")
    sys.stdout.flush()
