"""The walk through the code names functions that are where it says."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "architecture.md"
NAMED = re.findall(r"`([\w/]+\.py)`\s+`([\w.]+)`", PAGE.read_text(encoding="utf-8"))


def names_in(path: Path) -> set[str]:
    """What a module defines: functions, classes, names of the module, and methods as `Class.method`."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found |= {node.name} | {f"{node.name}.{each.name}" for each in node.body if isinstance(each, FUNCTIONS)}
        elif isinstance(node, FUNCTIONS):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def test_the_walk_names_functions_of_all_packages_on_the_way() -> None:
    assert {path.partition("/")[0] for path, _ in NAMED} == {
        "api",
        "consumers",
        "contracts",
        "domain",
        "engine",
        "ledger",
        "projections",
    }


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_function_of_the_walk_is_where_it_is_said(path: str, name: str) -> None:
    assert name in names_in(ROOT / path), f"docs/architecture.md: {path} has no {name}"
