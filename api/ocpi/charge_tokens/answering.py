"""Questions of gateways, one record each: answered within 2 s, the same one always with the same answer.

The answer is kept before it is sent. Who dies between finds it there, and sends it again; nobody is asked twice
about what was answered.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tenacity import wait_random_exponential

from api.ocpi.answers import OcpiFault
from api.ocpi.charge_tokens.authorizing import TELL_S, TOTAL_S, Holder, Question, Verdict, decided, holders_of
from api.ocpi.charge_tokens.partners import Partners
from api.ocpi.surface import OcpiSurface
from api.publishing import Publisher
from contracts.authorizations import ANSWERED, ANSWERS_TOPIC, QUESTIONS_TOPIC
from contracts.decode import Message, decode_question
from contracts.ocpi.token import DEFAULT_TYPE, Token
from contracts.outgoing import encode
from contracts.refusal import Refusal, RefusalCode
from ledger.access import charge_answers
from ledger.access.charge_answers import Answer, Key
from ledger.errors import MachineryFault
from ledger.intake.quarantine import DeadLetter, deadletter_id, refuse_question
from ledger.patience import Patience
from projections.ocpi_parties import parties_of_operators

# Nobody waits any more, and nobody is asked: gateways give up after seconds.
LATE = timedelta(seconds=30)
_STRUCTURED = (("content-type", b"application/cloudevents+json"),)
# Types that sessions may name (OCPI 2.2.1, TokenType); what 2.3.0 has besides is none of them.
_SESSION_TYPES = frozenset({"AD_HOC_USER", "APP_USER", "OTHER", "RFID"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A record of a question; `written_at` by the brokers' clock."""

    partition: int
    offset: int
    key: bytes | None
    headers: Sequence[tuple[str, bytes]]
    value: bytes | None
    written_at: datetime


@dataclass(frozen=True, slots=True)
class _Open:
    """A question that nobody has answered yet: who decides it, and by when, on the event loop's clock."""

    message: Message
    question: Question
    holders: Sequence[Holder]
    until: float


