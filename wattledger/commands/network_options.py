"""The options that commands about the network share: whose, where, from when to when."""

from typing import TYPE_CHECKING, Annotated

import typer

from wattledger.commands.options import day_or_moment

if TYPE_CHECKING:
    from projections.network.asked import Asked

Operator = Annotated[str | None, typer.Option("--operator", help="Only this operator's.")]
LocationId = Annotated[str | None, typer.Option("--location", help="Only this site: the id of a location.")]
Since = Annotated[
    str | None,
    typer.Option("--from", metavar="D", help="From this day on, where the site is, or from this time on."),
]
Before = Annotated[
    str | None,
    typer.Option("--to", metavar="D", help="To the end of this day, where the site is, or before this time."),
]


def asked_for(operator: str | None, location: str | None, since: str | None, before: str | None) -> "Asked":
    """What the options ask for; raises typer.BadParameter for what is no day or time, and for a span that is none."""
    from projections.network.asked import Asked

    begin = None if since is None else day_or_moment(since, "--from")
    end = None if before is None else day_or_moment(before, "--to")
    asked = Asked(operator, location, begin, end)
    if asked.is_backwards:
        raise typer.BadParameter(f"nothing is from {since} to {before}; name a later end", param_hint="--to")
    return asked
