"""The command: `python -m benchmarks.peers` compares our ledger with others, prints a table and may write JSON."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure
from benchmarks.peers import contest
from benchmarks.peers.hordak import Hordak
from benchmarks.peers.ours import Ours
from benchmarks.peers.peer import Peer
from benchmarks.peers.pgledger import Pgledger, WrongSource
from benchmarks.stage import open_stage

_err = Console(stderr=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare as the arguments say; 1 when no other ledger could be had, else 0."""
    options = _parser().parse_args(arguments)
    try:
        others = [peer for peer in _peers(options) if _can_run(peer)]
    except WrongSource as error:
        _err.print(f"[bold red]{error}")
        return 1
    if not others:
        _err.print("[bold red]there is nobody to compare with; see above what is missing")
        return 1
    planned = contest.heats(options.transfers, options.singles or max(1, options.transfers // 10))
    with open_stage(1) as stage:
        found = contest.run(stage, [Ours(), *others], planned, options.rounds, _report)
    _print(found)
    if options.json:
        _write(options.json, options, found)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.peers", description="Compare our ledger with others.")
    parser.add_argument("--transfers", type=_positive, default=100_000, help="posted in sets (default 100000)")
    parser.add_argument("--singles", type=_positive, help="posted one by one (default a tenth of --transfers)")
    parser.add_argument("--rounds", type=_positive, default=3, help="rounds (default 3)")
    parser.add_argument(
        "--pgledger", metavar="FOLDER-OR-URL", help="where pgledger's files are, if not in its repository"
    )
    parser.add_argument("--only", choices=["pgledger", "hordak"], help="compare with just this one")
    parser.add_argument("--json", type=Path, help="a file to write the figures to")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def _peers(options: argparse.Namespace) -> list[Peer]:
    known: list[Peer] = [Pgledger(options.pgledger), Hordak()]
    return [peer for peer in known if options.only in (None, peer.name)]


def _can_run(peer: Peer) -> bool:
    missing = peer.missing()
    if missing:
        _err.print(f"[yellow]{peer.name} is left out: {missing}")
    return missing is None


def _report(sentence: str) -> None:
    _err.print(f"[dim]{sentence}")


def _print(found: Sequence[Figure]) -> None:
    table = Table(header_style="bold")
    for column in ("figure", "median", "lowest", "highest", "unit"):
        table.add_column(column, justify="right" if column in ("median", "lowest", "highest") else "left")
    for figure in found:
        table.add_row(figure.name, *map(_text, (figure.median, *figure.spread)), figure.unit)
    Console().print(table)


def _text(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _write(path: Path, options: argparse.Namespace, found: Sequence[Figure]) -> None:
    document = {
        "transfers": options.transfers,
        "singles": options.singles or max(1, options.transfers // 10),
        "rounds": options.rounds,
        "processors": os.cpu_count(),
        "figures": {figure.name: figure.document() for figure in found},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
