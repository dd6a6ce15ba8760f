"""The page of findings: it lists every kind, with its cure in the words of the program."""

import re

from domain.book.findings import CURES, FindingKind
from tests.docs.pages import ROOT

_ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+) \| (.+) \|$", re.MULTILINE)


def test_every_kind_of_finding_stands_on_the_page_with_its_cure() -> None:
    page = (ROOT / "docs/findings.md").read_text()
    rows = {kind: cure.replace("`", "") for kind, _, cure in _ROW.findall(page)}
    for kind in FindingKind:
        assert rows.get(kind) == CURES[kind], f"{kind} has no row with this cure: mend docs/findings.md"
