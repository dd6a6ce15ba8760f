"""An action from its Idempotency-Key to its answer: kept, published once, followed until it is taken or refused."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
from starlette.responses import Response

from api.actions.asked import Asked
from api.actions.moments import now_text
from api.actions.replaying import record_of
from api.call import JSON, Call
from api.problems import Problem, unavailable
from api.publishing import Publisher, Record
from contracts.decode import Message, decode_event
from contracts.messages import TOPIC_OF, partition_key
from contracts.refusal import Refusal
from contracts.signing import Sign, signed
from domain.catalogue.account_changes import why_no_bank_knows
from ledger.access.actions import Action, ActionStore, Deed, Guard, action_id
from ledger.access.door import Door
from ledger.errors import MachineryFault
from ledger.intake import quarantine
from projections.action_state import PUBLISHED, REFUSED, SOURCE, TAKEN, ActionState, state_of
from projections.reading import Snapshot

T = TypeVar("T")

_THREADS = 4
# Who waits for a database that says nothing is told soon, and who publishes once the producer has given up.
_WAIT_S, _PUBLISH_S = 1.8, 5.0
# How long a request waits for another one with the same key, and how often it is looked meanwhile.
_OTHERS_S, _LOOK_S = 5.0, 0.1
# Refused records that are read and published at once.
_LETTERS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What an action is going to do, and what is looked at while nobody else can do anything about the same thing."""

    deed: Deed
    guard: Guard | None = None


# What says that the key of a request was used before.
_REPLAYED: Final = "Idempotent-Replayed"


class Desk:
    """Where actions are done; one for an application, until `close`."""

    def __init__(self, door: Door, publisher: Publisher, sign: Sign) -> None:
        self.store = ActionStore(door)
        self._publisher, self._sign = publisher, sign
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="actions")

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_futures=True)

    def decision(
        self,
        call: Call,
        asked: Asked,
        type_: str,
        data: Mapping[str, Any],
        *,
        subject: str,
        operator_id: str | None = None,
    ) -> Deed:
        """A decision of who asks: its event, signed. Raises Problem 422 where the intake would refuse it,
        and for an account that no bank can know.

        `data` is the event's without `by`; fields without a value are left out.
        """
        by, id_ = call.principal.name, str(action_id(call.principal.name, asked.key))
        event = {
            "specversion": "1.0",
            "id": id_,
            "source": SOURCE,
            "type": type_,
            "subject": subject,
            "time": now_text(),
            "data": {name: value for name, value in data.items() if value is not None} | {"by": by},
        }
        try:
            made = signed(event, self._sign)
        except MachineryFault as fault:
            raise unavailable(str(fault)) from fault
        if isinstance(made, Refusal):
            raise refused_by_contract(made)
        if (why := why_no_bank_knows(type_, made.message.data)) is not None:
            raise _refused("/bank_account/iban", why)
        return _deed(made.event, made.message, subject, operator_id)

    def deed(self, event: Mapping[str, Any], *, subject: str, operator_id: str | None = None) -> Deed:
        """What publishes an event as it is. Raises Problem 422 where the intake would refuse it."""
        message = decode_event(dict(event))
        if not isinstance(message, Message):
            raise refused_by_contract(message)
        return _deed(event, message, subject, operator_id)

    async def act(self, call: Call, asked: Asked, plan: Callable[[], Awaitable[Plan]]) -> Response:
        """Do once what is asked, and answer: 202, or 200 with what became of it for who waits.

        `plan` checks whether it may be done, and is asked only where this key was never used. Raises Problem 409
        while another request has the same key in hand, 422 for a key that was used for something else, 503 where
        Kafka or the database does not answer.
        """
        who = call.principal.name
        kept = await self.do(lambda: self.store.find(who, asked.key))
        if kept is None:
            planned = await plan()
            kept = await self.do(lambda: self.store.begin(who, asked.key, asked.sha256, planned.deed, planned.guard))
            if kept is not None:
                return await self._publish(call, asked, kept)
            kept = await self._kept(who, asked.key)
        if kept.asked_sha256 != asked.sha256:
            raise Problem(
                422,
                "other_body",
                "Idempotency-Key: it was used before for something else; send a new one for each action",
                [{"parameter": "Idempotency-Key", "detail": "was used before for something else"}],
            )
        return await self._again(call, asked, kept)

    async def do(self, work: Callable[[], T]) -> T:
        """What work with the database comes to. Raises Problem 503 while that is away, or says nothing in time."""
        done = asyncio.get_running_loop().run_in_executor(self._threads, work)
        done.add_done_callback(lambda late: late.cancelled() or late.exception())
        finished, _ = await asyncio.wait({done}, timeout=_WAIT_S)
        if not finished:
            raise unavailable("the database does not answer")
        try:
            return done.result()
        except MachineryFault as fault:
            raise unavailable(str(fault)) from fault

    async def _kept(self, who: str, key: str) -> Action:
        kept = await self.do(lambda: self.store.find(who, key))
        if kept is None:
            raise unavailable("what was asked by this Idempotency-Key was let go at this moment")
        return kept

    async def _again(self, call: Call, asked: Asked, kept: Action) -> Response:
        """The first answer again; where there is none, by a crash or another request, it is done or waited for."""
        until = time.monotonic() + _OTHERS_S
        while kept.answer is None:
            id_ = kept.action_id
            if await self.do(lambda: self.store.hold(id_)):  # noqa: B023 (called before the next turn)
                # The first answer may have been given, and not noted since the database was away.
                answer = await self._publish(call, asked, kept)
                answer.headers[_REPLAYED] = "true"
                return answer
            if time.monotonic() > until:
                raise Problem(
                    409,
                    "in_hand",
                    "another request with this Idempotency-Key is being answered; ask again with it in a few seconds",
                    headers={"Retry-After": "2"},
                )
            await asyncio.sleep(_LOOK_S)
            kept = await self._kept(kept.principal, kept.idempotency_key)
        return _answer(call, kept.action_id, kept.status or 202, kept.answer, replayed=True)

    async def _publish(self, call: Call, asked: Asked, kept: Action) -> Response:
        call.request.state.audited_object = f"action/{kept.action_id}"
        try:
            if kept.letters is None:
                await self._send([(kept.topic or "", kept.record_key, kept.record_value or b"", ())])
            else:
                await self._replay(call, kept, kept.letters)
        except MachineryFault as fault:
            with suppress(Problem):
                await self.do(lambda: self.store.let_go(kept.action_id))
            raise unavailable(f"the action is not known to be published: {fault}") from fault
        if not asked.wait_s:
            return await self._answered(call, kept, 202, ActionState(PUBLISHED))
        # From here on it is done; what cannot be noted is found out by who asks again.
        with suppress(Problem):
            await self.do(lambda: self.store.published(kept.action_id))
        state = await self._final(call, kept, time.monotonic() + asked.wait_s)
        if state.state in (TAKEN, REFUSED):
            return await self._answered(call, kept, 200, state)
        return await self._answered(call, kept, 202, ActionState(PUBLISHED))

    async def _answered(self, call: Call, kept: Action, status: int, state: ActionState) -> Response:
        answer = orjson.dumps(action_document(kept.action_id, state))
        with suppress(Problem):
            await self.do(lambda: self.store.answered(kept.action_id, status, answer))
        return _answer(call, kept.action_id, status, answer)

    async def _final(self, call: Call, kept: Action, until: float) -> ActionState:
        """What became of it by then."""
        while True:
            state = ActionState(PUBLISHED)
            # A database that is away for a moment is no reason to say that nothing was done.
            with suppress(Problem):
                state = await call.read(lambda snapshot: state_of(snapshot, kept))
            if state.state in (TAKEN, REFUSED) or time.monotonic() > until:
                return state
            await asyncio.sleep(_LOOK_S)

    async def _send(self, records: Sequence[Record]) -> None:
        try:
            async with asyncio.timeout(_PUBLISH_S):
                await asyncio.wrap_future(self._publisher.publish(records))
        except TimeoutError as late:
            raise MachineryFault("Kafka does not answer") from late

    async def _replay(self, call: Call, kept: Action, letters: Sequence[UUID]) -> None:
        """Publish refused records again, a few at once; of one that was edited, the new text in its place."""
        # Marked first: a record that is refused again while this runs is listed again from then on.
        await self.do(lambda: self.store.mark_replayed(letters))
        try:
            for first in range(0, len(letters), _LETTERS_AT_ONCE):
                some = letters[first : first + _LETTERS_AT_ONCE]
                found = await call.read(lambda snapshot: list(_letters(snapshot, some)))  # noqa: B023
                await self._send([record_of(letter, kept.record_value) for letter in found])
        except (MachineryFault, Problem) as fault:
            with suppress(Problem):
                await self.do(lambda: self.store.mark_replayed(letters, replayed=False))
            raise MachineryFault(str(fault)) from fault


