"""CDRs pushed to who pays them, each until it is answered (OCPI 2.2.1, mod_cdrs § POST Method).

OCPI says nothing of CDRs that a partner did not take; what is not answered is lost there for good. So each is sent
until it is accepted or refused, for seven days, those of one session in their order and of many sessions at once.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import orjson

from api.ocpi.client import PartnerFault
from api.ocpi.pushing.answers import Answers
from api.ocpi.pushing.marked import tallied
from api.ocpi.pushing.sources import PAUSE_S, PAUSE_S_MAX, Connection, Named, Pushed, is_of_partner
from api.ocpi.read_back import Found, ReadBack, location_of, read_back
from api.outward.pauses import doubled, jittered
from ledger.events.store import last_position
from projections.roaming import deliveries
from projections.roaming.deliveries import TRIED_FOR, DeliveryState, Due, Outcome
from projections.roaming.outgoing import tally

MODULE = "cdrs"
# How many are on their way to one partner at once: few as long as nothing is known of it, or it failed last.
_AT_ONCE_MAX = 16
# Who is told to end waits so long for answers that are on their way.
_END_S = 2.0
# How soon it is looked whether events are followed, and whether a partner's new interfaces are known to its worker.
_LOOK_S = 1.0
_REASON_MAX = 200
# What is said of one that is there already: some have a code of their own for it, all say it in words.
_IS_THERE = re.compile(r"\balready\b|\bduplicate|\bexists\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Sent:
    """What came of one CDR, and the partner's fault where it did not take it."""

    outcome: Outcome
    fault: PartnerFault | None = None

    @property
    def is_answered(self) -> bool:
        return self.outcome.state is not DeliveryState.WAITING


class CdrSource:
    """The CDRs of one connection; `answers` writes down what comes of them, for all connections of the process."""

    module = MODULE

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._at_once = 1
        self._from: int | None = None
        # How often the interface was not there in a row, and until when it is left alone for that.
        self._not_there, self._not_before = 0, datetime.min.replace(tzinfo=UTC)

    async def push_some(self, to: Connection) -> Pushed:
        """Send some CDRs that are due, of different sessions; each outcome is written as soon as it is known."""
        url = to.url(MODULE)
        if url is None:
            return Pushed(0)
        if datetime.now(UTC) < self._not_before:
            return Pushed(0, self._not_before)
        if not await self._is_ready(to):
            return Pushed(0, _in(_LOOK_S))
        begin = partial(deliveries.begin, connection=to.party, limit=self._at_once, newer=to.is_newer)
        due = await to.at_the_door(begin)
        sent = await self._all([self._one(to, url, each) for each in due])
        causes = tallied([each.fault for each in sent])

        def go_on(cursor: Any) -> datetime | None:
            tally(cursor, to.party, MODULE, causes)
            return deliveries.next_at(cursor, to.party)

        next_at = await to.at_the_door(go_on)
        answered = sum(each.is_answered for each in sent)
        fault = next((each.fault for each in sent if not each.is_answered), None)
        if answered and fault is None:
            self._at_once, self._not_there = min(_AT_ONCE_MAX, 2 * self._at_once), 0
        if fault is not None:
            self._at_once = 1
            await self._fault(to, fault, answered, next_at)
        return Pushed(answered, next_at)

    async def _fault(self, to: Connection, fault: PartnerFault, answered: int, next_at: datetime | None) -> None:
        """Raise a fault that keeps other CDRs waiting, too; one of a single CDR has it tried again, and no more."""
        if fault.is_elsewhere:
            # It says nothing of a CDR, and nothing of the partner's other interfaces.
            if not await to.read_again():
                self._not_there += 1
                self._not_before = datetime.now(UTC) + pause_before(self._not_there)
            return
        others_wait = next_at is not None and next_at <= datetime.now(UTC)
        if fault.is_not_let_in or fault.is_too_busy or (not answered and (fault.status is None or others_wait)):
            raise fault

    async def _is_ready(self, to: Connection) -> bool:
        """Whether all answers are known that were given by another way before this connection began to send."""
        if self._from is None:
            self._from = await to.surface.look(lambda seen: last_position(seen.cursor))
        if self._from == 0:
            return True
        begun = self._from
        is_followed = await to.surface.look(lambda seen: deliveries.is_followed(seen.cursor, begun))
        if is_followed:
            self._from = 0
        return is_followed

    async def _all(self, work: Sequence[Any]) -> list[_Sent]:
        """What comes of all; who is told to end meanwhile waits a moment for answers that are on their way."""
        tasks = [asyncio.create_task(each) for each in work]
        if not tasks:
            return []
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            await asyncio.wait(tasks, timeout=_END_S)
            for task in tasks:
                task.cancel()
            raise
        return [task.result() for task in tasks]

    async def _one(self, to: Connection, url: str, due: Due) -> _Sent:
        """Send one CDR, and have it written what came of it."""
        sent = await self._attempt(to, url, due)
        await asyncio.wrap_future(self._answers.put(sent.outcome))
        return sent

    async def _attempt(self, to: Connection, url: str, due: Due) -> _Sent:
        cdr = orjson.loads(due.document)
        headers = to.routing(Named.of(cdr), due.partner)
        try:
            answer = await to.send("POST", url, to.whole(MODULE, due.document), headers)
        except PartnerFault as fault:
            if is_refusal(fault):
                return await self._refused(to, url, due, cdr, headers, fault)
            return _Sent(_unanswered(due, fault), fault)
        return _Sent(Outcome(due, DeliveryState.ACCEPTED, location_url=location_of(answer.headers, url)))

    async def _refused(
        self,
        to: Connection,
        url: str,
        due: Due,
        cdr: Mapping[str, Any],
        headers: Mapping[str, str],
        fault: PartnerFault,
    ) -> _Sent:
        """Refused, unless it is there: it was taken and the answer was lost, or it was accepted before.

        Whoever may have it is asked, whatever words it refuses by: many packages say no more than 2001. What was
        accepted before stays so unless the partner shows that it has it otherwise: a refusal would be credited.
        """
        says_it_is_there = fault.status == 409 or bool(_IS_THERE.search(fault.said))
        if not says_it_is_there and not due.may_be_there:
            return _Sent(_final(due, fault), fault)
        known = (
            location_of(fault.headers, url) or due.location_url or f"{url.rstrip('/')}/{quote(cdr['id'], safe='')}"
        )
        try:
            found = await read_back(to.client, known, url, cdr, headers)
        except PartnerFault as away:
            if away.status is None or away.is_not_let_in or away.is_too_busy:
                return _Sent(_unanswered(due, away), away)
            # It breaks at the question, which it may do for good.
            found = ReadBack(Found.UNREADABLE, str(away), known)
        if found.found is Found.SAME:
            return _Sent(Outcome(due, DeliveryState.ACCEPTED, location_url=found.url, read_back=True))
        if found.found is Found.DIFFERENT:
            said = f"it has another CDR of this id: {found.said}"[:_REASON_MAX]
            return _Sent(Outcome(due, DeliveryState.REFUSED, said, found.url, read_back=True), fault)
        if says_it_is_there and due.may_be_there:
            # It says so itself, of one that we have sent before: what else could it have.
            return _Sent(Outcome(due, DeliveryState.ACCEPTED, "it says that it has it already", read_back=False))
        if due.accepted_at is not None:
            said = f"accepted before, and refused when it was sent again: {fault}"
            return _Sent(Outcome(due, DeliveryState.ACCEPTED, said[:_REASON_MAX], read_back=False), fault)
        return _Sent(_final(due, fault), fault)


