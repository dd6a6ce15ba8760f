"""Parts of an object that have moments of their own: when each changed, and whether a status did and nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any


def stamped(
    whole: Mapping[str, Any], before: Mapping[str, Any] | None, parts: Sequence[str], now: str
) -> dict[str, Any]:
    """A document with the `last_updated` of its parts: of those that are as before theirs, of the others `now`.

    `parts` names lists within, each within the one before.
    """
    found = dict(whole)
    if not parts or not whole.get(parts[0]):
        return found
    known = {_name(part): part for part in (before or {}).get(parts[0]) or ()}
    found[parts[0]] = [_part(part, known.get(_name(part)), parts[1:], now) for part in whole[parts[0]]]
    return found


def with_moments_of(document: Mapping[str, Any], newer: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    """A document in an older version of OCPI, its parts with the `last_updated` that they have in the newer one."""
    found = dict(document)
    if not parts or not document.get(parts[0]):
        return found
    known = {_name(part): part for part in newer[parts[0]]}
    found[parts[0]] = [
        {
            **with_moments_of(part, known[_name(part)], parts[1:]),
            "last_updated": known[_name(part)]["last_updated"],
        }
        for part in document[parts[0]]
    ]
    return found


def statuses_alone(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[str] | None:
    """The EVSEs whose status changed, folded, where nothing else of a location did; else None."""
    if before is None or not now.get("evses"):
        return None
    then = {_name(evse): evse.get("status") for evse in before.get("evses") or ()}
    changed = [_name(evse) for evse in now["evses"] if then.get(_name(evse)) != evse.get("status")]
    return changed if changed and _without_statuses(now) == _without_statuses(before) else None


def _part(
    part: Mapping[str, Any], before: Mapping[str, Any] | None, parts: Sequence[str], now: str
) -> dict[str, Any]:
    found = stamped(part, before, parts, now)
    same = before is not None and {**found, "last_updated": ""} == {**before, "last_updated": ""}
    return {**found, "last_updated": before["last_updated"] if same and before else now}


def _name(part: Mapping[str, Any]) -> str:
    """EVSEs are known by their uid, connectors by their id."""
    return str(part.get("uid") or part["id"]).casefold()


def _without_statuses(location: Mapping[str, Any]) -> dict[str, Any]:
    evses = [{**_without_moments(evse), "status": ""} for evse in location.get("evses") or ()]
    return {**location, "last_updated": "", "evses": evses}


def _without_moments(evse: Mapping[str, Any]) -> dict[str, Any]:
    connectors = [{**connector, "last_updated": ""} for connector in evse.get("connectors") or ()]
    return {**evse, "last_updated": "", "connectors": connectors}
