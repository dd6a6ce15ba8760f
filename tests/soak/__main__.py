"""The command: `python -m tests.soak` runs the hunts, prints one table of what was tried and held; exits by it."""

import argparse
import json
import random
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from rich.console import Console

from tests.soak.page import record
from tests.soak.registry import all_rows
from tests.soak.row import Row, Soak, Try
from tests.soak.servers import Servers
from tests.soak.table import Line, drawn

_out, _err = Console(width=118), Console(stderr=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say: 0 when everything held, 1 when something did not."""
    rows = all_rows()
    options = _parser(list(rows)).parse_args(arguments)
    if options.list:
        for row in rows.values():
            _out.print(f"{row.name}: {row.promise}", highlight=False)
        return 0
    seed = random.randrange(1, 10**6) if options.seed is None else options.seed
    _err.print(f"seed {seed}; the same again by --seed {seed}", highlight=False)
    lines: list[Line] = []
    with TemporaryDirectory(prefix="wattledger-soak-") as folder:
        Path(folder).chmod(0o755)  # The account of the server has to come through.
        with Servers(Path(folder) / "postgres") as servers:
            for name in options.only or rows:
                lines += _run(rows[name], seed, options.seconds, Path(folder), servers)
    _out.print(drawn(lines))
    for line in lines:
        for sentence in line.sentences:
            _out.print(f"{line.row}, {line.kind}: {sentence}", markup=False, highlight=False)
    if options.json:
        options.json.write_text(json.dumps({"seed": seed, "lines": [line.as_json() for line in lines]}, indent=1))
    if options.record:
        record(lines, seed, datetime.now(UTC).date().isoformat())
    return 0 if lines and all(line.holds for line in lines) else 1


def _run(row: Row, seed: int, seconds: float, folder: Path, servers: Servers) -> list[Line]:
    """One row until it ends or its time is over; a runner that raises did not hold."""
    found: dict[str, Line] = {}
    own = folder / row.name
    own.mkdir()
    begun = asked = monotonic()
    soak = Soak(seed, own, servers.store, partial(_left, begun + seconds))

    def count(made: Try) -> None:
        nonlocal asked
        found.setdefault(made.kind, Line(row.name, made.kind)).count(made, monotonic() - asked)
        asked = monotonic()

    tries = iter(row.run(soak))
    try:
        for made in tries:
            count(made)
            _err.print(f"{row.name}: {sum(line.tries for line in found.values()):,} tries", highlight=False)
            if soak.seconds_left() <= 0:
                break
    except Exception as fault:
        traceback.print_exc()
        count(Try("the runner", 0, 1, f"it raised {type(fault).__name__}: {fault}"))
    finally:
        close = getattr(tries, "close", None)
        if close:
            close()
    if not found:
        count(Try("the runner", 0, 0, "it tried nothing"))
    return list(found.values())


def _left(deadline: float) -> float:
    return deadline - monotonic()


def _parser(names: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--list", action="store_true", help="say which rows there are, and what each tries")
    parser.add_argument("--only", action="append", choices=names, help="a row; several times for several")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="how long each row may take; no limit")
    parser.add_argument("--seed", type=int, help="where random things begin; drawn when it is not given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON too")
    parser.add_argument("--record", action="store_true", help="keep the figures on docs/guarantees.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
