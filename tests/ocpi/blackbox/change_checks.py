"""Changes: what comes late is seen by who pulls from when it last did; live status; credits in order."""

import time
from datetime import timedelta

from tests.ocpi.blackbox.box import Box, by_id
from tests.ocpi.blackbox.feeding import LONG_AGO, at, corrected, moments, status
from tests.ocpi.blackbox.verdicts import Late, Table, require

CHANGES = Table("changes")
_ARRIVES_S = 80.0
_SOON_S = 2.0


def _newest(objects: list[dict[str, str]]) -> str:
    return max(each["last_updated"] for each in objects)


@CHANGES.check("a status is in the pull within 2 s, and moves its parents alone", "mod_locations § Flow")
def live_status(box: Box, _: str) -> None:
    emsp = box.partners[0]
    before = by_id(box.walk(emsp, "2.2.1", "locations"))
    since = _newest(list(before.values()))
    begun = time.monotonic()
    box.network.tell([status("BBLOC-3", "CHARGING", 2)])
    seen = None
    for _left in moments(_ARRIVES_S):
        found = [each for each in box.walk(emsp, "2.2.1", "locations", date_from=since) if each["id"] == "BBLOC-3"]
        if found and [each["status"] for each in found[0]["evses"]][1] == "CHARGING":
            seen = found[0]
            break
    took = time.monotonic() - begun
    require(seen, f"the status is not there after {_ARRIVES_S:.0f} s")
    assert seen is not None
    old = before[seen["country_code"], seen["party_id"], "BBLOC-3"]
    require(seen["last_updated"] > old["last_updated"], "the location's last_updated stays")
    require(seen["evses"][1]["last_updated"] == seen["last_updated"], "the EVSE's last_updated is another")
    require(seen["evses"][0] == old["evses"][0], "the other EVSE has changed")
    after = by_id(box.walk(emsp, "2.2.1", "locations"))
    others = [key for key in before if key[2] != "BBLOC-3" and before[key] != after[key]]
    require(not others, f"{others} have changed, too")
    if took > _SOON_S:
        raise Late(f"the status took {took:.1f} s")


@CHANGES.check("a status told twice and one that is older change nothing", "#428, last_updated")
def same_status(box: Box, _: str) -> None:
    emsp = box.partners[0]
    before = box.walk(emsp, "2.2.1", "locations")
    told = status("BBLOC-3", "CHARGING", 2)
    older = status("BBLOC-3", "BLOCKED", 2)
    older["data"]["at"] = older["time"] = at(LONG_AGO)
    marker = status("BBLOC-5", "OUTOFORDER", 2)
    box.network.tell([told, told, older, marker])
    for _left in moments(_ARRIVES_S):
        after = box.walk(emsp, "2.2.1", "locations")
        if any(each["id"] == "BBLOC-5" and each["evses"][1]["status"] == "OUTOFORDER" for each in after):
            break
    changed = [old["id"] for old, new in zip(before, after, strict=True) if old != new]
    require(changed == ["BBLOC-5"], f"changed have {changed}")


@CHANGES.check("a session of long ago that comes now is in the pull from the last one on", "F 2, last_updated")
def late(box: Box, _: str) -> None:
    for emsp in box.partners:
        before = box.walk(emsp, "2.2.1", "cdrs")
        since = _newest(before)
        box.network.tell(box.network.session(emsp.party, "late", LONG_AGO - timedelta(hours=5)))
        found: list[dict[str, str]] = []
        for _left in moments(_ARRIVES_S):
            found = box.walk(emsp, "2.2.1", "cdrs", date_from=since)
            new = [each for each in found if each["id"] not in {known["id"] for known in before}]
            if new:
                break
        else:
            new = []
        require(new, f"what {emsp.party} pulls from {since} on has no late CDR")
        require(new[0]["last_updated"] > since, "its last_updated is of before")


@CHANGES.check("a correction comes as a credit and then a new CDR, and what was sent stays", "mod_cdrs § Credit CDRs")
def correction(box: Box, _: str) -> None:
    emsp = box.partners[0]
    before = box.walk(emsp, "2.2.1", "cdrs")
    session_id = box.network.session_id(emsp.party, 0)
    (first,) = (each for each in before if each.get("session_id") == session_id)
    box.network.tell([corrected(session_id, LONG_AGO + timedelta(days=2), 5_000)])
    after = box.awaited(emsp, "2.2.1", "cdrs", len(before) + 2, _ARRIVES_S)
    require(after[: len(before)] == before, "what was sent has changed")
    of_session = [each for each in after[len(before) :] if each.get("session_id") == session_id]
    require(len(of_session) == 2, f"{len(of_session)} CDRs came of a correction")
    credit, new = of_session
    require(credit.get("credit") is True, "the first of them is no credit")
    require(credit.get("credit_reference_id") == first["id"], "the credit names another CDR")
    require(credit["total_cost"]["excl_vat"] == -first["total_cost"]["excl_vat"], "the credit is another amount")
    require(not new.get("credit") and new["total_energy"] == 5, f"the new one is of {new['total_energy']} kWh")
