"""The command `wattledger`: options and words here, the work in modules that are loaded when they are needed."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.exceptions import TyperException

from wattledger.commands.options import DataDir, Debug, Files, Json, Until, day_or_moment, moment, utc_span
from wattledger.commands.options import tax as read_tax
from wattledger.subcommands import deadletter_app, payouts_app, tariff_app

app = typer.Typer(
    name="wattledger",
    help="Turns what chargers report into money that operators have in hand the next day.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(payouts_app, name="payouts")
app.add_typer(deadletter_app, name="deadletter")
app.add_typer(tariff_app, name="tariff")


@app.command()
def settle(
    files: Files,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files are written.")],
    data_dir: DataDir = None,
    until: Until = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Settle the events of files: publish, consume, rate, post, pay out, and write the result to DIR."""
    from wattledger.commands import settling

    settling.settle(files, out, data_dir, moment(until), json=json, debug=debug)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files are written.")] = Path(
        "demo-out"
    ),
    data_dir: DataDir = None,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions to generate.")] = 600,
    seed: Annotated[int, typer.Option(help="The same seed gives the same network.")] = 1,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Generate a charging network, settle it, and show who is paid what and why."""
    from wattledger.commands import settling

    settling.demo(out, data_dir, sessions, seed, json=json, debug=debug)


@app.command()
def publish(files: Files, data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Publish the events of files to Kafka, and nothing else."""
    from wattledger.commands import settling

    settling.publish(files, data_dir, json=json, debug=debug)