class Answering:
    """Answers records, many at once, for one event loop."""

    def __init__(self, surface: OcpiSurface, partners: Partners, publisher: Publisher) -> None:
        self._surface, self._partners, self._publisher = surface, partners, publisher
        self._patience = Patience(wait_random_exponential(multiplier=0.1, max=3.0))
        self._under_way: dict[Key, asyncio.Future[None]] = {}

    async def take(self, records: Sequence[Asked]) -> None:
        """Answer some, or keep them as dead letters; returns once that is done, however long the machinery is away.

        What our list decides is answered at once, and waits for no partner. Where one of them breaks us, the others
        are answered all the same.
        """
        try:
            await self._take(records)
        except Exception as error:
            if len(records) > 1:
                await asyncio.gather(*(self.take([each]) for each in records))
                return
            _log.exception("the question at %d:%d is not answered", records[0].partition, records[0].offset)
            await self._refuse(records[0], _broken(records[0], error))

    async def _take(self, records: Sequence[Asked]) -> None:
        asked_by: dict[Key, Asked] = {}
        messages: dict[Key, Message] = {}
        again: list[tuple[Asked, Message]] = []
        for asked in records:
            found = decode_question(asked.value, asked.headers)
            if isinstance(found, Refusal):
                await self._refuse(asked, found)
            elif (key := (found.source, found.id)) in messages or key in self._under_way:
                # Asked twice at once: the second one has the answer of the first.
                again.append((asked, found))
            else:
                asked_by[key], messages[key] = asked, found
        loop = asyncio.get_running_loop()
        mine = {key: loop.create_future() for key in messages}
        self._under_way |= mine
        try:
            await self._answer(messages, asked_by)
        finally:
            for key, future in mine.items():
                del self._under_way[key]
                future.set_result(None)
        for asked, message in again:
            key = (message.source, message.id)
            while key in self._under_way:
                await self._under_way[key]
            await self._answer({key: message}, {key: asked})

    async def _answer(self, messages: Mapping[Key, Message], asked_by: Mapping[Key, Asked]) -> None:
        if not messages:
            return
        known: dict[Key, Answer] = await self._at_the_door(lambda cursor: charge_answers.find(cursor, list(messages)))
        for key, answer in known.items():
            if answer.digest != messages[key].digest:
                await self._refuse(asked_by[key], _conflict(messages[key]))
        await self._publish([answer for key, answer in known.items() if answer.digest == messages[key].digest])
        new = {key: message for key, message in messages.items() if key not in known}
        verdicts, left = await self._begin(new, asked_by)
        await self._tell(new, verdicts)
        # Each as soon as its partner has spoken.
        await asyncio.gather(*(self._ask(key, each, asked_by[key]) for key, each in left.items()))

    async def _begin(
        self, messages: Mapping[Key, Message], asked_by: Mapping[Key, Asked]
    ) -> tuple[dict[Key, Verdict], dict[Key, _Open]]:
        """What is answered without asking anybody, and what is left."""
        if not messages:
            return {}, {}
        now, clock = datetime.now(UTC), asyncio.get_running_loop().time()
        waited_s = {key: (now - asked_by[key].written_at).total_seconds() for key in messages}
        questions = {key: _question(message) for key, message in messages.items()}
        operators = await self._registered({str(message.data["operator_id"]) for message in messages.values()})
        holders: list[list[Holder]] = await self._at_the_door(
            lambda cursor: holders_of(cursor, list(questions.values()))
        )
        verdicts: dict[Key, Verdict] = {}
        left: dict[Key, _Open] = {}
        for (key, question), held in zip(questions.items(), holders, strict=True):
            waited = waited_s[key]
            # Clocks that disagree leave each its whole time.
            until = clock + TOTAL_S - TELL_S - (waited if 0 < waited < TOTAL_S else 0)
            if waited > LATE.total_seconds():
                verdicts[key] = Verdict("NOT_ALLOWED", "TOO_LATE")
            elif question.operator_id not in operators:
                verdicts[key] = Verdict("NOT_ALLOWED", "UNKNOWN_OPERATOR")
            elif any(each.is_asked for each in held):
                left[key] = _Open(messages[key], question, held, until)
            else:
                verdicts[key] = await decided(self._surface, self._partners, question, held, until)
        return verdicts, left

    async def _registered(self, operator_ids: Collection[str]) -> Collection[str]:
        found: dict[str, Any] = await self._patiently(
            lambda: self._surface.read(lambda snapshot: parties_of_operators(snapshot.cursor, sorted(operator_ids)))
        )
        return found.keys()

    async def _ask(self, key: Key, left: _Open, asked: Asked) -> None:
        try:
            verdict = await self._patiently(
                lambda: decided(self._surface, self._partners, left.question, left.holders, left.until)
            )
        except Exception as error:
            # Nothing that a question says should come here; the others are answered all the same.
            _log.exception("the question at %d:%d is not answered", asked.partition, asked.offset)
            await self._refuse(asked, _broken(asked, error))
        else:
            await self._tell({key: left.message}, {key: verdict})

    async def _tell(self, messages: Mapping[Key, Message], verdicts: Mapping[Key, Verdict]) -> None:
        """Keep answers, then send them: those that were kept, should somebody else have been faster."""
        if not verdicts:
            return
        answers = {key: _answer_of(messages[key], verdict) for key, verdict in verdicts.items()}
        kept: dict[Key, Answer] = await self._at_the_door(lambda cursor: charge_answers.keep(cursor, answers))
        await self._publish(list(kept.values()))

    async def _publish(self, answers: Sequence[Answer]) -> None:
        if answers:
            records = [(ANSWERS_TOPIC, each.key.encode(), each.value, _STRUCTURED) for each in answers]
            await self._patience.do_async(lambda: asyncio.wrap_future(self._publisher.publish(records)))

    async def _refuse(self, asked: Asked, refusal: Refusal) -> None:
        letter = _letter(asked, refusal)
        _log.warning("a question at %s is none: %s", f"{asked.partition}:{asked.offset}", refusal.sentence)
        await self._at_the_door(lambda cursor: refuse_question(cursor, letter))

    async def _at_the_door(self, work: Callable[[Any], Any]) -> Any:
        return await self._patiently(lambda: self._surface.at_the_door(work))

    async def _patiently(self, step: Callable[[], Awaitable[Any]]) -> Any:
        """What comes of a step, tried again for as long as the database is away."""

        async def attempt() -> Any:
            try:
                return await step()
            except OcpiFault as fault:
                raise MachineryFault(fault.message) from fault

        return await self._patience.do_async(attempt)


