"""Pushes of states: within two seconds, tariffs first, only the newest after a fault, and never to the wrong one."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.ocpi.blackbox.box import Box, by_id
from tests.ocpi.blackbox.emsp import Emsp
from tests.ocpi.blackbox.feeding import LOCATIONS, ended, location, metered, moments, own_tariff, status, tariff
from tests.ocpi.blackbox.receiving import Broken, Received
from tests.ocpi.blackbox.verdicts import Failed, Late, Table, require

PUSHES, IN_THE_END = Table("pushes"), Table("in the end")
_ARRIVES_S = 100.0
_SOON_S = 2.0


def awaited(why: str, condition: Callable[..., object], *given: Any, seconds: float = _ARRIVES_S) -> float:
    """How long it took until something held of what is given; raises Failed where it does not come to it."""
    begun = time.monotonic()
    for _left in moments(seconds):
        if condition(*given):
            return time.monotonic() - begun
    raise Failed(f"{why}, after {seconds:.0f} s")


def has_status(emsp: Emsp, location_id: str, value: str, evse: int = 1) -> bool:
    """Whether a partner holds a status of an EVSE."""
    found = emsp.store.object("locations", location_id) or {}
    named = [each for each in found.get("evses", []) if each["uid"] == f"{location_id}-E{evse}"]
    return bool(named) and named[0]["status"] == value


def holds(emsp: Emsp, module: str, object_id: str, text: str = "") -> bool:
    """Whether a partner holds an object with a text in it."""
    found = emsp.store.object(module, object_id)
    return found is not None and text in str(found)


def got_more(emsp: Emsp, module: str, than: int) -> bool:
    """Whether more came of a module."""
    return len(emsp.store.pushes(module)) > than


def has_broken(emsp: Emsp, module: str) -> bool:
    """Whether everything that was to break has."""
    return not emsp.store.faults.get((module, ""))


@PUSHES.check("a status is at each partner within 2 s, of a location that it does not know all of it", "F 5")
def first_status(box: Box, _: str) -> None:
    box.network.tell([status("BBLOC-1", "BLOCKED")])
    took = [
        awaited(f"{emsp.party} was not told of a status", has_status, emsp, "BBLOC-1", "BLOCKED")
        for emsp in box.partners
    ]
    for emsp in box.partners:
        (whole,) = (each for each in box.walk(emsp, emsp.version, "locations") if each["id"] == "BBLOC-1")
        require(emsp.store.object("locations", "BBLOC-1") == whole, f"{emsp.party} was told another location")
    if max(took) > _SOON_S:
        raise Late(f"it took {max(took):.1f} s")


@PUSHES.check("a status of a location that is known is a PATCH of its EVSE alone", "mod_locations § PATCH")
def patched(box: Box, _: str) -> None:
    before = {emsp.party: len(emsp.store.pushes("locations")) for emsp in box.partners}
    box.network.tell([status("BBLOC-1", "AVAILABLE")])
    for emsp in box.partners:
        awaited(f"{emsp.party} was not told of a status", has_status, emsp, "BBLOC-1", "AVAILABLE")
        came = emsp.store.pushes("locations")[before[emsp.party] :]
        require([each.method for each in came] == ["PATCH"], f"{emsp.party} got {[each.method for each in came]}")
        (push,) = came
        require(push.names[2:] == ("BBLOC-1", "BBLOC-1-E1"), f"the PATCH goes to {push.names}")
        require(set(push.document) == {"status", "last_updated"}, f"the PATCH has {sorted(push.document)}")


@PUSHES.check("a tariff comes before the location that names it, to those alone that may see it", "trap 19")
def tariff_first(box: Box, _: str) -> None:
    one, two = box.partners
    new, given = f"T-NEW-{box.network.run}", f"T-GIVEN-{box.network.run}"
    box.network.tell(
        [
            tariff("BB-1", new),
            tariff("BB-1", given, given_to=one.party, since=datetime.now(UTC)),
            location("BB-1", "BBLOC-3", ["T-BB-1", new, given]),
        ]
    )
    for emsp in box.partners:
        awaited(f"{emsp.party} did not get the location", holds, emsp, "locations", "BBLOC-3", new)
        log = sorted((*emsp.store.taken("tariffs"), *emsp.store.taken("locations")), key=lambda each: each.at)
        first = next(n for n, each in enumerate(log) if each.method == "PUT" and new in str(each.document))
        require(log[first].module == "tariffs", f"{emsp.party} got the location before its tariff")
    awaited(f"{one.party} did not get its own tariff", holds, one, "tariffs", given)
    require(given in str(one.store.object("locations", "BBLOC-3")), "the connector does not name the tariff")
    require(given not in str(two.store.log), f"{two.party} was told of the tariff of {one.party}")
    for emsp, other in ((one, two), (two, one)):
        require(own_tariff(other.party) not in str(emsp.store.log), f"{emsp.party} was told of a tariff of another")


@PUSHES.check("what breaks is tried again, with the newest state alone", "F 5.1")
def newest_alone(box: Box, _: str) -> None:
    emsp, other = box.partners
    how = (Broken.FAULT, Broken.DROPPED, Broken.BUSY)
    emsp.store.break_next("locations", *how)
    before = len(emsp.store.pushes("locations"))
    for value in ("CHARGING", "RESERVED", "INOPERATIVE"):
        box.network.tell([status("BBLOC-1", value)])
        awaited(f"{other.party} was not told while another breaks", has_status, other, "BBLOC-1", value)
    awaited(f"{emsp.party} did not come to the newest status", has_status, emsp, "BBLOC-1", "INOPERATIVE")
    taken = [each for each in emsp.store.taken("locations") if each in emsp.store.pushes("locations")[before:]]
    told = [str(each.document) for each in taken]
    stale = [each for each in told if "'CHARGING'" in each and "'INOPERATIVE'" not in each]
    require(not stale, f"{emsp.party} was told {len(stale)} states that were over")


@PUSHES.check("what a partner refuses is not sent again and again", "F 5.1")
def refused(box: Box, _: str) -> None:
    emsp = box.partners[0]
    # The PATCH, and the PUT that may come in its place.
    emsp.store.break_next("locations", Broken.INVALID, Broken.INVALID)
    before = len(emsp.store.pushes("locations"))
    box.network.tell([status("BBLOC-1", "OUTOFORDER")])
    awaited("the PATCH and the PUT did not come", has_broken, emsp, "locations")
    box.network.tell([status("BBLOC-1", "AVAILABLE")])
    awaited("the state after one that was refused did not come", has_status, emsp, "BBLOC-1", "AVAILABLE")
    came = emsp.store.pushes("locations")[before:]
    require(len(came) <= 4, f"{len(came)} pushes came of two states, one of them refused")


def _of_session(emsp: Emsp, session_id: str) -> list[Received]:
    return [each for each in emsp.store.taken("sessions") if each.names[2] == session_id]


@PUSHES.check("a session: PUT at its start, what is new by PATCH, PUT at its end, as in the pull", "mod_sessions")
def sessions(box: Box, _: str) -> None:
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    ids = {emsp.party: box.network.session_id(emsp.party, "live") for emsp in box.partners}
    for emsp in box.partners:
        box.network.tell(box.network.session(emsp.party, "live", begin, ends=False, location_id="BBLOC-2"))
    for emsp, other in (box.partners, box.partners[::-1]):
        id_ = ids[emsp.party]
        awaited(f"{emsp.party} was not told of a session", holds, emsp, "sessions", id_)
        require(_of_session(emsp, id_)[0].method == "PUT", "the first push of a session is no PUT")
        kept = emsp.store.object("sessions", id_) or {}
        require(kept["status"] == "ACTIVE", f"a session that charges is {kept['status']}")
        # A reading alone waits for its minute; the end does not.
        box.network.tell([metered(id_, begin + timedelta(minutes=40), 7_000)])
        box.network.tell([ended(id_, begin + timedelta(hours=1), 10_000)])
        awaited(f"{emsp.party} was not told of the end of its session", holds, emsp, "sessions", id_, "COMPLETED")
        pushes = _of_session(emsp, id_)
        require(pushes[-1].method == "PUT", "the last push of a session is no PUT")
        (pulled,) = (each for each in box.walk(emsp, emsp.version, "sessions") if each["id"] == id_)
        require(emsp.store.object("sessions", id_) == pulled, "the session pushed is not the one pulled")
        require(pulled["kwh"] == 10, f"the session is of {pulled['kwh']} kWh")
        require(not _of_session(other, id_), f"{other.party} was told of a session of {emsp.party}")


@PUSHES.check("a partner that does not answer keeps nobody else waiting", "F 5.1")
def hanging(box: Box, _: str) -> None:
    emsp, other = box.partners
    emsp.store.break_next("locations", Broken.LATE)
    before = len(emsp.store.pushes("locations"))
    box.network.tell([status("BBLOC-1", "CHARGING")])
    awaited(f"{emsp.party} was not told", got_more, emsp, "locations", before)
    box.network.tell([status("BBLOC-2", "CHARGING")])
    took = awaited(f"{other.party} was not told while another hangs", has_status, other, "BBLOC-2", "CHARGING")
    if took > _SOON_S:
        raise Late(f"with another partner that hangs it took {took:.1f} s")


@IN_THE_END.check("in the end each partner holds what it could pull", "F 5.1")
def converged(box: Box, _: str) -> None:
    hung = box.partners[0]
    awaited(f"{hung.party} was not told once it answered", has_status, hung, "BBLOC-1", "CHARGING", seconds=120)
    for emsp in box.partners:
        for module in ("locations", "tariffs", "sessions", "cdrs"):
            if not box.has(emsp.version, module):
                continue
            awaited(f"{emsp.party}: {module} pushed and pulled differ", _are_same, box, emsp, module)


def _are_same(box: Box, emsp: Emsp, module: str) -> bool:
    pulled = {key[2].casefold(): each for key, each in by_id(box.walk(emsp, emsp.version, module)).items()}
    with emsp.store.lock:
        kept = {key[-1]: each for key, each in emsp.store.objects.items() if key[0] == module}
        return all(pulled.get(id_) == each for id_, each in kept.items())


@IN_THE_END.check("each push has its headers, its owner, a last_updated, and an id of its own", "T § Message Routing")
def complaints(box: Box, _: str) -> None:
    for emsp in box.partners:
        require(not emsp.store.complaints, f"{emsp.party}: {len(emsp.store.complaints)}: {emsp.store.complaints[:2]}")
        pushes = [each for each, _ in emsp.store.log]
        require(pushes, f"{emsp.party} was pushed nothing")
        ids = [each.header("X-Request-ID") for each in pushes]
        require(len(set(ids)) == len(ids), f"{emsp.party}: an X-Request-ID came twice")
        for each in pushes:
            to = f"{each.header('OCPI-to-country-code')}-{each.header('OCPI-to-party-id')}"
            require(to == emsp.party, f"{emsp.party} got a push to {to}")
            require(each.version == emsp.version, f"{emsp.party} got a push of {each.version}")
            foreign = each.module == "locations" and each.names[2] not in LOCATIONS
            require(not foreign, f"{emsp.party} was pushed {each.names}, which is not for partners")
