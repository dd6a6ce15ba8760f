"""People by the names that they act under: one who is written in two ways is one."""

import unicodedata


def folded_name(name: str) -> str:
    """What names are compared by: without capitals, forms of letters (NFKC) and spaces that nobody sees."""
    letters = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join("".join(each for each in letters if unicodedata.category(each) != "Cf").split())


def same_person(one: str, other: str) -> bool:
    """Whether two principals are one person, however their names are written."""
    return folded_name(one) == folded_name(other)
