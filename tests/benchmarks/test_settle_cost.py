"""What settling a file costs is counted with all processes of the command, and told by who spent it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.settle_cost import settle

PROJECT = Path(__file__).resolve().parent.parent.parent
ROW = re.compile(r"^│ (\S.*?) +│ +([\d.,]+) │", re.MULTILINE)
AROUND = {**os.environ, "COLUMNS": "200"}


def test_the_parts_of_the_cost_add_up_and_servers_are_among_them() -> None:
    command = [sys.executable, "-m", "benchmarks.settle_cost", "--events", "600", "--rounds", "1"]
    # So few events cost many times the yardstick, the servers' starts most of all: it says so.
    told = subprocess.run(command, cwd=PROJECT, env=AROUND, capture_output=True, text=True, check=False, timeout=300)

    figures = {name: float(value.replace(",", "")) for name, value in ROW.findall(told.stdout)}
    assert told.returncode == 1, told.stderr
    parts = {name: value for name, value in figures.items() if name.startswith("– ")}
    assert {"– kafka", "– postgres", "– python: the command"} <= parts.keys()
    assert sum(parts.values()) == pytest.approx(figures["settle"], rel=0.02)
    assert figures["settle to json"] == pytest.approx(figures["settle"] / figures["json"], rel=0.02)


def test_what_did_not_settle_has_no_cost(tmp_path: Path) -> None:
    refused = tmp_path / "refused.jsonl"
    refused.write_text('{"no": "event"}\n', "utf-8")
    command = [sys.executable, "-m", "benchmarks.settle_cost", str(refused), "--rounds", "1"]
    told = subprocess.run(command, cwd=PROJECT, env=AROUND, capture_output=True, text=True, check=False, timeout=300)
    assert told.returncode == 1
    assert "CommandFailed: what was measured ended with status 1" in told.stderr


def test_a_process_that_has_children_measures_nothing(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with pytest.raises(RuntimeError, match="has children"):
            settle(tmp_path / "events.jsonl", tmp_path / "store")
    finally:
        child.communicate()
