"""Objects: what must be in each, in either version; and that what one names can be had."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tests.ocpi.blackbox.box import Box, by_id
from tests.ocpi.blackbox.feeding import BROKEN, LOCATIONS, PRIVATE
from tests.ocpi.blackbox.verdicts import Table, require

OBJECTS = Table("objects")
_OWNED = ("country_code", "party_id", "id", "last_updated")
_REQUIRED: Mapping[str, Sequence[str]] = {
    "locations": (*_OWNED, "publish", "address", "city", "country", "coordinates", "time_zone"),
    "tariffs": (*_OWNED, "currency", "elements"),
    "sessions": (
        *_OWNED,
        *("start_date_time", "kwh", "cdr_token", "auth_method", "location_id", "evse_uid", "connector_id"),
        *("currency", "status"),
    ),
    "cdrs": (
        *_OWNED,
        *("start_date_time", "end_date_time", "cdr_token", "auth_method", "cdr_location", "currency"),
        *("charging_periods", "total_cost", "total_energy", "total_time"),
    ),
}
_EVSE = ("uid", "status", "connectors", "last_updated")
_CONNECTOR = ("id", "standard", "format", "power_type", "max_voltage", "max_amperage", "last_updated")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,4})?Z")
_MOMENTS = ("last_updated", "timestamp", "date_time", "start_date_time", "end_date_time")


@OBJECTS.check("what is required is there, and nothing is null", "objects of each module", each_version=True)
def required(box: Box, version: str) -> None:
    for emsp in box.partners:
        for module in box.lists(version):
            for each in box.walk(emsp, version, module):
                where = f"{module} {each.get('id')}"
                _has(each, _REQUIRED[module], where)
                for path, name, value in _fields(each):
                    require(value is not None, f"{where}: {path} is null")
                    right = not name.endswith(_MOMENTS) or _MOMENT.fullmatch(str(value))
                    require(right, f"{where}: {path} is {value!r}")
                for evse in each.get("evses", []):
                    _has(evse, _EVSE, f"{where} EVSE {evse.get('uid')}")
                    for connector in evse["connectors"]:
                        _has(connector, _CONNECTOR, f"{where} connector {connector.get('id')}")


@OBJECTS.check("prices are of their version: excl_vat in 2.2.1, before_taxes in 2.3.0", "Price", each_version=True)
def prices(box: Box, version: str) -> None:
    wanted, other = ("excl_vat", "before_taxes") if version == "2.2.1" else ("before_taxes", "excl_vat")
    for emsp in box.partners:
        for module in {"cdrs", "sessions"} & set(box.lists(version)):
            for each in box.walk(emsp, version, module):
                for path, name, value in _fields(each):
                    if name.endswith("cost") and isinstance(value, dict):
                        right = wanted in value and other not in value
                        require(right, f"{module} {each['id']}: {path} is {value}")


@OBJECTS.check(
    "one location, EVSE and connector are those of the list, whatever their case",
    "mod_locations § GET",
    each_version=True,
)
def single(box: Box, version: str) -> None:
    emsp = box.partners[0]
    found = box.walk(emsp, version, "locations")
    require({each["id"] for each in found} >= set(LOCATIONS), f"the list has {[each['id'] for each in found]} alone")
    for whole in found:
        if whole["id"] not in LOCATIONS:
            continue
        for case in (str, str.lower, str.upper):
            path = f"/{quote(case(whole['id']), safe='')}"
            got = box.get(emsp, version, "locations", path).done()
            require(got == whole, f"{path} is not as in the list")
            evse = whole["evses"][0]
            path += f"/{quote(case(evse['uid']), safe='')}"
            require(box.get(emsp, version, "locations", path).done() == evse, f"{path} is not as in the list")
            got = box.get(emsp, version, "locations", f"{path}/1/").done()
            require(got == evse["connectors"][0], f"{path}/1/ is not as in the list")


@OBJECTS.check("private locations and those that lack something are not sent", "mod_locations § publish")
def not_sent(box: Box, _: str) -> None:
    for emsp in box.partners:
        ids = {each["id"] for each in box.walk(emsp, "2.2.1", "locations")}
        require(not ids & {PRIVATE, BROKEN}, f"{ids & {PRIVATE, BROKEN}} is sent")
        for id_ in (PRIVATE, BROKEN):
            box.get(emsp, "2.2.1", "locations", f"/{id_}").be(404, 2003)


@OBJECTS.check("tariffs that connectors name can be had", "trap 19, #415", each_version=True)
def tariffs_named(box: Box, version: str) -> None:
    for emsp in box.partners:
        known = {(each["party_id"], each["id"]) for each in box.walk(emsp, version, "tariffs")}
        named = {
            (location["party_id"], id_)
            for location in box.walk(emsp, version, "locations")
            for evse in location.get("evses", [])
            for connector in evse["connectors"]
            for id_ in connector.get("tariff_ids", [])
        }
        require(named, "no connector names a tariff")
        require(named <= known, f"{emsp.party}: connectors name {sorted(named - known)}, which it cannot have")


@OBJECTS.check("parents are as new as their parts", "mod_locations § Flow and Lifecycle", each_version=True)
def parents(box: Box, version: str) -> None:
    for location in box.walk(box.partners[0], version, "locations"):
        for evse in location.get("evses", []):
            newest = max(each["last_updated"] for each in evse["connectors"])
            right = location["last_updated"] >= evse["last_updated"] >= newest
            require(right, f"{location['id']} is older than its EVSE {evse['uid']} or a connector of it")


@OBJECTS.check("both versions have the same objects", "one set of documents")
def same(box: Box, _: str) -> None:
    for emsp in box.partners:
        for module in box.lists("2.2.1"):
            older, newer = (by_id(box.walk(emsp, each, module)) for each in ("2.2.1", "2.3.0"))
            require(list(older) == list(newer), f"{module}: other objects or another order")
            moved = [key for key in older if older[key]["last_updated"] != newer[key]["last_updated"]]
            require(not moved, f"{module}: {moved[:3]} have two last_updated")


@OBJECTS.check("totals of a CDR agree with its periods and its parts", "mod_cdrs")
def totals(box: Box, _: str) -> None:
    for each in box.walk(box.partners[0], "2.2.1", "cdrs"):
        energy = sum(
            dimension["volume"]
            for period in each["charging_periods"]
            for dimension in period["dimensions"]
            if dimension["type"] == "ENERGY"
        )
        near = abs(abs(energy) - abs(each["total_energy"])) < 0.001
        require(near, f"CDR {each['id']}: {energy} kWh in periods, {each['total_energy']} in all")
        require(each["end_date_time"] >= each["start_date_time"], f"CDR {each['id']} ends before it begins")


def _has(each: dict[str, Any], names: Sequence[str], where: str) -> None:
    missing = [name for name in names if name not in each]
    require(not missing, f"{where} lacks {', '.join(missing)}")


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Path, name and value of everything below."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in pairs:
        yield f"{path}/{name}", str(name), each
        yield from _fields(each, f"{path}/{name}")
