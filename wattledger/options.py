"""The options that commands share, and how their texts are read."""

from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where embedded services keep their data.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and debug logs.")]
Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="JSON Lines of CloudEvents; - for standard input.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="RFC 3339 with an offset; inclusive.")]


def moment(text: str | None, option: str = "--until") -> datetime | None:
    """A UTC instant from an option; raises typer.BadParameter when it is no RFC 3339 time with an offset."""
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise typer.BadParameter(f"{text!r} is not a time such as 2026-03-01T00:00:00Z", param_hint=option)
    return parsed.astimezone(UTC)


def day_or_moment(text: str, option: str) -> date | datetime:
    """A day as YYYY-MM-DD, or else a UTC instant; raises typer.BadParameter."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        found = None
    with suppress(typer.BadParameter):
        found = moment(text, option)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-03-01, nor a time", param_hint=option)
    return found
