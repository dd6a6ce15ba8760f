"""The glossary names places that exist, and each word once, from A to Z."""

import re
from functools import cache

import pytest

from tests.docs.pages import ROOT
from tests.docs.test_architecture import names_in

PAGE = ROOT / "docs" / "glossary.md"
WORDS = re.compile(r"^\*\*([^*]+)\*\* (.+?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
PLACES = re.compile(r"`([\w/]+\.py)`\s+`([\w.]+)`")


@cache
def meanings() -> dict[str, str]:
    """What each word is said to mean, by word, in the order of the page."""
    return dict(WORDS.findall(PAGE.read_text(encoding="utf-8")))


def test_the_words_are_in_order_and_each_stands_once() -> None:
    words = [word for word, _ in WORDS.findall(PAGE.read_text(encoding="utf-8"))]
    assert words == sorted(set(words), key=str.casefold)


@pytest.mark.parametrize("word", meanings())
def test_a_word_has_a_place_in_the_code_that_exists(word: str) -> None:
    places = PLACES.findall(meanings()[word])
    assert places, f"docs/glossary.md does not say where {word!r} lives"
    for path, name in places:
        assert name in names_in(ROOT / path), f"docs/glossary.md, {word}: {path} has no {name}"


def test_every_word_in_bold_on_the_page_begins_an_entry() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count("**") == 2 * len(meanings())