def _question(message: Message) -> Question:
    data = message.data
    return Question(
        data["uid"],
        data["location_id"],
        data["operator_id"],
        data.get("evse_uid"),
        data.get("type") or DEFAULT_TYPE,
        data.get("partner"),
    )


def _answer_of(message: Message, verdict: Verdict) -> Answer:
    key = str(message.data.get("evse_uid") or message.data["location_id"])
    id_ = str(uuid5(NAMESPACE_URL, f"wattledger:authorization:{message.source}\t{message.id}"))
    value = encode(ANSWERED, id_, key, datetime.now(UTC), _answer_data(message, verdict))
    return Answer(message.digest, key, value)


def _answer_data(message: Message, verdict: Verdict) -> dict[str, Any]:
    data = {
        "request_id": message.id,
        "request_source": message.source,
        "location_id": message.data["location_id"],
        "evse_uid": message.data.get("evse_uid"),
        "allowed": verdict.allowed,
        "reason": verdict.reason,
        "auth_method": verdict.auth_method,
        "partner": verdict.partner,
        "token": _session_token(verdict.token) if verdict.token and verdict.allowed == "ALLOWED" else None,
        "authorization_reference": verdict.authorization_reference,
        "info": verdict.info,
    }
    return {name: value for name, value in data.items() if value is not None}


def _session_token(token: Token) -> dict[str, str]:
    """As `charging.session.started` names it."""
    type_ = token.type.upper()
    return {
        "country_code": token.country_code,
        "party_id": token.party_id,
        "uid": token.uid,
        "type": type_ if type_ in _SESSION_TYPES else "OTHER",
        "contract_id": token.contract_id,
    }


def _broken(asked: Asked, error: Exception) -> Refusal:
    """A question that is one, and that we could not answer."""
    found = decode_question(asked.value, asked.headers)
    sentence = f"the question could not be answered ({type(error).__name__}); send it again"
    return Refusal(RefusalCode.PROCESSING_FAILED, "$", sentence, found.id, found.source, found.type)


def _conflict(message: Message) -> Refusal:
    sentence = (
        f"{message.source} asked id {message.id} before with other content, and was answered that: ask with an id of "
        "its own"
    )
    return Refusal(RefusalCode.CONFLICT, "id", sentence[:300], message.id, message.source, message.type)


def _letter(asked: Asked, refusal: Refusal) -> DeadLetter:
    """A refused question; the same one again is the same dead letter."""
    where = f"{QUESTIONS_TOPIC}:{asked.partition}:{asked.offset}"
    identity = f"{refusal.source}\0{refusal.id}" if refusal.source and refusal.id else where
    return DeadLetter(
        deadletter_id(identity, blake2b(asked.value or b"", digest_size=16).hexdigest()),
        QUESTIONS_TOPIC,
        asked.partition,
        asked.offset,
        asked.key,
        tuple(asked.headers),
        asked.value,
        refusal.code.value,
        refusal.path,
        refusal.sentence,
        refusal.source,
        refusal.id,
        refusal.type,
    )