def is_refusal(fault: PartnerFault) -> bool:
    """Whether an answer is the last word about a CDR: 2xxx, or an HTTP error of ours in what we sent.

    401, 404, 405 and such say something of the connection, all others that it may be taken later. 404 with a code of
    its own, as 2004 for a token, is a word about the CDR.
    """
    if is_of_partner(fault) or fault.status is None:
        return False
    if fault.is_elsewhere:
        return 2000 < (fault.code or 0) < 3000
    return 400 <= fault.status < 500 or 2000 <= (fault.code or 0) < 3000


def _final(due: Due, fault: PartnerFault) -> Outcome:
    """Refused by 2xxx, with its message as the reason; an HTTP error without it is none of the book's business."""
    if 2000 <= (fault.code or 0) < 3000:
        return Outcome(due, DeliveryState.REFUSED, (fault.said or f"status_code {fault.code}")[:_REASON_MAX])
    return Outcome(due, DeliveryState.EXPIRED, f"HTTP {fault.status}, which is not tried again"[:_REASON_MAX])


def _unanswered(due: Due, fault: PartnerFault) -> Outcome:
    """Tried again after a pause, or given up after seven days."""
    if datetime.now(UTC) - due.first_at >= TRIED_FOR:
        said = f"not answered for {TRIED_FOR.days} days; last: {fault}"
        return Outcome(due, DeliveryState.EXPIRED, said[:_REASON_MAX])
    return Outcome(due, DeliveryState.WAITING, str(fault)[:_REASON_MAX], pause=pause_before(due.attempts))


def pause_before(attempts: int) -> timedelta:
    """The pause after so many attempts: a second, then twice as long each time, up to a quarter of an hour."""
    pause_s = jittered(doubled(attempts - 1, PAUSE_S, PAUSE_S_MAX))
    return timedelta(seconds=min(pause_s, PAUSE_S_MAX))


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
