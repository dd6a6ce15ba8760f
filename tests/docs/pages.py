"""The pages of the documentation, and what their Markdown holds: code, links, headings, commands."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
OPERATIONS = ROOT / "docs" / "operations.md"

_CODE = re.compile(r"```\w*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


def pages() -> list[Path]:
    """Every page, README and changelog among them."""
    return [README, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def block(page: Path, language: str) -> list[str]:
    """The lines of all fenced blocks of a language."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for body in found for line in body.splitlines()]


def code_lines(page: Path) -> Iterator[str]:
    """Every line of code, fenced or between backquotes, without comments."""
    for fenced, inline in _CODE.findall(page.read_text(encoding="utf-8")):
        for line in (fenced or inline).splitlines():
            yield line.partition(" #")[0].strip()


def commands(page: Path, word: str) -> list[list[str]]:
    """The words after `wattledger` or `make` of every command line on a page."""
    lines = (line.removeprefix("time ").removeprefix(".venv/bin/") for line in code_lines(page))
    return [shlex.split(line)[1:] for line in lines if line.startswith(f"{word} ")]


def links(page: Path) -> list[str]:
    """The targets of the links on a page that lead to other places of the project."""
    return [target for target in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made of their words."""
    headings = _HEADING.findall(page.read_text(encoding="utf-8"))
    return {_NOT_IN_ANCHORS.sub("", heading.lower()).replace(" ", "-") for heading in headings}


def table(page: Path, header: str) -> list[list[str]]:
    """The rows of all tables with this header; an empty first or second cell repeats the one above."""
    rows: list[list[str]] = []
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line == header:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("| ---"):
            cells = [cell.strip().strip("`") for cell in line[1:-1].split("|")]
            above = rows[-1] if rows else cells
            rows.append([cell or above[place] if place < 2 else cell for place, cell in enumerate(cells)])
    return rows
