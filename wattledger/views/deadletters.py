"""Refused records as tables; people copy the id, so it stays on one line, and `show` tells the rest."""

from collections.abc import Mapping, Sequence
from typing import Any

from wattledger.views.forms import Form, print_csv
from wattledger.views.tables import print_table, show_rows

_SHOWN = ("time", "topic", "code", "source", "event_id", "id", "sentence")
_SECOND_CHARS = 19


def show_letters(letters: Sequence[Mapping[str, Any]], form: Form) -> None:
    """The letters of a list, each as `listed_letter` gives it."""
    shown = [dict(letter) | {"time": letter["recorded_at"][:_SECOND_CHARS] + "Z"} for letter in letters]
    show_rows("Dead letters", letters, _SHOWN, form=form, prose=("sentence",), shown=shown)


def show_letter(letter: Mapping[str, Any], form: Form) -> None:
    """All of one letter, as `letter_document` gives it."""
    if form is Form.CSV:
        print_csv(("what", "value"), letter.items())
    else:
        print_table(f"Dead letter {letter['id']}", ("what", "value"), [*letter.items()], prose=("value",))
