"""In which currencies an operator was under contract."""

from datetime import datetime

from domain.catalogue.catalogue import Catalogue


def currencies_of(catalogue: Catalogue, operator_id: str, started: tuple[datetime, datetime]) -> set[str]:
    """Those that an operator had in a span of time; the first that it has where it had no contract yet."""
    versions = catalogue.operators[operator_id]
    ruling = versions.at(started[0])
    later = [version.value for start, version in versions.timeline if started[0] < start < started[1]]
    found = {each.currency for each in (ruling, *later) if each is not None}
    return found or {versions.timeline[0][1].value.currency}
