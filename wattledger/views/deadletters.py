"""Refused records as tables; people copy the id, so it stays on one line, and `show` tells the rest."""

from collections.abc import Iterable, Mapping
from typing import Any

from wattledger.views.tables import print_table, show_rows

_SHOWN = ("id", "code", "sentence")


def show_letters(letters: Iterable[Mapping[str, Any]]) -> None:
    """The letters of a list, each as `listed_letter` gives it."""
    rows = [{name: letter[name] for name in _SHOWN} for letter in letters]
    show_rows("Dead letters", rows, (), json=False, whole=("id", "code"))


def show_letter(letter: Mapping[str, Any]) -> None:
    """All of one letter, as `letter_document` gives it."""
    print_table(f"Dead letter {letter['id']}", ("what", "value"), list(letter.items()))
