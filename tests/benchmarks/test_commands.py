"""Single commands are measured beside a plain function call on the same server."""

import pytest

from benchmarks import commands
from benchmarks.stage import open_stage


def test_a_short_run_compares_group_commit_with_one_function_call_per_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "SECONDS", 0.5)
    with open_stage(100) as stage:
        found = {figure.name: figure.median for figure in commands.measure(stage, 1, lambda _: None)}
    assert found["single commands, group commit"] > 0
    assert found["one function call per command, psycopg"] > 0
    # So short a run says nothing about speed; that sets were formed shows in any.
    assert found["single commands, mean set"] > 2
    assert found["single commands, ratio to the faster reference"] > 0
