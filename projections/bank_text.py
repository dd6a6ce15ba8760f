"""Text as banks take it: their Latin letters, digits and signs, and never more characters than fit.

Latin letters and signs go by the conversion table of EPC217-08 ("SEPA Requirements for an Extended Character Set").
Greek and Cyrillic go by the rule of the country that the name is from, as its passports and registers have it.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping

from text_unidecode import unidecode

NAME_MAX, TEXT_MAX = 70, 140

# The characters of the EPC's basic set, which every bank takes.
_TAKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-?:().,'+ ")
_OTHER_SIGN = "."
_MARKS = frozenset(character for character in _TAKEN if not character.isalnum())
# Letters by Unicode, signs by the table.
_ORDINALS = frozenset("ªº")
# What the library says of a character of which it knows nothing.
_UNTOLD = "[?]"

# EPC217-08 where its answer is not the letter without its mark, nor the full stop that stands for any other sign.
# Three differ from it: it has ß as s, and no letter for Ð and Þ; what registers and passports have is taken, since a
# name that lost a letter does not match its account any more.
_LATIN = dict(
    zip("&;[]{}\\|_~`¿€", ["+", ",", "(", ")", "(", ")", "/", "/", "-", "-", "'", "?", "E"], strict=True)
) | {
    "ß": "ss",
    "ẞ": "SS",
    "Ð": "D",
    "ð": "d",
    "Þ": "Th",
    "þ": "th",
    "Æ": "A",
    "æ": "a",
    "Ø": "O",
    "ø": "o",
    "Œ": "O",
    "œ": "o",
    "Đ": "D",
    "đ": "d",
    "Ħ": "H",
    "ħ": "h",
    "ı": "i",
    "Ł": "L",
    "ł": "l",
    "Ŧ": "T",
    "ŧ": "t",
}


def _pairs(text: str) -> dict[str, str]:
    """A table from its text: `letter=letters` apart by spaces, a letter without anything behind `=` falls away."""
    return dict(pair.split("=") for pair in text.split())


# ELOT 743 (ISO 843, type 2), letter by letter; its pairs of letters are told by `_greek`.
_GREEK = _pairs(
    "α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f χ=ch ψ=ps ω=o"
)
_GREEK_PAIRS = _pairs("γγ=ng γξ=nx γχ=nch ου=ou")
# Before these, and at the end of a word, the υ of αυ, ευ and ηυ is an f; before others a v.
_GREEK_VOICELESS = frozenset("θκξπστφχψς")

# Letters that all the countries below write alike.
_CYRILLIC = _pairs("а=a б=b в=v г=g д=d е=e з=z и=i к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f ж=zh ц=ts ч=ch ш=sh")
# Bulgaria: Transliteration Act (State Gazette 19/2009); ия at the end of a word is ia (article 6, 2).
_BULGARIAN = _CYRILLIC | _pairs("й=y х=h щ=sht ъ=a ь=y ю=yu я=ya")
# Serbia, Montenegro, Bosnia and Herzegovina: the Latin alphabet of the same language, less its marks (EPC217-08).
_SERBIAN = _CYRILLIC | _pairs("ђ=d ж=z ј=j љ=lj њ=nj ћ=c х=h ц=c ч=c џ=dz ш=s")
# North Macedonia: the rule of its identity documents.
_MACEDONIAN = _CYRILLIC | _pairs("ѓ=gj ѕ=dz ј=j љ=lj њ=nj ќ=kj х=h ц=c џ=dj")
# Ukraine: resolution 55 of the Cabinet of Ministers of 27 January 2010; at the start of a word as `_UKRAINIAN_FIRST`.
_UKRAINIAN = _CYRILLIC | _pairs("г=h ґ=g є=ie и=y і=i ї=i й=i х=kh щ=shch ь= ю=iu я=ia ʼ= ’= '=")
_UKRAINIAN_FIRST = _pairs("є=ye ї=yi й=y ю=yu я=ya")
# Belarus and all others: ICAO Doc 9303-3, section 6 B, as their passports have it.
_ICAO = _CYRILLIC | _pairs(
    "ё=e й=i х=kh щ=shch ъ=ie ы=y ь= э=e ю=iu я=ia і=i ї=i є=ie ґ=g ў=u ѓ=g ђ=d ѕ=dz ј=j љ=lj њ=nj ќ=k ћ=c џ=dz"
)
_BELARUSIAN = _ICAO | _pairs("г=h ё=io")

_CYRILLIC_OF: Mapping[str, Mapping[str, str]] = {
    "BG": _BULGARIAN,
    "RS": _SERBIAN,
    "ME": _SERBIAN,
    "BA": _SERBIAN,
    "XK": _SERBIAN,
    "MK": _MACEDONIAN,
    "UA": _UKRAINIAN,
    "BY": _BELARUSIAN,
}

_GREEK_WORD = re.compile("[\u0370-\u03ff\u1f00-\u1fff]+")
_CYRILLIC_WORD = re.compile("[\u0400-\u052f]+(?:[ʼ’'][\u0400-\u052f]+)*")
_SPACES, _SLASHES = re.compile(r" {2,}"), re.compile(r"/{2,}")


def bank_text(text: str, country: str = "", length: int = TEXT_MAX) -> str:
    """Text in the characters that banks take, at most `length`, from a name of a country (ISO 3166); `?` if none is
    left. It neither begins nor ends with a slash and has none twice (EPC implementation guidelines, 1.4)."""
    plain = _GREEK_WORD.sub(lambda word: _greek(word[0]), unicodedata.normalize("NFC", text))
    plain = _CYRILLIC_WORD.sub(lambda word: _cyrillic(word[0], country), plain)
    plain = "".join(map(_latin, plain))
    plain = _SLASHES.sub("/", _SPACES.sub(" ", plain)).strip("/ ")
    return plain[:length].strip("/ ") or "?"


def _latin(character: str) -> str:
    if character in _TAKEN:
        return character
    found = _LATIN.get(character) or _LATIN.get(unicodedata.normalize("NFD", character)[0])
    if found is not None:
        return found
    if character.isspace():
        return " "
    told = unidecode(character).replace(_UNTOLD, "")
    kind = unicodedata.category(character)
    if kind[0] in "PS" or kind == "No" or character in _ORDINALS:
        return _sign(told, is_punctuation=kind[0] == "P")
    return "".join(each if each in _TAKEN else _OTHER_SIGN for each in told)


def _sign(told: str, *, is_punctuation: bool) -> str:
    """A sign that is no letter: the mark that it looks like or else a full stop, and never letters or digits."""
    return told[:1] if is_punctuation and told[:1] in _MARKS else _OTHER_SIGN if told else ""


def _spelled(word: str, lower: str, tell: Callable[[int], tuple[str, int]]) -> str:
    """A word, told from place to place (what stands there, how many letters it is), in the case of its letters."""
    told, place = [], 0
    while place < len(word):
        letters, taken = tell(place)
        original = word[place : place + taken]
        if original != lower[place : place + taken]:
            shouted = original.isupper() and word.isupper() and len(word) > 1
            letters = letters.upper() if shouted else letters[:1].upper() + letters[1:]
        told.append(letters)
        place += taken
    return "".join(told)


def _greek(word: str) -> str:
    """By ELOT 743: γγ, γξ, γχ, ου, the υ of αυ, ευ and ηυ, and μπ, which is b at either end of a word."""
    # Without its accent a letter is as long as with it; a diaeresis says that two vowels are not a pair.
    marked = unicodedata.normalize("NFC", word)
    base = "".join(unicodedata.normalize("NFD", letter)[0] for letter in marked)
    lower = base.lower()

    def tell(place: int) -> tuple[str, int]:
        pair = lower[place : place + 2]
        parted = len(pair) == 2 and "\u0308" in unicodedata.normalize("NFD", marked[place + 1])
        if pair in _GREEK_PAIRS and not parted:
            return _GREEK_PAIRS[pair], 2
        if pair in ("αυ", "ευ", "ηυ") and not parted:
            after = lower[place + 2 : place + 3]
            return _GREEK[pair[0]] + ("f" if not after or after in _GREEK_VOICELESS else "v"), 2
        if pair == "μπ" and (place == 0 or place + 2 == len(lower)):
            return "b", 2
        return _GREEK.get(lower[place], unidecode(marked[place]).lower()), 1

    return _spelled(base, lower, tell)


def _cyrillic(word: str, country: str) -> str:
    table = _CYRILLIC_OF.get(country, _ICAO)
    lower = word.lower()

    def tell(place: int) -> tuple[str, int]:
        letter = lower[place]
        if table is _UKRAINIAN and place == 0 and letter in _UKRAINIAN_FIRST:
            return _UKRAINIAN_FIRST[letter], 1
        if table is _UKRAINIAN and lower.startswith("зг", place):
            return "zgh", 2
        if table is _BULGARIAN and place == len(lower) - 2 and lower.endswith("ия"):
            return "ia", 2
        return table.get(letter, unidecode(letter).lower()), 1

    return _spelled(word, lower, tell)
