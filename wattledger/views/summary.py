"""What a settlement came to: the summary of its files, for people."""

from collections.abc import Mapping
from json import loads
from pathlib import Path
from typing import Any

from wattledger.views.tables import print_table
from wattledger.views.terminal import print_json


def show_summary(summary: Mapping[str, Any], out: Path, *, json: bool) -> None:
    """The counts of summary.json, as JSON or as a table; `out` is where the files are."""
    if json:
        print_json(summary)
    else:
        rows = [(name.replace("_", " "), value) for name, value in summary.items()]
        print_table(f"The files are in {out}", ("what", "value"), rows, right=("value",))


def read_summary(out: Path) -> dict[str, Any]:
    """The summary.json among the files of a settlement."""
    found: dict[str, Any] = loads((out / "summary.json").read_bytes())
    return found
