"""The park: sites side by side, in a time of their own that goes on tick by tick whenever somebody lets it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from wattledger.park.chargers import Answer, Fault
from wattledger.park.judging import QUARTER_S, Judge, Verdict
from wattledger.park.messages import HEARTBEAT_S, Message, Speaker, command_of, profile_of
from wattledger.park.plan import Plan
from wattledger.park.scenarios import TICK_S, plan_of
from wattledger.park.site import Session, Site

READS_S: Final = 2 * TICK_S


class ParkedSite:
    """A site with what it says, what it is told, and who looks at it."""

    def __init__(self, plan: Plan, begins: datetime) -> None:
        self.site, self.speaker, self.judge = Site(plan), Speaker(plan, begins), Judge(plan)
        self.told = Counter[str]()
        self._answers: list[Answer] = []
        # What cannot be said while an EVSE is silent, by EVSE.
        self._held: dict[str, list[Message]] = {}

    def open(self) -> list[Message]:
        """What is said before time begins."""
        said = self.speaker.signed_on()
        said += self._orders(-1, 0)
        said += [self.speaker.status(uid, "AVAILABLE", 0) for uid in self.site.chargers]
        return said + [self.speaker.heartbeat(uid, 0) for uid in self.site.chargers]

    def take(self, data: Mapping[str, Any], at_s: int) -> None:
        """A command for one of its chargers."""
        profile = profile_of(data, self.speaker)
        answer = self.site.chargers[profile.evse_uid].take(profile, at_s)
        if answer is not None:
            self._answers.append(answer)
        else:
            self.told["none"] += 1

    def tick(self, at_s: int) -> Iterator[Message]:
        """Let a tick pass; what is said in it, at its beginning and at its end."""
        yield from self._orders(max(0, at_s - TICK_S), at_s)
        for session in self.site.leave(at_s):
            register = self.site.register_wh(session.visit.evse_uid)
            yield from self._of_evse(session.visit.evse_uid, [self.speaker.ended(session, register, at_s)], at_s)
        for session in self.site.arrive(at_s):
            yield from self._of_evse(session.visit.evse_uid, self.speaker.started(session, at_s), at_s)
        drawn = self.site.draw(at_s, TICK_S)
        self.judge.look(drawn)
        now_s = at_s + TICK_S
        if now_s % READS_S == 0:
            for session in self.site.sessions.values():
                yield from self._of_evse(session.visit.evse_uid, list(self._reading(session, now_s)), now_s)
            yield self.speaker.load(self.site.import_wh, drawn.site, now_s)
        yield from self._signs_of_life(now_s)
        yield from self._due_answers(now_s)

    def close(self, lasted_s: int) -> Verdict:
        """What came of it."""
        delivered = sum(self.site.register_wh(uid) for uid in self.site.chargers) - self.site.first_registers_wh
        return self.judge.close(delivered, lasted_s, dict(self.told))

    def _orders(self, after_s: int, until_s: int) -> list[Message]:
        orders = enumerate(self.site.plan.orders, 1)
        return [self.speaker.limit(order, number) for number, order in orders if after_s < order.told_s <= until_s]

    def _reading(self, session: Session, at_s: int) -> Iterator[Message]:
        yield self.speaker.metered(session, self.site.register_wh(session.visit.evse_uid), at_s)
        if not session.is_full and session.car.wants_ma(session.taken_mws) == 0:
            session.is_full = True
            yield self.speaker.is_full(session, at_s)

    def _signs_of_life(self, at_s: int) -> Iterator[Message]:
        for uid in self.site.chargers:
            if not self._is_silent(uid, at_s):
                yield from self._held.pop(uid, ())
                if at_s % HEARTBEAT_S == 0:
                    yield self.speaker.heartbeat(uid, at_s)

    def _due_answers(self, at_s: int) -> Iterator[Message]:
        due = [each for each in self._answers if each.at_s <= at_s]
        self._answers = [each for each in self._answers if each.at_s > at_s]
        for answer in due:
            self.told[answer.status] += 1
            yield self.speaker.answered(answer)

    def _of_evse(self, evse_uid: str, said: Sequence[Message], at_s: int) -> Sequence[Message]:
        """What an EVSE says now: nothing while it is silent, and all of that once it is not."""
        if not self._is_silent(evse_uid, at_s):
            return [*self._held.pop(evse_uid, ()), *said]
        self._held.setdefault(evse_uid, []).extend(said)
        return ()

    def _is_silent(self, evse_uid: str, at_s: int) -> bool:
        return self.site.chargers[evse_uid].fault(at_s) is Fault.SILENT


class Park:
    """All sites of a run. Time is what `tick` has made of it; the first second is `begins`."""

    def __init__(self, plans: Sequence[Plan], begins: datetime) -> None:
        self._sites = [ParkedSite(plan, begins) for plan in plans]
        self._site_of = {uid: each for each in self._sites for uid in each.site.chargers}
        self._lasts_s = max(plan.lasts_s for plan in plans)
        self._at_s = 0

    @classmethod
    def of(cls, scenarios: Sequence[str], *, seed: int, minutes: int, begins: datetime, name: str) -> "Park":
        """A park of scenarios, one site each, of an operator that has the name of the run.

        `begins` is at a full quarter of an hour, since quarters are counted from there.
        """
        operator = f"PARK-{name}"
        plans = [plan_of(name, seed, minutes, f"{operator}-{name.upper()}", operator) for name in scenarios]
        return cls(plans, begins)

    @property
    def tick_s(self) -> int:
        """How long a tick is."""
        return TICK_S

    @property
    def is_over(self) -> bool:
        """Whether all that was planned has happened."""
        return self._at_s >= self._lasts_s

    @property
    def at_s(self) -> int:
        """How many seconds have passed in the park."""
        return self._at_s

    def open(self) -> list[Message]:
        """What is said before time begins; of the operator, which all sites have, once."""
        return list(dict.fromkeys(said for each in self._sites for said in each.open()))

    def take(self, value: bytes) -> None:
        """A record of `settlement.profiles`; one for chargers that are not here is nothing to it."""
        data = command_of(value)
        if data is not None and (site := self._site_of.get(data["evse_uid"])) is not None:
            site.take(data, self._at_s)

    def tick(self) -> list[Message]:
        """Let a tick pass; what is said meanwhile, in the order of time."""
        said = [message for each in self._sites for message in each.tick(self._at_s)]
        self._at_s += TICK_S
        return said

    def verdicts(self) -> list[Verdict]:
        """What came of each site so far."""
        return [each.close(self._at_s) for each in self._sites]


def beginning(now: datetime, minutes: int, said: Iterable[bytes]) -> datetime:
    """When a run begins: at a quarter of an hour, as quarters are metered, and behind all that was said of sites.

    It ends by now unless somebody has spoken of so late a moment already. `said` are events; what is none is passed.
    """
    earliest = now.astimezone(UTC) - timedelta(minutes=minutes + QUARTER_S // 60)
    for value in said:
        with suppress(ValueError, TypeError, KeyError):
            earliest = max(earliest, datetime.fromisoformat(json.loads(value)["time"]))
    quarter = earliest.replace(minute=earliest.minute // 15 * 15, second=0, microsecond=0)
    return quarter + timedelta(seconds=QUARTER_S)
