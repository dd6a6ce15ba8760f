"""Lists where the engine's files and the model differ: python -m tests.oracle.compare DIR EVENTS.jsonl"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.oracle.figures import Figures, of_files, of_model
from tests.oracle.model import settle

COUNTS = ("accepted", "duplicates", "conflicts", "dead_lettered")
TOTALS = ("sessions_rated", "sessions_open", "sessions_in_suspense", "payouts")


def differences(engine: Figures, model: Figures, *, counts: bool = True) -> list[str]:
    """A line for each figure that differs; `counts` says whether what was refused and repeated is compared too."""
    found = []
    for table in ("sessions", "payouts", "cdrs", "balances", "trial_balance", "book"):
        found += _in_table(table, getattr(engine, table), getattr(model, table))
    for name in (COUNTS if counts else ()) + TOTALS:
        if name in engine.counts and engine.counts[name] != model.counts[name]:
            found.append(f"summary {name}: engine {engine.counts[name]}, model {model.counts[name]}")
    return found


def _in_table(table: str, engine: Mapping[str, Any], model: Mapping[str, Any]) -> list[str]:
    found = []
    for key in sorted(engine.keys() | model.keys()):
        left, right = engine.get(key), model.get(key)
        if isinstance(left, dict) and isinstance(right, dict):
            names = [name for name in sorted(left.keys() | right.keys()) if left.get(name) != right.get(name)]
            found += [f"{table} {key} {name}: engine {left.get(name)}, model {right.get(name)}" for name in names]
        elif left != right:
            found.append(f"{table} {key}: engine {left}, model {right}")
    return found


def main(directory: str, *files: str) -> int:
    """Compare the files of a directory with a settlement of the events; 1 where they differ."""
    events = [json.loads(line) for file in files for line in Path(file).read_text().splitlines()]
    found = differences(of_files(Path(directory)), of_model(settle(events)))
    sys.stdout.write("\n".join(found or ["no difference"]) + "\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