def _deed(event: Mapping[str, Any], message: Message, subject: str, operator_id: str | None) -> Deed:
    """What publishes an event, which is read as a message."""
    return Deed(
        message.type,
        subject,
        message.source,
        message.id,
        operator_id,
        TOPIC_OF[message.type],
        partition_key(message).encode(),
        orjson.dumps(event, option=orjson.OPT_UTC_Z),
    )


def desk_of(call: Call) -> Desk:
    """The desk of the application. Raises Problem 503 where it publishes nothing."""
    if call.surface.desk is None:
        raise unavailable("actions need Kafka, and this server was started without it")
    return call.surface.desk


def action_document(id_: UUID, state: ActionState) -> dict[str, Any]:
    """An action as it is shown: `position` of one that was taken, `detail` of one that was refused."""
    document: dict[str, Any] = {"action_id": str(id_), "state": state.state}
    if state.position is not None:
        document["position"] = state.position
    if state.detail is not None:
        document["detail"] = state.detail
    return document


def refused_by_contract(refusal: Refusal) -> Problem:
    """422 for what the intake would refuse; a field of the event's data is one of the body's."""
    pointer = "/" + refusal.path.removeprefix("data.").replace(".", "/").lstrip("$")
    return _refused(pointer, refusal.sentence)


def _refused(pointer: str, sentence: str) -> Problem:
    return Problem(422, "refused", sentence, [{"pointer": pointer, "detail": sentence}])


def _letters(snapshot: Snapshot, ids: Sequence[UUID]) -> Iterator[quarantine.DeadLetter]:
    for id_ in ids:
        yield from quarantine.show(snapshot.cursor, str(id_))


def _answer(call: Call, id_: UUID, status: int, answer: bytes, *, replayed: bool = False) -> Response:
    headers = {"Cache-Control": "no-store", "Location": f"/v1/actions/{id_}"}
    if replayed:
        headers[_REPLAYED] = "true"
    call.request.state.audited_object = f"action/{id_}"
    return Response(answer, status, headers, JSON)
