"""The choice of the component that is active at a moment (OCPI mod_tariffs, Tariff object)."""

from collections.abc import Iterable

from domain.rating import DIMENSIONS
from domain.tariff_elements import Component, Element, first_of_dimension
from domain.tariff_restrictions import Edges, Moment, Restriction

_Candidate = tuple[tuple[Restriction, ...], Component]


class Menu:
    """The elements that can price one kind of use, searched per dimension in their order."""

    __slots__ = ("_candidates", "edges", "restricted")

    def __init__(self, elements: Iterable[Element]) -> None:
        self._candidates: dict[str, tuple[_Candidate, ...]] = dict.fromkeys(DIMENSIONS, ())
        self.edges = Edges()
        for dimension in DIMENSIONS:
            self._candidates[dimension] = tuple(_candidates(elements, dimension))
        for candidates in self._candidates.values():
            for conditions, _ in candidates:
                for restriction in conditions:
                    self.edges |= restriction.edges()
        self.restricted = self.edges != Edges()

    def select(self, dimension: str, moment: Moment) -> Component | None:
        """The active component of a dimension: that of the first element that has one and whose restrictions hold.

        Source: OCPI mod_tariffs, Tariff object. None when nothing matches: the dimension costs nothing then.
        """
        for conditions, component in self._candidates[dimension]:
            for restriction in conditions:
                if not restriction.holds(moment):
                    break
            else:
                return component
        return None


def _candidates(elements: Iterable[Element], dimension: str) -> Iterable[_Candidate]:
    """The components of a dimension in order of preference; nothing after an unrestricted one can be reached."""
    for element in elements:
        component = first_of_dimension(element, dimension)
        if component is not None:
            yield element.restrictions, component
            if not element.restrictions:
                return
