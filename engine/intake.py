"""The intake: one batch of records becomes one transaction of facts, decisions, entries and positions.

A record is accepted, known as a duplicate, in conflict with what was accepted first, or refused; each is counted
once, and the refused are kept. What one transaction makes possible for another session (a catalogue version that
sessions waited for, a settlement of payments) is followed up in transactions of its own right after.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from contracts.decode import Message, decode
from contracts.headers import ORIGIN_HEADER
from contracts.messages import CDR, MESSAGE_TYPES, SIGNED_TYPES, TOPIC_OF, TYPES_ON, Kind, stream_of
from contracts.refusal import Refusal, RefusalCode
from contracts.signatures import SIGNATURE, Keyring, message_name
from domain.fact import RecordedFact
from domain.far_ahead import AHEAD_MAX
from domain.tariff.events import warned
from engine.bank import take_bank
from engine.closing import take_affairs
from engine.decided_streams import DECIDED_TYPES, refuse_decisions
from engine.errors import PartitionLost
from engine.far_ahead import take_far_ahead, wall_clock
from engine.follow_up import FollowUp
from engine.judging import judge_and_refuse
from engine.matters import take_matters
from engine.office import Office
from engine.operator_findings import find_about_terms
from engine.partner_documents import take_documents
from engine.payout_days import take_reopenings
from engine.payouts import take_payout_facts
from engine.ports import Claim, Record
from engine.receipts import take_receipts
from engine.said_again import Doubt, said_again
from engine.sessions import put_off, record_facts
from engine.treasury import take_rates
from engine.unread_batches import end_unread, note_unread, open_unread
from engine.wallets import take_wallets
from engine.work import Stream, Unfolded, Work
from engine.working_set import WorkingSet
from ledger.collector import collector_paused
from ledger.errors import ConcurrencyConflict, MachineryFault
from ledger.events.heads import lock_streams
from ledger.intake import messages, positions, quarantine
from ledger.intake.bank import lock_bank_lines
from ledger.intake.looks import have_looked_at
from ledger.intake.parking import Parked, add_references, park
from ledger.intake.positions import Partition, Tally
from ledger.intake.quarantine import DeadLetter

T = TypeVar("T")


class Taken(NamedTuple):
    """A record with what decoding made of it; `key` tells messages apart and is empty for a refusal."""

    record: Record
    partition: Partition
    outcome: Message | Refusal
    key: bytes = b""


@dataclass(slots=True)
class Batch:
    """The accepted messages of a batch by what has to be done with them, and the count of all its records."""

    catalogue: list[Message] = field(default_factory=list)
    sessions: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    receipts: list[Message] = field(default_factory=list)
    cdr_answers: list[Message] = field(default_factory=list)
    cdr_documents: list[Message] = field(default_factory=list)
    payout_facts: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    run_decisions: list[Message] = field(default_factory=list)
    bank: list[Message] = field(default_factory=list)
    matters: list[Message] = field(default_factory=list)
    book_decisions: list[Message] = field(default_factory=list)
    wallets: list[Message] = field(default_factory=list)
    statuses: list[Message] = field(default_factory=list)
    rates: list[Message] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    tallies: dict[Partition, Tally] = field(default_factory=lambda: defaultdict(Tally))
    latest: dict[Partition, datetime] = field(default_factory=dict)
    far_ahead: list[Message] = field(default_factory=list)

    def accept(self, message: Message, partition: Partition, near: datetime) -> None:
        """Put an accepted message where it belongs; after `near` it is far ahead of the wall clock."""
        tally, latest = self.tallies[partition], self.latest.get(partition)
        tally.accepted += 1
        tally.extra_fields += message.extra_fields
        if message.time > near:
            tally.ahead += 1
            self.far_ahead.append(message)
        elif latest is None or latest < message.time:
            self.latest[partition] = message.time
        PLACES[MESSAGE_TYPES[message.type].kind](self, message)


# Where a batch keeps the messages of each kind.
PLACES: dict[Kind, Callable[[Batch, Message], None]] = {
    Kind.SESSION_FACT: lambda batch, message: batch.sessions[message.data["session_id"]].append(message),
    Kind.CATALOGUE: lambda batch, message: batch.catalogue.append(message),
    Kind.RECEIPT: lambda batch, message: batch.receipts.append(message),
    Kind.CDR_ANSWER: lambda batch, message: batch.cdr_answers.append(message),
    Kind.CDR_DOCUMENT: lambda batch, message: batch.cdr_documents.append(message),
    Kind.PAYOUT_FACT: lambda batch, message: batch.payout_facts[message.data["payout_id"]].append(message),
    Kind.RUN_DECISION: lambda batch, message: batch.run_decisions.append(message),
    Kind.BANK: lambda batch, message: batch.bank.append(message),
    Kind.OPERATOR_MATTER: lambda batch, message: batch.matters.append(message),
    Kind.BOOK_DECISION: lambda batch, message: batch.book_decisions.append(message),
    Kind.WALLET: lambda batch, message: batch.wallets.append(message),
    Kind.STATUS: lambda batch, message: batch.statuses.append(message),
    Kind.RATE: lambda batch, message: batch.rates.append(message),
}


class Intake:
    """Takes batches of records into the store; one per consumer process, used by one thread at a time."""

    def __init__(
        self, source: str | WorkingSet, clock: Callable[[], datetime] = wall_clock, *, before_clock: bool = False
    ) -> None:
        """`source` is the DSN of the database, or what this process holds of it already.

        With `before_clock` whoever takes in moves the clock next, or follows up: sessions only take facts in, and are
        judged by that, once for all that came.
        """
        self._before_clock = before_clock
        self._clock = clock
        self._working_set = WorkingSet.of(source)
        self._gateway, self._known = self._working_set.gateway, self._working_set.known
        self._sessions = self._working_set.sessions
        self._follow_up = FollowUp(self._working_set)
        self._office = Office(self._working_set, is_live=not before_clock, puts_off=before_clock)
        # Where reading stands still, by the partitions that are ours: so that batches look for nothing more.
        self._unread: dict[Partition, int] = {}

    def claim(self, partitions: Sequence[Partition]) -> dict[Partition, Claim]:
        """Become the owner of partitions; whoever owned them before can write nothing from here on."""

        def attempt() -> dict[Partition, Claim]:
            with self._gateway.transaction() as cursor:
                claims = positions.claim(cursor, partitions)
                unread = self._still_unread(cursor, {home: next_ or 0 for home, (_, next_) in claims.items()})
            self._unread = unread
            self._follow_up.take_back()
            if not self._before_clock:
                self._follow_up.run()
            return {partition: Claim(epoch, next_offset) for partition, (epoch, next_offset) in claims.items()}

        return self._guarded(attempt)

    def process(self, records: Sequence[Record], epochs: Mapping[Partition, int]) -> None:
        """Take a batch in: all of it or, on any exception, nothing.

        Raises PartitionLost for a zombie, MachineryFault when it may be tried again, and whatever a record that
        breaks the engine raises.
        """
        with collector_paused():
            taken = [_take(record, self._working_set.decision_keys) for record in records]

        def attempt() -> None:
            follow_up = self._process(taken, epochs)
            if follow_up and not self._before_clock:
                self._follow_up.run()

        self._guarded(attempt)

    def quarantine(self, record: Record, error: Exception, epochs: Mapping[Partition, int]) -> None:
        """Dead-letter a record that breaks the engine, and move on past it."""
        sentence = f"the record could not be processed ({type(error).__name__}: {error}); replay it after a fix"
        outcome = decode(record.value, record.headers)
        refusal = Refusal(
            RefusalCode.PROCESSING_FAILED, "$", sentence[:300], outcome.id, outcome.source, outcome.type
        )
        self._guarded(lambda: self._process([Taken(record, record.home, refusal)], epochs))

    def note_unread(self, partition: Partition, epoch: int, offset: int, reason: str) -> None:
        """Have people told that the record batch at an offset cannot be read, until it is passed."""

        def attempt() -> None:
            with self._gateway.transaction() as cursor:
                if positions.lock(cursor, {partition: epoch}) is None:
                    raise PartitionLost("the partition of this batch belongs to another consumer now")
                work = Work(self._gateway.shard)
                note_unread(cursor, work, partition, offset, reason)
                if work.events:
                    work.write(cursor)
            self._unread[partition] = offset

        self._guarded(attempt)

    def close(self) -> None:
        """Give the connection back."""
        self._working_set.close()

    def _guarded(self, attempt: Callable[[], T]) -> T:
        try:
            return attempt()
        except ConcurrencyConflict as conflict:
            self._working_set.forget()
            # Decided anew from the same records, as if the database had not answered.
            raise MachineryFault(str(conflict)) from conflict
        except BaseException:
            self._working_set.forget()
            raise

    def _process(self, taken: Sequence[Taken], epochs: Mapping[Partition, int]) -> bool:
        """One transaction; whether something is to be followed up."""
        owned = {partition: epochs[partition] for partition in {each.partition for each in taken}}
        with self._gateway.transaction() as cursor:
            next_offsets = positions.lock(cursor, owned)
            if next_offsets is None:
                raise PartitionLost("a partition of this batch belongs to another consumer now")
            fresh = [each for each in taken if each.record.offset >= next_offsets[each.partition]]
            now = self._clock()
            batch = self._sort_out(cursor, fresh, now + AHEAD_MAX)
            work = Work(self._gateway.shard)
            again = self._take_in(cursor, batch, work)
            if batch.far_ahead:
                take_far_ahead(cursor, work, batch.far_ahead, now)
            for letter in batch.letters:
                work.send_deadletter(letter.source or "", letter.deadletter_id)
            moves = {e.partition: (e.record.offset + 1, batch.latest.get(e.partition)) for e in fresh}
            positions.advance(cursor, moves)
            positions.count(cursor, batch.tallies)
            passed = {
                home: moves[home][1] for home, at in self._unread.items() if home in moves and moves[home][0] > at
            }
            if passed:
                end_unread(cursor, work, passed)
            written = work.write(cursor)
        for home in passed:
            del self._unread[home]
        return written or again

    def _still_unread(self, cursor: Any, next_offsets: Mapping[Partition, int]) -> dict[Partition, int]:
        """Where partitions stand still that are read on from here; what was passed by hand is over."""
        unread = open_unread(cursor, next_offsets)
        passed = {home: positions.event_time(cursor, home) for home, at in unread.items() if next_offsets[home] > at}
        if passed:
            work = Work(self._gateway.shard)
            end_unread(cursor, work, passed)
            work.write(cursor)
        return {home: at for home, at in unread.items() if home not in passed}

    # Duplicates, conflicts and refusals ------------------------------------------------------------------------

    def _sort_out(self, cursor: Any, taken: Sequence[Taken], near: datetime) -> Batch:
        """Tell new messages from duplicates, conflicts and refusals; each record counts once."""
        batch = Batch()
        first: dict[bytes, Taken] = {}
        for each in taken:
            if each.key:
                first.setdefault(each.key, each)
        digests = {key: each.outcome.digest for key, each in first.items() if isinstance(each.outcome, Message)}
        known = messages.remember(cursor, digests)
        other = [
            at
            for at, each in enumerate(taken)
            if isinstance(each.outcome, Message) and known.get(each.key, digests[each.key]) != each.outcome.digest
        ]
        conflicts = _conflicts(cursor, taken, other, first, known) if other else frozenset()
        letters: list[tuple[Taken, DeadLetter]] = []
        for at, each in enumerate(taken):
            _, partition, outcome, key = each
            if isinstance(outcome, Refusal):
                letters.append((each, _letter(each.record, outcome)))
            elif at in conflicts:
                letters.append((each, _conflict(each.record, outcome)))
            elif key in known or first[key] is not each:
                batch.tallies[partition].duplicates += 1
            else:
                batch.accept(outcome, partition, near)
        _quarantine(cursor, batch, letters)
        return batch

    # Taking in -------------------------------------------------------------------------------------------------

    def _take_in(self, cursor: Any, batch: Batch, work: Work) -> bool:
        """Turn the accepted messages into work; whether other sessions are to be looked at afterwards."""
        self._known.lock(cursor, to_publish=bool(batch.catalogue))
        again = self._publish(cursor, batch, work)
        if batch.receipts or batch.bank:
            lock_bank_lines(cursor)
        again |= self._take_receipts(cursor, batch, work)
        again |= take_documents(cursor, work, _facts(batch.cdr_documents))
        of_wallets = take_wallets(cursor, work, _facts(batch.wallets))
        again |= self._take_sessions(cursor, batch, work, of_wallets)
        if batch.run_decisions:
            # Before payouts, as runs do it: they hold their operator's days, and then lock payouts.
            take_reopenings(cursor, work, _by_stream(batch.run_decisions))
        if batch.rates:
            take_rates(cursor, _facts(batch.rates))
        take_matters(
            cursor,
            work,
            _facts(batch.matters),
            self._known.catalogue,
            self._working_set.rules.hold_max_age,
        )
        take_bank(cursor, work, _facts(batch.bank), self._known.catalogue, batch.catalogue)
        take_affairs(cursor, work, _facts(batch.book_decisions))
        told = {payout_id: _facts(found) for payout_id, found in batch.payout_facts.items()}
        take_payout_facts(cursor, work, told, replace(self._office, now=self._clock()))
        return again

    def _publish(self, cursor: Any, batch: Batch, work: Work) -> bool:
        marked, accounts_of, decided = False, set[str](), set[str]()
        concerned: frozenset[str] | None = frozenset()
        for message in batch.catalogue:
            concerns, publication = self._known.publish(
                cursor, message.type, message.source, message.id, message.time, message.data
            )
            marked |= concerns
            accounts_of |= publication.accounts_of
            concerned = (
                None if concerned is None or publication.payouts_of is None else concerned | publication.payouts_of
            )
            if message.type in DECIDED_TYPES:
                decided.add(message.data.get("operator_id") or "")
        have_looked_at(cursor, concerned)
        by_stream = _by_stream((*batch.catalogue, *batch.statuses, *batch.rates))
        versions = lock_streams(cursor, by_stream)
        stored: dict[tuple[str, str], tuple[RecordedFact, UUID, int]] = {}
        for stream_id, facts in by_stream.items():
            stream = work.stream(stream_id, Unfolded(versions[stream_id]))
            for fact in facts:
                stream.append(fact)
                stored[fact.source, fact.id] = (fact, stream_id, stream.aggregate.version)
                if MESSAGE_TYPES[fact.type].has_warnings:
                    _warn(stream, fact)
                elif fact.type in DECIDED_TYPES:
                    stream.send("settlement.notifications", fact.data.get("operator_id") or "payouts")
        self._known.add(cursor, [stored[message.source, message.id] for message in batch.catalogue])
        find_about_terms(cursor, work, self._known.catalogue, accounts_of, batch.catalogue)
        # Of operators whose account takes two, what was published counts as proposed.
        decided |= {each for each in accounts_of if self._known.catalogue.histories[each].decided}
        refuse_decisions(cursor, work, self._known.catalogue, decided)
        return marked

    def _take_receipts(self, cursor: Any, batch: Batch, work: Work) -> bool:
        """Book what came to the bank (J09, J17), and park each item until the session it is about claims it."""
        again = take_receipts(cursor, work, _facts(batch.receipts)) if batch.receipts else False
        parked = [Parked(CDR.kind, CDR.of(message.data), _fact(message)) for message in batch.cdr_answers]
        park(cursor, parked)
        return again or bool(parked)

    def _take_sessions(
        self, cursor: Any, batch: Batch, work: Work, of_wallets: Mapping[str, Sequence[RecordedFact]]
    ) -> bool:
        """Let each session learn its new facts, those that its wallets told among them, and decide."""
        by_session = {session_id: batch.sessions.get(session_id, []) for session_id in of_wallets} | batch.sessions
        sessions = self._sessions.lock(cursor, by_session)
        claims: list[tuple[str, str, str]] = []
        for session_id, found in by_session.items():
            session = sessions[session_id]
            record_facts(work, session, [*_facts(found), *of_wallets.get(session_id, ())])
            for message in found:
                claimed = MESSAGE_TYPES[message.type].claims
                if claimed is not None:
                    claims.append((claimed.kind, claimed.of(message.data), session_id))
                    work.captured.add(claims[-1][1])
            if self._before_clock:
                put_off(work, session, self._known.catalogue)
            else:
                judge_and_refuse(cursor, work, session, self._known.catalogue, clock=None)
        return add_references(cursor, claims)


def _take(record: Record, decision_keys: Keyring) -> Taken:
    outcome = decode(record.value, record.headers)
    if isinstance(outcome, Message):
        counts_here = TYPES_ON.get(record.topic)
        if counts_here is not None and outcome.type not in counts_here:
            outcome = _misplaced(outcome, record.topic)
        elif outcome.type in SIGNED_TYPES:
            outcome = _signed(outcome, decision_keys)
    if isinstance(outcome, Refusal):
        return Taken(record, record.home, outcome)
    return Taken(record, record.home, outcome, messages.message_key(outcome.source, outcome.id))


def _misplaced(message: Message, topic: str) -> Refusal:
    """What is sent to another topic than its own, where its sender may not have been allowed to."""
    sentence = (
        f"{message.type} counts on the topic {TOPIC_OF[message.type]} alone, and this came on {topic}: send it there"
    )
    return Refusal(RefusalCode.WRONG_TOPIC, "type", sentence, message.id, message.source, message.type)


def _signed(message: Message, decision_keys: Keyring) -> Message | Refusal:
    """A decision, or its refusal where nobody who may has signed it for what it says."""
    name = message_name(message.source, message.id)
    if decision_keys.is_signed(message.type, message.data, name):
        return message
    what = "its signature is not good by any key that is known" if SIGNATURE in message.data else "it has none"
    sentence = (
        f"a decision needs a signature by a key of WATTLEDGER_DECISION_KEYS, and {what}: decide through the API, the "
        "pages or the command"
    )
    return Refusal(RefusalCode.NOT_SIGNED, SIGNATURE, sentence, message.id, message.source, message.type)


def _conflicts(
    cursor: Any,
    taken: Sequence[Taken],
    other: Sequence[int],
    first: Mapping[bytes, Taken],
    known: Mapping[bytes, Any],
) -> frozenset[int]:
    """Of records that have other bytes than what was accepted under their key, those with other content."""
    doubts = []
    for at in other:
        key, message = taken[at].key, taken[at].outcome
        earlier = None if key in known else first[key].outcome
        if isinstance(message, Message) and not isinstance(earlier, Refusal):
            doubts.append(Doubt(message, earlier))
    return frozenset(at for at, same in zip(other, said_again(cursor, doubts), strict=True) if not same)


def _quarantine(cursor: Any, batch: Batch, letters: list[tuple[Taken, DeadLetter]]) -> None:
    """Keep refused records; one that was refused before, with the same content, is a duplicate."""
    new = quarantine.add(cursor, [letter for _, letter in letters])
    for each, letter in letters:
        tally, is_new = batch.tallies[each.partition], letter.deadletter_id in new
        if is_new:
            new.discard(letter.deadletter_id)
            batch.letters.append(letter)
        if letter.code == RefusalCode.CONFLICT:
            tally.conflicts += 1
        elif is_new:
            tally.dead_lettered += 1
        else:
            tally.duplicates += 1


def _fact(message: Message) -> RecordedFact:
    return RecordedFact(message.type, message.source, message.id, message.time, message.data)


def _facts(found: Sequence[Message]) -> list[RecordedFact]:
    return [_fact(message) for message in found]


def _by_stream(found: Sequence[Message]) -> dict[UUID, list[RecordedFact]]:
    """As facts, by the streams that they have of their own."""
    by_stream: dict[UUID, list[RecordedFact]] = defaultdict(list)
    for message in found:
        by_stream[stream_of(message.type, message.data)].append(_fact(message))
    return by_stream


def _warn(stream: Stream, fact: RecordedFact) -> None:
    """Keep the warnings about a tariff behind its publication, and tell people."""
    warning = warned(fact.source, fact.id, fact.time, fact.data)
    if warning is not None:
        stream.append(warning)
        stream.send("settlement.notifications", warning.tariff_id)


def _letter(record: Record, refusal: Refusal) -> DeadLetter:
    """A refused record; its identity is (source, id) or, where it has none, where it came from."""
    origin = dict(record.headers).get(ORIGIN_HEADER)
    if refusal.source and refusal.id:
        identity = f"{refusal.source}\0{refusal.id}"
    else:
        # Anybody may send a header of that name, with any bytes.
        told = origin.decode("utf-8", "backslashreplace") if origin else ""
        identity = told or f"{record.topic}:{record.partition}:{record.offset}"
    return _dead_letter(record, identity, refusal)


def _conflict(record: Record, message: Message) -> DeadLetter:
    sentence = (
        f"{message.source} sent id {message.id} before with other content; the first stands: send the new fact "
        "with an id of its own"
    )
    return _letter(
        record, Refusal(RefusalCode.CONFLICT, "id", sentence[:300], message.id, message.source, message.type)
    )


def _dead_letter(record: Record, identity: str, refusal: Refusal) -> DeadLetter:
    digest = blake2b(record.value or b"", digest_size=16).hexdigest()
    return DeadLetter(
        deadletter_id=quarantine.deadletter_id(identity, digest),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        headers=record.headers,
        value=record.value,
        code=refusal.code.value,
        path=refusal.path,
        sentence=refusal.sentence,
        source=refusal.source,
        id=refusal.id,
        type=refusal.type,
    )
