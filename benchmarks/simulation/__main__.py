"""The command: `python -m benchmarks.simulation` computes and simulates, and prints or writes the tables."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.simulation import measuring
from benchmarks.simulation.costs import COSTS_FILE, costs_of, measured_costs, write_costs
from benchmarks.simulation.inputs import Inputs
from benchmarks.simulation.page import marked, with_tables
from benchmarks.simulation.tables import TABLES


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; 0 when it was done."""
    options = _parser().parse_args(arguments)
    if options.measure:
        write_costs(costs_of(measuring.measure(options.sessions, options.rounds, _report)))
        _report(f"wrote {COSTS_FILE}")
    inputs, costs = Inputs(), measured_costs()
    if options.write is None:
        for name, table in TABLES.items():
            print(f"{name}\n\n{table(inputs, costs)}\n")
        return 0
    page = options.write.read_text("utf-8")
    made = {name: TABLES[name](inputs, costs) for name in marked(page) if name in TABLES}
    options.write.write_text(with_tables(page, made), "utf-8")
    _report(f"wrote {len(made)} tables to {options.write}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.simulation", description="Plan a network of any size.")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="replace the marked tables of a page")
    parser.add_argument("--measure", action="store_true", help="measure the costs of this machine first")
    parser.add_argument("--sessions", type=int, default=5_000, help="sessions of a measured load (default 5000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of measuring; the fastest counts (default 3)")
    return parser


def _report(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


if __name__ == "__main__":
    sys.exit(main())
