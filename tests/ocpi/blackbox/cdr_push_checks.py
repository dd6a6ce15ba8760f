"""CDRs: each comes until it was answered and not once more, in order, and its answer is in the book's topic."""

import json
import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from confluent_kafka import Consumer

from tests.ocpi.blackbox.box import Box
from tests.ocpi.blackbox.emsp import Emsp
from tests.ocpi.blackbox.feeding import LONG_AGO, corrected
from tests.ocpi.blackbox.push_checks import awaited, has_broken, holds
from tests.ocpi.blackbox.receiving import Broken
from tests.ocpi.blackbox.verdicts import Table, require

CDRS = Table("CDRs")
_BROKEN = (Broken.FAULT, Broken.DROPPED, Broken.SERVER, Broken.LOST)
_ARRIVES_S = 120.0
_TOPIC = "roaming"


def _pulled(box: Box, emsp: Emsp) -> list[dict[str, Any]]:
    return box.walk(emsp, emsp.version, "cdrs")


def _posted(emsp: Emsp) -> list[str]:
    """Ids in the order in which CDRs were taken."""
    return [str(each.document["id"]) for each in emsp.store.taken("cdrs")]


def _new_cdr(box: Box, emsp: Emsp, name: str, hours: float) -> str:
    """The id of the CDR of a new session."""
    known = {each["id"] for each in _pulled(box, emsp)}
    box.network.tell(box.network.session(emsp.party, name, LONG_AGO + timedelta(hours=hours)))
    after = box.awaited(emsp, emsp.version, "cdrs", len(known) + 1, _ARRIVES_S)
    new = [str(each["id"]) for each in after if each["id"] not in known]
    require(new, f"a session of {emsp.party} came to no CDR")
    return new[0]


def _has_all(emsp: Emsp, ids: Collection[str]) -> bool:
    return set(ids) <= set(_posted(emsp))


def _has_failed(emsp: Emsp, how: Broken) -> bool:
    return any(told == how.name for push, told in [*emsp.store.log] if push.module == "cdrs")


@CDRS.check("what there was before the connection comes once the partner is connected, as it is pulled", "F 5.1")
def before_it(box: Box, _: str) -> None:
    for emsp in box.partners:
        wanted = {each["id"]: each for each in _pulled(box, emsp)}
        why = f"{emsp.party} was not pushed its {len(wanted)} CDRs"
        awaited(why, _has_all, emsp, wanted, seconds=_ARRIVES_S)
        for id_, each in wanted.items():
            require(emsp.store.object("cdrs", id_) == each, f"CDR {id_} is pushed otherwise than it is pulled")


@CDRS.check("a CDR comes until it is answered, whatever happens to the partner meanwhile", "F 5.1")
def until_answered(box: Box, _: str) -> None:
    ids = []
    for emsp in box.partners:
        emsp.store.break_next("cdrs", *_BROKEN)
        ids.append(_new_cdr(box, emsp, "broken", 30))
    for emsp, other, id_ in zip(box.partners, box.partners[::-1], ids, strict=True):
        for how in _BROKEN:
            awaited(f"{emsp.party}: a CDR was not sent again", _has_failed, emsp, how, seconds=_ARRIVES_S)
        awaited(f"{emsp.party} did not get the CDR", holds, emsp, "cdrs", id_, seconds=_ARRIVES_S)
        require(id_ not in _posted(other), f"{other.party} was pushed a CDR of {emsp.party}")


@CDRS.check("a CDR that is refused is not sent again", "F 5.1: not on 2xxx")
def refused(box: Box, _: str) -> None:
    emsp = box.partners[0]
    # Whatever was on its way comes first.
    _settled(box, emsp)
    emsp.store.break_next("cdrs", Broken.INVALID)
    id_ = _new_cdr(box, emsp, "refused", 40)
    box.kept["refused"] = (emsp.party, id_)
    awaited("the CDR did not come", has_broken, emsp, "cdrs", seconds=_ARRIVES_S)
    later = _new_cdr(box, emsp, "behind", 42)
    awaited("the CDR behind one that was refused did not come", _has_all, emsp, [later], seconds=_ARRIVES_S)
    require(id_ not in _posted(emsp), "a CDR that was refused came again")


@CDRS.check("a credit comes before its successor, also where the credit breaks", "mod_cdrs § Credit CDRs")
def credit_first(box: Box, _: str) -> None:
    known: dict[str, set[str]] = {}
    for emsp in box.partners:
        _settled(box, emsp)
        known[emsp.party] = {each["id"] for each in _pulled(box, emsp)}
        emsp.store.break_next("cdrs", Broken.FAULT)
        id_ = box.network.session_id(emsp.party, 1)
        box.network.tell([corrected(id_, LONG_AGO + timedelta(days=3), 4_000)])
    for emsp in box.partners:
        before = known[emsp.party]
        after = box.awaited(emsp, emsp.version, "cdrs", len(before) + 2, _ARRIVES_S)
        ids = [each["id"] for each in after if each["id"] not in before]
        require(len(ids) == 2, f"a correction came to {len(ids)} CDRs")
        awaited(f"{emsp.party} did not get the new CDR", _has_all, emsp, ids[1:], seconds=_ARRIVES_S)
        posted = _posted(emsp)
        require(ids[0] in posted, f"{emsp.party} got the new CDR without its credit")
        require(posted.index(ids[0]) < posted.index(ids[1]), f"{emsp.party} got the new CDR first")


@CDRS.check("no CDR comes again once it was acknowledged", "F 5.1")
def once(box: Box, _: str) -> None:
    for emsp in box.partners:
        _settled(box, emsp)
        acknowledged: set[str] = set()
        for push, how in emsp.store.log:
            if push.module != "cdrs":
                continue
            id_ = str(push.document["id"])
            require(id_ not in acknowledged, f"{emsp.party} got CDR {id_} again after it took it")
            if not how:
                acknowledged.add(id_)


@CDRS.check("what partners answered is in the topic that the book reads", "roaming.cdr_accepted, _rejected")
def answers(box: Box, _: str) -> None:
    wanted = {(emsp.party, id_): "roaming.cdr_accepted" for emsp in box.partners for id_ in _posted(emsp)}
    if "refused" in box.kept:
        wanted[box.kept["refused"]] = "roaming.cdr_rejected"
    consumer = Consumer(
        {
            **box.network.brokers,
            "group.id": f"blackbox-{box.network.run}",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([_TOPIC])
    found: dict[tuple[str, str], str] = {}
    end = time.monotonic() + _ARRIVES_S
    try:
        while wanted.items() - found.items() and time.monotonic() < end:
            message = consumer.poll(0.2)
            if message is None or message.error() is not None:
                continue
            event = json.loads(message.value() or b"{}")
            data = event.get("data", {})
            if "cdr_id" in data:
                found[data["partner"], data["cdr_id"]] = event["type"]
    finally:
        consumer.close()
    missing = wanted.items() - found.items()
    require(not missing, f"{len(missing)} of {len(wanted)} answers are not there, such as {sorted(missing)[:2]}")


def _settled(box: Box, emsp: Emsp) -> None:
    refused_id = box.kept.get("refused", ("", ""))[1]
    wanted = {each["id"] for each in _pulled(box, emsp)} - {refused_id}
    awaited(f"{emsp.party} was not pushed all its CDRs", _has_all, emsp, wanted, seconds=_ARRIVES_S)
