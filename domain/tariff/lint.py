"""Warnings about a tariff that is accepted: what does nothing, is left out, or is read otherwise than written.

Errors, which refuse a tariff, are the contract's. A warning is certain: what is called unreachable is never used.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from domain.charging import DIMENSIONS, FLAT, TIME
from domain.document import Part, as_part
from domain.errors import DomainError
from domain.tariff.elements import (
    RESERVATION,
    RESERVATION_EXPIRES,
    Element,
    expired_elements,
    first_of_dimension,
)
from domain.tariff.keys import unknown_keys
from domain.tariff.patterns import reach
from domain.tariff.tariff import Tariff
from domain.tariff.taxes import NOT_APPLICABLE, Tax

NOT_PRICED = "NOT_PRICED"
# What of a tariff is not looked at, though it can be priced.
LEFT_OUT = frozenset({"UNKNOWN_KEY", "DEAD_ELEMENT"})
_WAITING = "sessions with this tariff wait in suspense"
_RESERVATION_DIMENSIONS = (FLAT, TIME)


class Finding(NamedTuple):
    """A warning: its code, where in the tariff document, and a sentence for people."""

    code: str
    path: str
    sentence: str


def lint(
    document: Mapping[str, Any], taxes: Sequence[Tax] = (), effective_from: datetime | None = None
) -> tuple[Finding, ...]:
    """Everything odd about an OCPI tariff that the contract accepts, in the order of the document.

    `taxes` are the configured ones beside it, `effective_from` the moment from which it is to be in effect.
    """
    read = as_part(document, "")
    found = [*_key_findings(read), *_component_findings(read), *_window_findings(read)]
    try:
        tariff = Tariff.from_ocpi(document, taxes)
    except DomainError as refusal:
        is_told = any(finding.code == NOT_PRICED for finding in found)
        return tuple(found) if is_told else (_not_priced(str(refusal)), *found)
    for check in _CHECKS:
        found += check(tariff)
    found += _tax_findings(tariff, read, taxes)
    if effective_from is not None and tariff.end_date_time is not None and tariff.end_date_time <= effective_from:
        sentence = "is not after effective_from: no session can be rated with this version"
        found.append(Finding("NEVER_IN_EFFECT", "end_date_time", f"end_date_time {sentence}"))
    return tuple(found)


def _not_priced(refusal: str) -> Finding:
    """What the contract lets pass and the engine does not price, an unknown restriction for example."""
    place, _, _ = refusal.partition(" ")
    path = place.removeprefix("tariff.") if place.startswith("tariff.") else "$"
    return Finding(NOT_PRICED, path, f"{_WAITING}: {refusal}")


# What OCPI does not have --------------------------------------------------------------------------------------------


def _key_findings(read: Part) -> Iterator[Finding]:
    """Unknown keys; those that resemble a known one keep the tariff from being priced."""
    for key in unknown_keys(read):
        path = f"{key.part.path}.{key.name}".lstrip(".")
        if key.resembles is None:
            yield Finding("UNKNOWN_KEY", path, "no key of OCPI: it is not looked at")
        else:
            yield Finding(NOT_PRICED, path, f"{_WAITING}: {path} {key.problem}")


# What is read otherwise than written -------------------------------------------------------------------------------


def _elements(read: Part) -> Iterator[tuple[str, Part]]:
    for number, element in enumerate(read.parts("elements")):
        yield f"elements[{number}]", element


def _component_findings(read: Part) -> Iterator[Finding]:
    for place, element in _elements(read):
        seen: set[str] = set()
        for number, component in enumerate(element.parts("price_components")):
            path = f"{place}.price_components[{number}]"
            type_ = str(component.fields.get("type"))
            if type_ in seen:
                yield Finding("TWO_COMPONENTS", path, f"a second {type_} in one element: the first one counts")
            seen.add(type_)
            if component.has("step_size") and component.number("step_size") == 0:
                yield Finding(
                    "STEP_SIZE_ZERO", f"{path}.step_size", "a step of 0 is taken as 1, which rounds nothing"
                )


def _window_findings(read: Part) -> Iterator[Finding]:
    for place, element in _elements(read):
        condition = element.part("restrictions")
        if condition is None:
            continue
        start, end = condition.fields.get("start_time"), condition.fields.get("end_time")
        if end == "23:59":
            sentence = "the minute from 23:59 to midnight is left out: end at 00:00 for the end of the day"
            yield Finding("LAST_MINUTE_LEFT_OUT", f"{place}.restrictions.end_time", sentence)
        if end == start and end not in (None, "00:00"):
            sentence = f"a window from {start} to {end} is taken as the whole day"
            yield Finding("WHOLE_DAY_WINDOW", f"{place}.restrictions.end_time", sentence)


# What does nothing, and what is left out ---------------------------------------------------------------------------


def _living(tariff: Tariff) -> list[tuple[int, Element]]:
    """The elements that can apply, with their numbers."""
    return [(number, each) for number, each in enumerate(tariff.elements) if not each.is_dead]


def _dead_findings(tariff: Tariff) -> Iterator[Finding]:
    for number, element in enumerate(tariff.elements):
        if element.is_dead:
            sentence = "left out: its restrictions contradict each other, so it can never apply"
            yield Finding("DEAD_ELEMENT", f"elements[{number}]", sentence)


def _charging_findings(tariff: Tariff) -> Iterator[Finding]:
    numbers = [number for number, each in _living(tariff) if each.reservation is None]
    found = reach([tariff.elements[number] for number in numbers], DIMENSIONS)
    used = None if found.used is None else {(numbers[at], dimension) for at, dimension in found.used}
    for number in numbers:
        yield from _unused(number, tariff.elements[number], DIMENSIONS, used)
    yield from _left_open(found.open, "charging")


def _reservation_findings(tariff: Tariff) -> Iterator[Finding]:
    """Reservations that are used and those that expire look at different elements, in different orders."""
    reserving = [each for _, each in _living(tariff) if each.reservation]
    held = [each for each in reserving if each.reservation == RESERVATION]
    expired = expired_elements(reserving)
    ways = [(order, reach(order, _RESERVATION_DIMENSIONS)) for order in (held, expired)]
    used: set[tuple[int, str]] | None = set()
    for order, found in ways:
        if found.used is None or used is None:
            used = None
        else:
            used |= {(_number(tariff, order[at]), dimension) for at, dimension in found.used}
    for number, element in _living(tariff):
        if element.reservation:
            yield from _not_for_reservations(number, element)
            yield from _unused(number, element, _RESERVATION_DIMENSIONS, used)
    yield from _left_open(ways[0][1].open, "a reservation")
    if any(each.reservation == RESERVATION_EXPIRES for each in reserving):
        yield from _left_open(ways[1][1].open - ways[0][1].open, "a reservation that expires")


def _number(tariff: Tariff, element: Element) -> int:
    return next(number for number, each in enumerate(tariff.elements) if each is element)


def _not_for_reservations(number: int, element: Element) -> Iterator[Finding]:
    wrong = [each.dimension for each in element.components if each.dimension not in _RESERVATION_DIMENSIONS]
    if wrong and any(each.dimension in _RESERVATION_DIMENSIONS for each in element.components):
        sentence = f"a reservation has FLAT and TIME only: {' and '.join(dict.fromkeys(wrong))} is never used"
        yield Finding("RESERVATION_DIMENSION", f"elements[{number}]", sentence)


def _unused(
    number: int, element: Element, dimensions: Sequence[str], used: set[tuple[int, str]] | None
) -> Iterator[Finding]:
    """An element of which no component is ever the active one, or single components of one."""
    priced = [dimension for dimension in dimensions if first_of_dimension(element, dimension)]
    if not priced:
        sentence = "never used: a reservation has FLAT and TIME only, and the element prices neither"
        yield Finding("UNREACHABLE_ELEMENT", f"elements[{number}]", sentence)
    if used is None:
        return
    idle = [dimension for dimension in priced if (number, dimension) not in used]
    if idle and len(idle) == len(priced):
        sentence = "never used: its restrictions cannot hold, or elements before it price the same whenever they do"
        yield Finding("UNREACHABLE_ELEMENT", f"elements[{number}]", sentence)
        return
    for dimension in idle:
        place = next(at for at, each in enumerate(element.components) if each.dimension == dimension)
        sentence = f"never used: elements before it price {dimension} whenever this one holds"
        yield Finding("UNREACHABLE_COMPONENT", f"elements[{number}].price_components[{place}]", sentence)


def _left_open(dimensions: frozenset[str], use: str) -> Iterator[Finding]:
    for dimension in sorted(dimensions):
        sentence = (
            f"{dimension} of {use} costs nothing when no restriction holds: end with an element without restrictions "
            f"that prices {dimension}, at 0 where it is meant to be free"
        )
        yield Finding("NO_FALLBACK", "elements", sentence)


# Taxes and limits --------------------------------------------------------------------------------------------------


def _tax_findings(tariff: Tariff, read: Part, taxes: Sequence[Tax]) -> Iterator[Finding]:
    if tariff.tax_included == NOT_APPLICABLE:
        for place, element in _elements(read):
            for number, component in enumerate(element.parts("price_components")):
                if component.has("vat") and component.number("vat"):
                    path = f"{place}.price_components[{number}].vat"
                    yield Finding("VAT_WITH_NA", path, "ignored: tax_included N/A says that no taxes apply")
    if taxes and tariff.tax_included in (None, NOT_APPLICABLE):
        sentence = "ignored: only a tariff of OCPI 2.3.0 with tax_included YES or NO has configured taxes"
        yield Finding("TAXES_UNUSED", "tax_included", f"the configured taxes are {sentence}")
    for name, bound in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
        if bound is not None and bound.incl_vat is not None and bound.incl_vat < bound.excl_vat:
            yield Finding("LIMIT_BELOW_NET", name, f"{name} is lower with taxes than without")
        if bound is not None and bound.incl_vat is None and _is_taxed(tariff):
            sentence = f"{name} bounds the price without taxes only: what is to be paid, with taxes, stays as it is"
            yield Finding("LIMIT_WITHOUT_TAXES", name, sentence)


def _is_taxed(tariff: Tariff) -> bool:
    return any(component.vat for element in tariff.elements for component in element.components)


_CHECKS: tuple[Callable[[Tariff], Iterator[Finding]], ...] = (
    _dead_findings,
    _charging_findings,
    _reservation_findings,
)
