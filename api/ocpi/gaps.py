"""Gaps: CDRs that a partner accepted and does not have any more, or has otherwise. Nothing is sent again for it.

That one cannot be read is no proof: some packages give out URLs that never answer. So it counts as missing only at a
partner of which any could be read before (choice where OCPI is silent).
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson

from api.ocpi.client import PartnerFault
from api.ocpi.pushing.sources import Connection, Named
from api.ocpi.read_back import Found, ReadBack, read_back
from api.ocpi.surface import OcpiSurface
from domain.calendar import utc_text
from ledger.access import ocpi_partners
from ledger.access.ocpi_partners import PartnerState
from ledger.errors import AccessRefused
from projections.roaming import deliveries_kept as kept
from projections.roaming.deliveries_kept import AcceptedCdr

MODULE = "cdrs"
_PAGE, _AT_ONCE = 200, 8
# One that is not answered, or too soon for the partner, is asked again so often, after a pause of so long at most.
_TURNS, _WAIT_S_MAX = 3, 60.0
# Of very many the first are listed, and all are counted.
_LISTED_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Gap:
    """A CDR that is not there as it was accepted, and what was found in words."""

    cdr_id: str
    operator_id: str
    accepted_at: datetime
    url: str
    said: str


@dataclass(slots=True)
class Gaps:
    """What a check came to: how many were read, the gaps, and why others could not be read at all."""

    partner: str
    since: datetime
    numbers: Counter[Found] = field(default_factory=Counter)
    missing: list[Gap] = field(default_factory=list)
    different: list[Gap] = field(default_factory=list)
    why_unreadable: str = ""

    @property
    def found(self) -> int:
        """How many gaps there are."""
        return self.numbers[Found.MISSING] + self.numbers[Found.DIFFERENT]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "partner": self.partner,
            "since": utc_text(self.since),
            "checked": self.numbers.total(),
            "same": self.numbers[Found.SAME],
            "missing": [_document(each) for each in self.missing],
            "different": [_document(each) for each in self.different],
            "cannot_be_read_back": self.numbers[Found.UNREADABLE],
            "not_answered": self.numbers[Found.UNANSWERED],
            "gaps": self.found,
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """All of it in a sentence."""
        said = f"{self.partner} accepted {self.numbers.total()} CDRs since {utc_text(self.since)}"
        said += f": {self.numbers[Found.SAME]} are there"
        for kind, what in ((Found.MISSING, "missing"), (Found.DIFFERENT, "different")):
            said += f", {self.numbers[kind]} {what}" if self.numbers[kind] else ""
        if self.numbers[Found.UNREADABLE]:
            said += f", {self.numbers[Found.UNREADABLE]} cannot be read back ({self.why_unreadable})"
        if self.numbers[Found.UNANSWERED]:
            said += f", {self.numbers[Found.UNANSWERED]} were not answered"
        return said


def _document(gap: Gap) -> dict[str, Any]:
    return {
        "cdr_id": gap.cdr_id,
        "operator_id": gap.operator_id,
        "accepted_at": utc_text(gap.accepted_at),
        "url": gap.url,
        "said": gap.said,
    }


def check_gaps(surface: OcpiSurface, party: str, days: int) -> Gaps:
    """Read back what a connected partner accepted in so many days, and compare it.

    Raises AccessRefused where it is not connected, VaultClosed where its token cannot be read, PartnerFault where it
    does not answer, MachineryFault while the database is away.
    """
    with surface.door.transaction() as cursor:
        partner = ocpi_partners.present(cursor, party)
    if partner.state != PartnerState.CONNECTED:
        raise AccessRefused(f"{partner.party}: is {partner.state}, so that nothing can be read back from it")

    async def check() -> Gaps:
        async with surface.client(partner) as client:
            return await find_gaps(Connection(partner, client, surface), datetime.now(UTC) - timedelta(days=days))

    return asyncio.run(check())


async def find_gaps(to: Connection, since: datetime) -> Gaps:
    """Read back what a connection accepted since a moment, page by page. Raises as `check_gaps`."""
    found = Gaps(to.party, since)
    behind: AcceptedCdr | None = None
    while True:
        ask = partial(kept.accepted, connection=to.party, since=since, limit=_PAGE, newer=to.is_newer, behind=behind)
        cdrs = await to.at_the_door(lambda cursor: ask(cursor))  # noqa: B023 - asked before the next turn
        read = await _read_page(to, cdrs)
        could_be = [each for each, answer in read if answer.found in (Found.SAME, Found.DIFFERENT)]
        await to.at_the_door(lambda cursor: kept.could_be_read_back(cursor, could_be))  # noqa: B023 - as above
        for each, answer in read:
            _count(found, each, answer)
        if len(cdrs) < _PAGE:
            break
        behind = cdrs[-1]
    if found.numbers[Found.MISSING] and not await to.at_the_door(
        lambda cursor: kept.ever_read_back(cursor, to.party)
    ):
        found.why_unreadable = f"none ever could: {found.missing[0].said}"
        found.numbers[Found.UNREADABLE] += found.numbers.pop(Found.MISSING)
        found.missing.clear()
    return found


async def _read_page(to: Connection, cdrs: Sequence[AcceptedCdr]) -> list[tuple[AcceptedCdr, ReadBack]]:
    """Some CDRs with what was found of each."""
    endpoint = to.url(MODULE)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def read(each: AcceptedCdr) -> ReadBack:
        if each.location_url is None or endpoint is None:
            return ReadBack(Found.UNREADABLE, "it gave no URL", "")
        cdr = orjson.loads(each.document)
        async with gate:
            headers = to.routing(Named.of(cdr), each.partner)
            for turn in range(_TURNS):
                try:
                    return await read_back(to.client, each.location_url, endpoint, cdr, headers)
                except PartnerFault as fault:
                    if fault.is_not_let_in:
                        raise
                    faults.append(fault)
                    if turn + 1 < _TURNS:
                        await asyncio.sleep(min(_WAIT_S_MAX, fault.retry_after_s or float(turn + 1)))
            return ReadBack(Found.UNANSWERED, str(faults[-1]), each.location_url)

    faults: list[PartnerFault] = []
    answers = await asyncio.gather(*map(read, cdrs))
    if faults and all(each.found is Found.UNANSWERED for each in answers):
        raise faults[0]
    return list(zip(cdrs, answers, strict=True))


def _count(found: Gaps, of: AcceptedCdr, answer: ReadBack) -> None:
    found.numbers[answer.found] += 1
    gap = Gap(of.cdr_id, of.operator_id, of.answered_at, answer.url, answer.said)
    listed = {Found.MISSING: found.missing, Found.DIFFERENT: found.different}.get(answer.found)
    if listed is not None and len(listed) < _LISTED_MAX:
        listed.append(gap)
    elif answer.found is Found.UNREADABLE:
        found.why_unreadable = found.why_unreadable or answer.said
