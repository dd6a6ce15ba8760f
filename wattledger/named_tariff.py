"""The tariff that somebody names to rate by: a published one, or one in a file, with the taxes on its prices."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from domain.catalogue.catalogue import Catalogue
from domain.document import as_part
from domain.errors import AmountError, UnsupportedTariff
from domain.tariff.published import PublishedTariff, taxes_of
from domain.tariff.taxes import NOT_APPLICABLE, YES, Tax, tax_included_of
from engine.rating_orders import latest_tariff
from wattledger.errors import ApplicationError
from wattledger.given_file import read_given

Taxes: TypeAlias = tuple[Tax, ...]
_PUBLISHED = "tariff.published"


def named_tariff(catalogue: Catalogue, operator_id: str, name: str, given: Taxes) -> tuple[Mapping[str, Any], Taxes]:
    """The document and the taxes of components without `vat`: those `given`, else those that belong to the tariff.

    `name` is the id of a tariff that the operator published, which is taken in its latest version, or else a file:
    of an OCPI tariff, which has the taxes of the operator's tariff with its id, or of the event that publishes it or
    that event's data, where the taxes stand beside it. Raises ApplicationError where there is no such tariff, and
    where its taxes are not told though it needs some or the operator's tariffs have some.
    """
    published = latest_tariff(catalogue, operator_id, name)
    if published is not None:
        return published.document, given or published.taxes
    path = Path(name)
    if not path.is_file():
        raise ApplicationError(
            f"{name!r} is neither a file nor a published tariff of {operator_id}; "
            "name a file that holds one OCPI tariff, or the id of one that was published"
        )
    data = _data(path)
    if "tariff" in data:
        return _tariff_of(data, path), given or _taxes_of(data, path)
    if given:
        return data, given
    namesake = latest_tariff(catalogue, operator_id, str(data.get("id", "")))
    taxes = namesake.taxes if namesake else ()
    if not taxes and _taxes_are_wanting(catalogue, operator_id, data, namesake):
        raise ApplicationError(
            f"{path}: prices in it have no vat, and no taxes on them are known; name them, as in --tax GST=5, "
            'or in a file with {"taxes": [...], "tariff": {...}}'
        )
    return data, taxes


def _data(path: Path) -> Mapping[str, Any]:
    """What a file holds: a tariff, or the data of the event that publishes one."""
    try:
        document = orjson.loads(read_given(path))
    except orjson.JSONDecodeError as error:
        raise ApplicationError(f"{path}: not JSON ({error}); name a file that holds one OCPI tariff") from error
    if isinstance(document, dict) and "specversion" in document:
        if document.get("type") != _PUBLISHED:
            raise ApplicationError(
                f"{path}: an event {document.get('type')!r}, not {_PUBLISHED!r}; name one of those"
            )
        document = document.get("data")
    if not isinstance(document, dict):
        raise ApplicationError(f"{path}: not a JSON object; name a file that holds one OCPI tariff")
    return document


def _tariff_of(data: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    document = data["tariff"]
    if not isinstance(document, dict):
        raise ApplicationError(f"{path}: its 'tariff' is not an OCPI tariff; put the object there")
    return document


def _taxes_of(data: Mapping[str, Any], path: Path) -> Taxes:
    """Those that stand beside a tariff; none is a word, too."""
    try:
        return taxes_of(data.get("taxes"))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AmountError) as error:
        raise ApplicationError(
            f'{path}: its taxes cannot be read; write them as [{{"name": "GST", "percent": "5"}}]'
        ) from error


def _taxes_are_wanting(
    catalogue: Catalogue, operator_id: str, document: Mapping[str, Any], namesake: PublishedTariff | None
) -> bool:
    """Whether nobody told the taxes of a tariff: certain where prices include them, likely where others have some."""
    included = _open_to_taxes(document)
    if included is None or included == YES:
        return included is not None
    if namesake is not None and _open_to_taxes(namesake.document) is not None:
        return False
    return any(each.taxes for each in _tariffs_of(catalogue, operator_id))


def _open_to_taxes(document: Mapping[str, Any]) -> str | None:
    """YES or NO, as in `tax_included`, where a price has no `vat` and configured taxes would apply; else None."""
    try:
        read = as_part(document, "tariff")
        included = tax_included_of(read)
        components = [each for element in read.parts("elements") for each in element.parts("price_components")]
        is_open = any(not each.has("vat") and each.number("price") for each in components)
    except UnsupportedTariff:
        # What is malformed is refused by the check that every order passes, with its place.
        return None
    return included if is_open and included != NOT_APPLICABLE else None


def _tariffs_of(catalogue: Catalogue, operator_id: str) -> Iterator[PublishedTariff]:
    """The latest versions of the operator's tariffs, those it gave to partners included."""
    general = [versions for (operator, _), versions in catalogue.tariffs.items() if operator == operator_id]
    given = [
        versions
        for (operator, _), tariffs in catalogue.partner_tariffs.items()
        if operator == operator_id
        for versions in tariffs.values()
    ]
    return (found for versions in (*general, *given) if (found := versions.latest()) is not None)
