"""Counts the fields of a document that its contract does not know, so that newer gateways show in the figures."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

from contracts.values import Wire


@dataclass(frozen=True, slots=True)
class Shape:
    """The names an object may have, and the shapes of the known objects inside it."""

    known: frozenset[str]
    nested: tuple[tuple[str, "Shape"], ...]


def _models_in(annotation: Any) -> Iterator[type[Wire]]:
    if isinstance(annotation, type) and issubclass(annotation, Wire):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _merged(shapes: Iterable[Shape]) -> Shape:
    """One shape for alternatives, such as the two forms of a bank account; what both have is looked at once."""
    known: frozenset[str] = frozenset()
    nested: dict[str, list[Shape]] = {}
    for shape in dict.fromkeys(shapes):
        known |= shape.known
        for name, inner in shape.nested:
            nested.setdefault(name, []).append(inner)
    return Shape(known, tuple((name, _merged(inner)) for name, inner in nested.items()))


@lru_cache(maxsize=256)
def shape_of(model: type[Wire]) -> Shape:
    """The shape of a model, compiled once from its fields; one that Python keeps for itself (`from`) has an alias."""
    inner = {field.alias or name: list(_models_in(field.annotation)) for name, field in model.model_fields.items()}
    nested = tuple((name, _merged(map(shape_of, models))) for name, models in inner.items() if models)
    return Shape(frozenset(inner), nested)


def count_unknown(shape: Shape, value: Any) -> int:
    """How many fields of an object, or of the objects of a list, and of known objects inside, are unknown."""
    if isinstance(value, list):
        return sum(count_unknown(shape, item) for item in value)
    if not isinstance(value, dict):
        return 0
    unknown = 0 if value.keys() <= shape.known else len(value.keys() - shape.known)
    for name, inner in shape.nested:
        if name in value:
            unknown += count_unknown(inner, value[name])
    return unknown
