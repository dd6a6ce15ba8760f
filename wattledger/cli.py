"""The command `wattledger`: its nouns put together, and what it answers to misuse and failure."""

import logging
import sys
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from wattledger.commands import (
    apikeys,
    audit,
    balances,
    bank,
    benchmark,
    cash,
    cdrs,
    closing,
    contracts,
    costs,
    deadletters,
    demand,
    findings,
    keys,
    leakage,
    live,
    load,
    load_allocate,
    load_plan,
    load_run,
    margins,
    matters,
    negative,
    network,
    notify,
    ocpi,
    ocpi_tokens,
    park,
    partners,
    payments,
    payout_decisions,
    prices,
    processor,
    projections,
    proof,
    psql,
    rerate,
    serving,
    sessions,
    settling,
    statements,
    status,
    tariffs,
    trace,
    uptime,
    use,
    users,
    visibility,
    webhooks,
    withholding,
)
from wattledger.exhausted import advice_on
from wattledger.help_printer import load_help_printer
from wattledger.hidden_words import hide_value_of
from wattledger.logs import name_piece, say
from wattledger.stacks import show_stacks_when_asked

_HELP = ("-h", "--help")
# An option whose value is nobody else's business.
_HIDDEN = "--their-token"

app = typer.Typer(
    name="wattledger",
    help="Turns what chargers report into money that operators have in hand the next day.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": [*_HELP]},
)
ocpi.app.add_typer(ocpi_tokens.commands)
load.app.add_typer(load_allocate.commands)
load.app.add_typer(load_plan.commands)
load.app.add_typer(load_run.commands)
# In the order in which the help lists them.
for noun in (
    *(settling.app, live.app, serving.app, status.app, balances.app, sessions.app, sessions.lists, payments.app),
    *(payout_decisions.app, statements.app, withholding.app, bank.app, *matters.apps, negative.app, processor.app),
    *closing.apps,
    *(trace.app, findings.app, deadletters.app, cdrs.app, audit.app, proof.app, projections.app, leakage.app),
    *(
        network.app,
        use.app,
        load.app,
        uptime.app,
        costs.app,
        demand.app,
        margins.app,
        cash.app,
        benchmark.app,
        visibility.app,
        park.app,
    ),
    *(partners.app, ocpi.app),
    *(contracts.app, prices.app, tariffs.app, rerate.app, users.app, apikeys.app, keys.app, webhooks.app),
    *(notify.app, psql.app),
):
    app.add_typer(noun)
# What some call it, too; the help names one.
app.add_typer(users.app, name="users", hidden=True)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"wattledger {version('wattledger')}\n")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and end.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Turns what chargers report into money that operators have in hand the next day."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status: 0 done, 1 refused or a discrepancy found, 2 wrong usage."""
    given = sys.argv[1:] if arguments is None else arguments
    name_piece(given)
    if arguments is None:
        show_stacks_when_asked()
    if arguments is None and any(word.startswith(_HIDDEN) for word in given) and not hide_value_of(_HIDDEN):
        say(f"{_HIDDEN}: it cannot be hidden here from who lists processes; give - and the token by standard input")
        return 2
    if not given or any(word in _HELP for word in given):
        load_help_printer()
    try:
        return _status(app(args=given, prog_name="wattledger", standalone_mode=False))
    except SystemExit as leaving:
        return _status(leaving.code)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except TyperException as misuse:
        return _misuse(misuse)
    except Exception as error:
        try:
            from wattledger.failures import report
        except (OSError, MemoryError):
            # Where nothing more can be opened, not even what tells of it.
            sys.stderr.write(f"wattledger: {advice_on(error) or error}\n")
            return 1
        return report(error, debug="--debug" in given)


def _misuse(error: TyperException) -> int:
    """Wrong usage in one line; without any argument at all, the help."""
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{error.format_message()}\n" if hasattr(error, "format_message") else f"{error}\n")
        return 2
    sentence = error.format_message() if hasattr(error, "format_message") else str(error)
    path = context.command_path if context is not None else "wattledger"
    said = " ".join(sentence.split()).rstrip(".")
    say(f"{said}; see '{path} --help'", level=logging.ERROR, prefix="wattledger: ")
    return 2


def _status(code: Any) -> int:
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    sys.exit(main())
