"""Sites and cars as they are stored, and back: their fields as JSON; a new field has its default in old rows."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeVar

import orjson

from domain.load.limits import LimitedCircuit, Place, Version
from domain.load.meter import Meter, Metered, Miss, Peak
from domain.load.plugged import Drawn, Plugged, Told
from domain.load.site import Fallback, Site

T = TypeVar("T")
_NOT_OF_THE_ROW = frozenset({"operator_id", "location_id", "cars"})


def dump_site(site: Site) -> str:
    """A site without its cars."""
    kept = {each.name: getattr(site, each.name) for each in fields(site) if each.name not in _NOT_OF_THE_ROW}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode()


def load_site(operator_id: str, location_id: str, state: str) -> Site:
    """A site that has no cars yet."""
    kept = orjson.loads(state)
    site = Site(operator_id, location_id)
    site.versions = [_version(each) for each in kept["versions"]]
    site.left = {name: _car(each) for name, each in kept["left"].items()}
    site.meter = _meter(kept["meter"])
    site.fallbacks = {name: _fallback(each) for name, each in kept["fallbacks"].items()}
    site.over = kept["over"]
    site.fallback_for, site.maxima = kept["fallback_for"], kept["maxima"]
    site.at, site.ticked = kept["at"], kept["ticked"]
    return site


def dump_car(car: Plugged) -> str:
    """A car."""
    return orjson.dumps(car, option=orjson.OPT_SORT_KEYS).decode()


def load_car(state: str) -> Plugged:
    """A car."""
    return _car(orjson.loads(state))


def _car(kept: dict[str, Any]) -> Plugged:
    made = _made(Plugged, kept)
    made.drawn = [_made(Drawn, each) for each in kept["drawn"]]
    made.open = [_made(Told, each) for each in kept["open"]]
    made.heeded = None if kept["heeded"] is None else _made(Told, kept["heeded"])
    made.last = None if kept["last"] is None else _made(Told, kept["last"])
    return made


def _version(kept: dict[str, Any]) -> Version:
    circuits = tuple(
        LimitedCircuit(**{**each, "places": tuple(_made(Place, place) for place in each["places"])})
        for each in kept["circuits"]
    )
    return Version(**{**kept, "circuits": circuits})


def _meter(kept: dict[str, Any]) -> Meter:
    last = kept["last"]
    if last is not None:
        phases = last["phases_a"]
        last = _made(Metered, {**last, "phases_a": None if phases is None else tuple(phases)})
    misses = {name: _made(Miss, each) for name, each in kept["misses"].items()}
    return Meter(last, misses, _made(Peak, kept["peak"]))


def _fallback(kept: dict[str, Any]) -> Fallback:
    return Fallback(_made(Told, kept["asked"]), kept["accepted_a"], kept["refused"])


def _made(kind: type[T], kept: dict[str, Any]) -> T:
    known: Iterable[str] = (each.name for each in fields(kind))  # type: ignore[arg-type]  # they are dataclasses
    return kind(**{name: kept[name] for name in known if name in kept})
