"""The index of the decisions has each of them once, under its own title; numbers have no gap."""

import re

from tests.docs.pages import ROOT

FOLDER = ROOT / "docs" / "decisions"
INDEX = FOLDER / "README.md"
ROW = re.compile(r"^\| \[(.+)\]\(([\w-]+\.md)\) \| (\S.*) \|$", re.MULTILINE)


def titles() -> dict[str, str]:
    """The heading of each decision, by the name of its file."""
    pages = [page for page in sorted(FOLDER.glob("*.md")) if page != INDEX]
    return {page.name: page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for page in pages}


def test_the_index_has_every_decision_once_under_its_title() -> None:
    rows = [(name, title) for title, name, _ in ROW.findall(INDEX.read_text(encoding="utf-8"))]
    assert sorted(rows) == sorted(titles().items())


def test_every_row_of_the_index_says_what_was_decided() -> None:
    rows = [line for line in INDEX.read_text(encoding="utf-8").splitlines() if line.startswith("| [")]
    assert [line for line in rows if not ROW.fullmatch(line)] == []


def test_decisions_are_numbered_without_a_gap_and_headed_by_their_number() -> None:
    numbered = {name: title for name, title in titles().items() if name[:4].isdigit()}
    assert [int(name[:4]) for name in numbered] == [*range(1, len(numbered) + 1)]
    assert [title.partition(".")[0] for title in numbered.values()] == [*map(str, range(1, len(numbered) + 1))]
