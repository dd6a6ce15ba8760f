"""JSON as people read it: one member a line, and every number as it was written."""

import json
import re

# No stored text has a NUL, so this marks numbers that stand as texts for a moment.
_MARK = "\0"
_MARKED = re.compile(r'"\\u0000([^"]*)"')


def indented(text: str | bytes) -> str:
    """The text of a JSON document with one member a line; numbers keep all their digits."""
    found = json.loads(text, parse_float=_marked, parse_int=_marked)
    return _MARKED.sub(r"\1", json.dumps(found, indent=2, ensure_ascii=False))


def _marked(number: str) -> str:
    return f"{_MARK}{number}"
