"""Keys of a tariff that OCPI does not have: those that look like one of its own, and the others."""

from collections.abc import Iterator
from typing import NamedTuple

from domain.document import Part

RESTRICTIONS = frozenset(
    {
        "start_time",
        "end_time",
        "start_date",
        "end_date",
        "day_of_week",
        "min_kwh",
        "max_kwh",
        "min_duration",
        "max_duration",
        "min_power",
        "max_power",
        "min_current",
        "max_current",
        "reservation",
    }
)
# Of OCPI 2.2.1 and 2.3.0 together, the payments edition's preauthorize_amount among them.
_TARIFF = frozenset(
    {
        "country_code",
        "party_id",
        "id",
        "currency",
        "type",
        "tariff_alt_text",
        "tariff_alt_url",
        "min_price",
        "max_price",
        "elements",
        "start_date_time",
        "end_date_time",
        "energy_mix",
        "tax_included",
        "preauthorize_amount",
        "last_updated",
    }
)
_LIMIT = frozenset({"excl_vat", "incl_vat", "before_taxes", "after_taxes", "taxes"})
_ELEMENT = frozenset({"price_components", "restrictions"})
_COMPONENT = frozenset({"type", "price", "vat", "step_size", "price_round", "step_round"})
_LIMITS = ("min_price", "max_price")
# What bounds a price, and restricts nothing where it does not belong.
_PROMISES = RESTRICTIONS | set(_LIMITS)


class UnknownKey(NamedTuple):
    """A key that its object does not have in OCPI: its object, its name, and the key of OCPI it may stand for."""

    part: Part
    name: str
    resembles: str | None

    @property
    def problem(self) -> str:
        """Why a tariff with it is not priced."""
        if self.resembles == self.name:
            return "has no effect where it stands, and a promise may hide in it: put it where OCPI has it"
        return f"resembles {self.resembles}, and a promise may hide in it: write {self.resembles}, or take it out"


def unknown_keys(tariff: Part) -> Iterator[UnknownKey]:
    """Every unknown key of a tariff, its limits, elements and components; null counts as absent.

    Raises UnsupportedTariff for what is no object or list where one has to be. Unknown keys among restrictions are
    not among these: such a restriction is never priced, whatever its name.
    """
    yield from _unknown(tariff, _TARIFF)
    for name in _LIMITS:
        limit = tariff.part(name)
        if limit is not None:
            yield from _unknown(limit, _LIMIT)
    for element in tariff.parts("elements"):
        yield from _unknown(element, _ELEMENT)
        for component in element.parts("price_components"):
            yield from _unknown(component, _COMPONENT)


def refuse_lookalikes(tariff: Part) -> None:
    """Raises UnsupportedTariff for the first unknown key in which a promise to drivers may hide."""
    for key in unknown_keys(tariff):
        if key.resembles is not None:
            raise key.part.refuse(key.name, key.problem)


def _unknown(part: Part, known: frozenset[str]) -> Iterator[UnknownKey]:
    for name in part.fields:
        if name not in known and part.has(name):
            yield UnknownKey(part, name, _resembled(name, known))


def _resembled(name: str, known: frozenset[str]) -> str | None:
    if name in _PROMISES:
        return name
    plain = _plain(name)
    alike = (other for other in sorted(known) if _one_letter_apart(plain, _plain(other)))
    return next((other for other in sorted(known | _PROMISES) if _plain(other) == plain), None) or next(alike, None)


def _plain(name: str) -> str:
    """A key without what people write differently: case, separators and a plural s."""
    letters = "".join(letter for letter in name.casefold() if letter.isalnum())
    return letters.removesuffix("s")


def _one_letter_apart(one: str, other: str) -> bool:
    """Whether one letter more, less or other, or two that changed places, make one the other."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, others = one[start:], other[start:]
    swapped = rest[:2] == others[:2][::-1] and rest[2:] == others[2:]
    return swapped or rest[1:] == others[1:] or rest[1:] == others or rest == others[1:]