@app.command()
def consume(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Take in what gateways publish, as one member of the consumer group, until stopped."""
    from wattledger.commands import live

    live.consume(data_dir, debug=debug)


@app.command()
def project(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Keep the read models up with the event store and send what leaves, until stopped."""
    from wattledger.commands import live

    live.project(data_dir, debug=debug)


@app.command()
def up(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Run a whole live system: services, intake, clock, projections and relay, until stopped."""
    from wattledger.commands import live

    live.up(data_dir, debug=debug)


@app.command()
def migrate(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Bring the database schema and the topics up to date; safe to repeat."""
    from wattledger.commands import live

    live.migrate(data_dir, debug=debug)


@app.command()
def balances(data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Show what each operator is owed, by where it stands."""
    from wattledger.commands import projections as reading

    reading.balances(data_dir, json=json, debug=debug)


@app.command()
def balance(
    account: Annotated[
        str, typer.Argument(metavar="ACCOUNT", help="2010/OP-1, or 2010 for all accounts of the code.")
    ],
    currency: Annotated[str | None, typer.Option("--currency", help="Only this currency.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="As of then: RFC 3339 with an offset; inclusive.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what was posted to an account of the book, now or by the effective time TIME."""
    from wattledger.commands import balances as book

    book.balance(data_dir, account, currency, moment(at, "--at"), json=json, debug=debug)


@app.command()
def session(session_id: str, data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Follow one session: its facts, its outcome, its entries and the payouts that paid it."""
    from wattledger.commands import projections as reading

    reading.session(data_dir, session_id, json=json, debug=debug)


@app.command()
def cdrs(
    session_id: Annotated[str | None, typer.Option("--session", help="Only this session's.")] = None,
    operator: Annotated[str | None, typer.Option("--operator", help="Only this operator's.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="D", help="Issued on this UTC day or later, or from this time on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="D", help="Issued on this UTC day or earlier, or before this time.")
    ] = None,
    ocpi: Annotated[str, typer.Option("--ocpi", metavar="2.2.1|2.3.0", help="The version to write.")] = "2.2.1",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Instead of standard output.")] = None,
    data_dir: DataDir = None,
    debug: Debug = False,
) -> None:
    """Write the CDRs and credit CDRs that went out, one JSON document a line, by session."""
    from wattledger.commands import cdrs

    cdrs.cdrs(data_dir, session_id, operator, utc_span(since, until), ocpi, out, debug=debug)


@app.command()
def verify(data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Recompute the book from the events, check every invariant and print what differs; exit 1 if anything does."""
    from wattledger.commands import projections as reading

    reading.verify(data_dir, json=json, debug=debug)


@app.command()
def rebuild(
    projections: Annotated[list[str] | None, typer.Argument(metavar="[PROJECTION...]", help="All when none.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Rebuild read models from the event store while the system runs."""
    from wattledger.commands import projections as reading

    reading.rebuild(data_dir, projections or [], json=json, debug=debug)


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR")],
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Write the files of a settlement from the store as it stands."""
    from wattledger.commands import projections as reading

    reading.export(data_dir, directory, json=json, debug=debug)


@app.command()
def leakage(
    operator: Annotated[str | None, typer.Option("--operator", help="Only this operator.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="D", help="Ended on this UTC day or later, or from this time on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="D", help="Ended on this UTC day or earlier, or before this time.")
    ] = None,
    sessions: Annotated[bool, typer.Option("--sessions", help="Each session that leaks, instead of sums.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show energy that was metered and not billed, by operator and cause."""
    from wattledger.commands import leakage as energy

    energy.leakage(data_dir, operator, *utc_span(since, until), sessions=sessions, json=json, debug=debug)


@app.command()
def schemas(
    directory: Annotated[Path, typer.Argument(metavar="DIR")], json: Json = False, debug: Debug = False
) -> None:
    """Write the JSON Schemas of every event and of OCPI's CDRs and tariffs, and the AsyncAPI document."""
    from wattledger.commands import projections as reading

    reading.schemas(directory, json=json, debug=debug)


@app.command()
def price(
    cdr: Annotated[Path, typer.Argument(metavar="CDR.json", help="An OCPI CDR of 2.2.1 or 2.3.0.")],
    tariff: Annotated[
        Path | None, typer.Option("--tariff", metavar="TARIFF.json", help="Instead of the CDR's own.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", metavar="ZONE", help="IANA zone of the location; else UTC.")
    ] = None,
    tax: Annotated[
        list[str] | None,
        typer.Option("--tax", metavar="NAME=PERCENT", help="A tax on what has no vat (2.3.0); may be repeated."),
    ] = None,
    ocpi: Annotated[
        Literal["2.2.1", "2.3.0"] | None, typer.Option("--ocpi", help="Form of the prices; else that of the tariff.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Add every line and every rounding.")] = False,
    debug: Debug = False,
) -> None:
    """Price the charging periods of an OCPI CDR and print the OCPI totals as JSON."""
    from wattledger.commands import prices as pricing

    pricing.price(pricing.PriceWish(cdr, tariff, time_zone, tax or [], ocpi, explain), debug=debug)


@app.command()
def rerate(
    operator: Annotated[str, typer.Option("--operator", metavar="ID", help="Whose sessions.")],
    since: Annotated[
        str, typer.Option("--from", metavar="D", help="Started on this local day or later, or from this time on.")
    ],
    until: Annotated[
        str, typer.Option("--to", metavar="D", help="Started on this local day or earlier, or before this time.")
    ],
    tariff: Annotated[
        str,
        typer.Option(
            "--tariff",
            metavar="T",
            help="The id of a published tariff, or a file: an OCPI tariff, or a tariff.published event or its data.",
        ),
    ],
    tax: Annotated[
        list[str] | None,
        typer.Option(
            "--tax", metavar="NAME=PERCENT", help="Instead of the taxes configured for the tariff; may be repeated."
        ),
    ] = None,
    sessions_of: Annotated[
        str | None, typer.Option("--sessions-of", metavar="TARIFF", help="Only sessions that name this tariff.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Order it: rate these sessions so from now on.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why it is ordered; with --apply.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When the order takes effect; now by default.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what past sessions would have earned by another tariff; with --apply, rate them by it."""
    from wattledger.rerating import Wish
    from wattledger.views import rerating as rerate

    if apply and not (reason and reason.strip()):
        raise typer.BadParameter("an order needs one: who reads the book later asks why", param_hint="--reason")
    now = datetime.now(UTC)
    ordered_at = moment(at, "--at") or now
    if ordered_at > now:
        # The order's time would be the store's latest, and whatever follows event time would run ahead of the day.
        raise typer.BadParameter("an order cannot take effect later than now", param_hint="--at")
    days = (day_or_moment(since, "--from"), day_or_moment(until, "--to"))
    taxes = tuple(read_tax(text) for text in tax or ())
    wish = Wish(operator, *days, tariff, sessions_of, ordered_at, reason if apply else None, taxes)
    rerate.rerate(data_dir, wish, apply=apply, json=json, debug=debug)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status: 0 done, 1 refused or a discrepancy found, 2 wrong usage."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return _status(app(args=given, prog_name="wattledger", standalone_mode=False))
    except SystemExit as leaving:
        return _status(leaving.code)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except TyperException as misuse:
        return _misuse(misuse)
    except Exception as error:
        from wattledger.failures import report

        return report(error, debug="--debug" in given)


def _misuse(error: TyperException) -> int:
    """Wrong usage in one line; without any argument at all, the help."""
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{error.format_message()}\n" if hasattr(error, "format_message") else f"{error}\n")
        return 2
    sentence = error.format_message() if hasattr(error, "format_message") else str(error)
    path = context.command_path if context is not None else "wattledger"
    sys.stderr.write(f"wattledger: {' '.join(sentence.split()).rstrip('.')}; see '{path} --help'\n")
    return 2


def _status(code: Any) -> int:
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    sys.exit(main())
