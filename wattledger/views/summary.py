"""What a settlement came to: the summary of its files, and what was written of an export, for people."""

from collections.abc import Mapping, Sequence
from json import loads
from pathlib import Path
from typing import Any

from wattledger.views.forms import Form, print_csv
from wattledger.views.tables import print_table
from wattledger.views.terminal import print_json

_COLUMNS = ("what", "value")
_OF_FILE = ("file", "holds", "count")


def show_summary(summary: Mapping[str, Any], out: Path, form: Form) -> None:
    """The counts of summary.json in the form asked for; `out` is where the files are."""
    if form is Form.JSON:
        print_json(summary)
    elif form is Form.CSV:
        print_csv(_COLUMNS, summary.items())
    else:
        rows = [(name.replace("_", " "), value) for name, value in summary.items()]
        print_table(f"The files are in {out}", _COLUMNS, rows, right=("value",))


def show_written(files: Sequence[Mapping[str, Any]], summary: Mapping[str, Any], out: Path, form: Form) -> None:
    """What an export wrote: each file with what it holds and how many; JSON is the summary, which has counts too."""
    if form is Form.JSON:
        print_json({**summary, "directory": str(out), "files": files})
    elif form is Form.CSV:
        print_csv(_OF_FILE, ([each[name] for name in _OF_FILE] for each in files))
    else:
        rows = [[each[name] for name in _OF_FILE] for each in files]
        print_table(f"Exported to {out}", _OF_FILE, rows, right=("count",))


def read_summary(out: Path) -> dict[str, Any]:
    """The summary.json among the files of a settlement."""
    found: dict[str, Any] = loads((out / "summary.json").read_bytes())
    return found
