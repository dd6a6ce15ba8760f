"""Strips of time as SVG: how a thing stood from one moment to another, one strip a row of a table.

Pictures for the eye: what they say stands beside them in the row, and in the tables of the page.
"""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

_WIDTH: Final = 480
# Narrower ones could not be seen.
_NARROWEST: Final = 0.8


def strip(words: str, parts: Sequence[tuple[float, float, str, str]]) -> Markup:
    """A strip with its description: parts from place to place (0 to 1), each with its class and its own words."""
    drawn = [
        Markup('<rect class="{}" x="{}" y="0" width="{}" height="14"><title>{}</title></rect>').format(
            shade,
            round(min(begin * _WIDTH, _WIDTH - _NARROWEST), 2),
            round(max((end - begin) * _WIDTH, _NARROWEST), 2),
            said,
        )
        for begin, end, shade, said in parts
    ]
    return Markup(
        '<svg class="strip" viewBox="0 0 {} 14" preserveAspectRatio="none" role="img"><title>{}</title>{}</svg>'
    ).format(_WIDTH, words, Markup("").join(drawn))
