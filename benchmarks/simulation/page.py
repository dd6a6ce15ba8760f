"""Computed tables on a page: each stands between two marks, and is replaced there."""

import re
from collections.abc import Mapping

# No mark lies between two marks, so that a missing end swallows nothing.
_BLOCK = re.compile(r"(<!-- computed: (?P<name>\w+) -->\n)(?:(?!<!-- ).)*?(<!-- end -->)", re.DOTALL)


class UnknownBlock(Exception):
    """A page marks a table that is not computed: correct the mark, or write the table."""


def with_tables(page: str, tables: Mapping[str, str]) -> str:
    """The page with the marked tables as they are now; raises UnknownBlock."""

    def replaced(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in tables:
            raise UnknownBlock(f"the page marks {name!r}; there are {', '.join(tables)}")
        return f"{found[1]}{tables[name]}\n{found[3]}"

    return _BLOCK.sub(replaced, page)


def marked(page: str) -> list[str]:
    """The names of the tables that a page marks, in order."""
    return [found["name"] for found in _BLOCK.finditer(page)]
