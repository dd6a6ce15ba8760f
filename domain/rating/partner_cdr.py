"""Pricing the CDR that a partner sent: which tariff prices which of its periods, and where its clock stands."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from domain.errors import DomainError
from domain.rating.rating import Rating
from domain.rating.several_tariffs import TariffPart, joined, price_in_parts
from domain.rating.stated_periods import StatedPeriod, doubts, stated_periods
from domain.tariff.lint import LEFT_OUT, lint
from domain.tariff.tariff import Tariff
from domain.tariff.taxes import Tax

# Names of OCPI 2.1.1 (mod_cdrs, CDR object), and what 2.2.1 has in their place.
_OLDER_NAMES = (("stop_date_time", "end_date_time"), ("auth_id", "cdr_token"))


@dataclass(frozen=True, slots=True)
class PricedCdr:
    """A CDR with its price: a rating for each part that one tariff prices, and which CDR period each period is of.

    `warnings` say what of the CDR or of its tariffs is read otherwise than it is written, or not at all.
    """

    parts: tuple[tuple[Tariff, Rating], ...]
    period_numbers: tuple[int, ...]
    is_credit: bool
    warnings: tuple[str, ...] = ()

    @property
    def rating(self) -> Rating:
        """The whole price."""
        return joined([rating for _, rating in self.parts])

    @property
    def currency(self) -> str:
        return self.parts[0][0].currency


def price_cdr(
    cdr: Mapping[str, Any], time_zone: ZoneInfo, tariff: Mapping[str, Any] | None = None, taxes: Sequence[Tax] = ()
) -> PricedCdr:
    """The price of a parsed OCPI CDR of 2.2.1 or 2.3.0, by a given tariff or by those it carries.

    The prices that the CDR states are not looked at. Raises DomainError when it cannot be read, or names no tariff
    that it carries.
    """
    _refuse_2_1_1(cdr)
    stated = stated_periods(cdr)
    credit = cdr.get("credit")
    if credit not in (None, False, True):
        raise DomainError(f"credit of the CDR is {credit!r}, neither true nor false")
    parts = _given(stated, tariff, taxes) if tariff is not None else tariff_parts(cdr, stated, taxes)
    if taxes and not any(part.tariff.tax_included for part in parts):
        raise DomainError(
            f"tariff {parts[0].tariff.id} is of OCPI 2.2.1, where a component without vat bears none: "
            "taxes can be given for a tariff with tax_included only"
        )
    ratings = price_in_parts(parts, time_zone)
    return PricedCdr(
        tuple((part.tariff, rating) for part, rating in zip(parts, ratings, strict=True)),
        tuple(each.number for each in stated),
        credit is True,
        (*doubts(cdr), *_warnings(cdr, {part.tariff.id.casefold() for part in parts}, tariff, taxes)),
    )


def _refuse_2_1_1(cdr: Mapping[str, Any]) -> None:
    """Says of a CDR of OCPI 2.1.1 that it is one: it has stop_date_time, and auth_id instead of a token."""
    older = [name for name, newer in _OLDER_NAMES if cdr.get(name) is not None and cdr.get(newer) is None]
    if older:
        raise DomainError(
            f"the CDR is of OCPI 2.1.1, since it has {' and '.join(older)}: send it as OCPI 2.2.1 or 2.3.0 has it"
        )


def _warnings(
    cdr: Mapping[str, Any], used: Container[str], given: Mapping[str, Any] | None, taxes: Sequence[Tax]
) -> Iterator[str]:
    """What is left out of the tariffs that priced a CDR."""
    documents = [given] if given is not None else [each for key, each in _carried(cdr).items() if key in used]
    for document in documents:
        for finding in lint(document, taxes):
            if finding.code in LEFT_OUT:
                yield f"tariff {document['id']}, {finding.path}: {finding.sentence}"


def _given(stated: Sequence[StatedPeriod], tariff: Mapping[str, Any], taxes: Sequence[Tax]) -> list[TariffPart]:
    return [TariffPart(Tariff.from_ocpi(tariff, taxes), [each.period for each in stated])]


def tariff_parts(
    cdr: Mapping[str, Any], stated: Sequence[StatedPeriod], taxes: Sequence[Tax] = ()
) -> list[TariffPart]:
    """The tariff of each period, those of one after the other together (OCPI mod_cdrs, ChargingPeriod tariff_id).

    A period that names no tariff has none that is relevant. Decided, since many CDRs carry one tariff and name it
    nowhere: where no period names any, the first tariff prices all; where some do, the others cost nothing.
    Raises DomainError for a tariff that is named and not carried.
    """
    carried = _carried(cdr)
    named = [_key(each.tariff_id) for each in stated]
    if not any(named):
        return _given(stated, next(iter(carried.values())), taxes)
    parts: list[tuple[str, list[StatedPeriod]]] = []
    for key, each in zip(named, stated, strict=True):
        if not parts or (key and parts[-1][0] and key != parts[-1][0]):
            parts.append((key, []))
        elif not parts[-1][0]:
            parts[-1] = (key, parts[-1][1])
        parts[-1][1].append(each)
    read = {key: Tariff.from_ocpi(_find(carried, key), taxes) for key in dict.fromkeys(filter(None, named))}
    return [
        TariffPart(
            read[key],
            [each.period for each in listed],
            frozenset(index for index, each in enumerate(listed) if each.tariff_id is None),
        )
        for key, listed in parts
    ]


def _carried(cdr: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The tariffs of the CDR by their ids, which compare without case (OCPI types, CiString)."""
    listed = cdr.get("tariffs")
    if listed is not None and not isinstance(listed, list | tuple):
        raise DomainError("tariffs of the CDR is not a list")
    carried: dict[str, Mapping[str, Any]] = {}
    for index, tariff in enumerate(listed or ()):
        if not isinstance(tariff, Mapping):
            raise DomainError(f"tariffs[{index}] of the CDR is not an object")
        carried.setdefault(_key(tariff.get("id")), tariff)
    if not carried:
        raise DomainError("the CDR carries no tariff; give one")
    return carried


def _find(carried: Mapping[str, Mapping[str, Any]], key: str) -> Mapping[str, Any]:
    if key not in carried:
        known = ", ".join(sorted(filter(None, carried))) or "one without an id"
        raise DomainError(
            f"the CDR names tariff {key!r} and carries only {known}: send the tariff with it, or give one"
        )
    return carried[key]


def _key(tariff_id: object) -> str:
    return tariff_id.casefold() if isinstance(tariff_id, str) else ""


def stated_time_zone(cdr: Mapping[str, Any]) -> str | None:
    """The time zone in the CDR's location, if its sender put one there (OCPI mod_cdrs, CdrLocation).

    CdrLocation has none: only a Location does. Decided: a `time_zone` that is there all the same is taken.
    """
    location = cdr.get("cdr_location")
    named = location.get("time_zone") if isinstance(location, Mapping) else None
    return named if isinstance(named, str) and named else None
