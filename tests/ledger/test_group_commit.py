"""Single entries of many callers become sets, one transaction each, and every caller learns of its own entry."""

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.journal import Entry, Posting
from domain.errors import UnbalancedEntry
from ledger.book.balances import balance
from ledger.book.group_commit import AsyncGroupCommit, GroupCommit, Outcome
from ledger.book.journal import journal, write_entries
from ledger.database import Role, connect
from ledger.errors import EntryExists, EntryRefused, GroupCommitClosed, MachineryFault
from tests.support.examples import examples
from tests.support.integrity import check_balances, check_entries
from tests.support.made_ahead import with_postgres
from wattledger.embedded import EmbeddedPostgres

MakeEntry = Callable[..., Entry]
_numbers = itertools.count()


@pytest.fixture
def transfers(make_entry: MakeEntry) -> Callable[[int], list[Entry]]:
    """Makes so many entries of 100 each from 2011/OP-1 to 2010/OP-1."""
    return lambda count: [
        make_entry(("2011/OP-1", 100), ("2010/OP-1", -100), name=f"T-{next(_numbers)}") for _ in range(count)
    ]


@contextmanager
def held_back(book: str, entry: Entry) -> Iterator[Connection[TupleRow]]:
    """Somebody else writes an entry and does not commit: whoever writes the same one waits, until the block ends."""
    with connect(book, Role.WRITER) as other:
        write_entries(other.cursor(), [entry], shard=255)
        yield other
        other.rollback()


def blocked_writer(book: str) -> int:
    """The process id of the backend that waits for another one's lock, once there is one."""
    with psycopg.connect(book, autocommit=True) as server:
        while True:
            row = server.execute(
                "SELECT pid FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
            ).fetchone()
            if row:
                return int(row[0])


def outcome_of(answer: Future[Outcome]) -> Outcome | type[BaseException]:
    """What a caller was told: an outcome, or the class of the exception."""
    error = answer.exception(timeout=60)
    return answer.result() if error is None else type(error)


def sets_in(book: str) -> list[int]:
    """How many entries each transaction wrote, the largest last."""
    with connect(book, Role.READER) as reader:
        return [row[0] for row in reader.execute("SELECT count(*) FROM book.entry GROUP BY tx ORDER BY 1")]


def entries_in(book: str) -> list[Entry]:
    """The journal."""
    with connect(book, Role.READER) as reader:
        return list(journal(reader.cursor()))


def test_an_entry_is_in_the_book_when_its_caller_hears_of_it(
    book: str, transfers: Callable[[int], list[Entry]]
) -> None:
    [entry] = transfers(1)
    with GroupCommit(book) as ledger:
        assert ledger.post(entry) is Outcome.POSTED
        assert entries_in(book) == [entry]


def test_entries_that_come_while_a_set_is_written_are_the_next_set(
    book: str, transfers: Callable[[int], list[Entry]]
) -> None:
    first, *others = transfers(32)
    with GroupCommit(book, writers=1) as ledger:
        with held_back(book, first):
            answers = [ledger.submit(first)]
            blocked_writer(book)
            answers += map(ledger.submit, others)
        assert {outcome_of(answer) for answer in answers} == {Outcome.POSTED}
    assert sets_in(book) == [1, 31]


def test_a_writer_that_waits_for_a_lock_does_not_hold_up_the_others(
    book: str, transfers: Callable[[int], list[Entry]]
) -> None:
    stuck, *others = transfers(20)
    with GroupCommit(book, writers=2) as ledger:
        with held_back(book, stuck):
            answer = ledger.submit(stuck)
            blocked_writer(book)
            assert [ledger.post(entry) for entry in others] == [Outcome.POSTED] * len(others)
            assert not answer.done()
        assert outcome_of(answer) is Outcome.POSTED


def test_32_callers_at_once_need_far_fewer_transactions_than_entries(
    book: str, transfers: Callable[[int], list[Entry]]
) -> None:
    entries = transfers(32 * 20)
    with GroupCommit(book) as ledger, ThreadPoolExecutor(32) as callers:
        assert set(callers.map(ledger.post, entries)) == {Outcome.POSTED}
    assert sum(sets_in(book)) == len(entries)
    assert len(sets_in(book)) <= len(entries) / 4
    with connect(book, Role.READER) as reader:
        assert balance(reader.cursor(), "2011/OP-1", "EUR").debit_balance == 100 * len(entries)


def test_a_set_is_never_larger_than_its_limit(book: str, transfers: Callable[[int], list[Entry]]) -> None:
    first, *others = transfers(12)
    with GroupCommit(book, set_max=4, writers=1) as ledger:
        with held_back(book, first):
            answers = [ledger.submit(first)]
            blocked_writer(book)
            answers += map(ledger.submit, others)
        assert {outcome_of(answer) for answer in answers} == {Outcome.POSTED}
    assert sets_in(book) == [1, 3, 4, 4]


def test_the_same_entry_again_is_told_to_be_there_already(book: str, transfers: Callable[[int], list[Entry]]) -> None:
    [entry] = transfers(1)
    with GroupCommit(book) as ledger:
        assert [ledger.post(entry) for _ in range(3)] == [Outcome.POSTED, *[Outcome.ALREADY_POSTED] * 2]
    with GroupCommit(book) as another_one:
        assert another_one.post(entry) is Outcome.ALREADY_POSTED
    assert entries_in(book) == [entry]


@pytest.mark.parametrize("change", [{"kind": "J02"}, {"cause": UUID(int=1)}, {"session_id": "S-2"}])
def test_another_content_under_the_same_id_is_refused(
    book: str, transfers: Callable[[int], list[Entry]], change: dict[str, object]
) -> None:
    [entry] = transfers(1)
    with GroupCommit(book) as ledger:
        ledger.post(entry)
        with pytest.raises(EntryExists, match="another content"):
            ledger.post(replace(entry, **change))  # type: ignore[arg-type]
    assert entries_in(book) == [entry]


def test_bad_entries_do_not_fail_their_neighbours(
    book: str, make_entry: MakeEntry, transfers: Callable[[int], list[Entry]]
) -> None:
    first, known, *good = transfers(20)
    unbalanced = make_entry(("1105", 5), ("2011", -5), name="unbalanced")
    object.__setattr__(unbalanced, "postings", (Posting("1105", 6), Posting("2011", -5)))
    bad = {
        "long": (replace(transfers(1)[0], kind="J" * 17), EntryRefused),
        "zero": (make_entry(("1105", 1), ("2011", -1), ("4010", 0), name="zero"), EntryRefused),
        "unbalanced": (unbalanced, EntryRefused),
        "huge": (make_entry(("1105", 2**63), ("2011", -(2**63)), name="huge"), EntryRefused),
        "not printable": (make_entry(("1105/\n", 1), ("2011", -1), name="line feed"), EntryRefused),
        "no offset": (replace(transfers(1)[0], effective_at=first.effective_at.replace(tzinfo=None)), EntryRefused),
        "unknown reversed": (replace(transfers(1)[0], reverses=UUID(int=7)), EntryRefused),
        "other content": (replace(known, kind="J02"), EntryExists),
    }
    mixed = [*good, *(entry for entry, _ in bad.values()), known]
    random.Random(4).shuffle(mixed)
    with GroupCommit(book, writers=1) as ledger:
        ledger.post(known)
        with held_back(book, first):
            answer = ledger.submit(first)
            blocked_writer(book)
            answers = {id(entry): ledger.submit(entry) for entry in mixed}
        assert outcome_of(answer) is Outcome.POSTED
        assert outcome_of(answers[id(known)]) is Outcome.ALREADY_POSTED
        assert [outcome_of(answers[id(entry)]) for entry in good] == [Outcome.POSTED] * len(good)
        for name, (entry, refusal) in bad.items():
            assert (name, outcome_of(answers[id(entry)])) == (name, refusal)
    assert sorted(entries_in(book), key=str) == sorted([first, known, *good], key=str)


def test_an_unbalanced_entry_cannot_even_be_made(make_entry: MakeEntry) -> None:
    with pytest.raises(UnbalancedEntry):
        make_entry(("1105", 5), ("2011", -6))


def test_of_two_reversals_of_an_entry_the_first_to_come_is_posted(
    book: str, transfers: Callable[[int], list[Entry]]
) -> None:
    blocked, reversed_, one, two, neighbour = transfers(5)
    one, two = (replace(each, reverses=reversed_.entry_id) for each in (one, two))
    with GroupCommit(book, writers=1) as ledger:
        with held_back(book, blocked):
            ledger.submit(blocked)
            blocked_writer(book)
            answers = [ledger.submit(each) for each in (reversed_, one, two, neighbour)]
        assert [outcome_of(each) for each in answers] == [
            *[Outcome.POSTED] * 2,
            EntryExists,
            Outcome.POSTED,
        ]


def test_a_backend_that_is_terminated_is_told_to_all_of_its_set_and_the_next_one_is_written(
    book: str, transfers: Callable[[int], list[Entry]]
) -> None:
    entries = transfers(8)
    with GroupCommit(book, writers=1) as ledger:
        with held_back(book, entries[0]), psycopg.connect(book, autocommit=True) as server:
            answers = [ledger.submit(entries[0])]
            server.execute("SELECT pg_terminate_backend(%s, 60000)", [blocked_writer(book)])
            assert outcome_of(answers[0]) is MachineryFault
            # The same with more than one in the set: the first of them keeps the writer busy meanwhile.
            answers = [ledger.submit(entries[0])]
            victim = blocked_writer(book)
            answers += map(ledger.submit, entries[1:])
            server.execute("SELECT pg_terminate_backend(%s, 60000)", [victim])
            assert outcome_of(answers[0]) is MachineryFault
        assert [outcome_of(answer) for answer in answers[1:]] == [Outcome.POSTED] * 7
        assert [ledger.post(entry) for entry in entries] == [Outcome.POSTED, *[Outcome.ALREADY_POSTED] * 7]


def test_a_server_that_is_killed_under_load_loses_no_outcome_and_no_entry(
    tmp_path: Path, make_entry: MakeEntry
) -> None:
    entries = [make_entry(("1105", 1), ("2011", -1), name=f"K-{number}") for number in range(2_000)]
    with EmbeddedPostgres(with_postgres(tmp_path)) as server:
        refused = 0

        def post_until_it_is_in(ledger: GroupCommit, own: Sequence[Entry]) -> None:
            nonlocal refused
            for entry in own:
                while True:
                    try:
                        ledger.post(entry)
                        break
                    except MachineryFault:
                        refused += 1
                        server.ensure_running()

        with GroupCommit(server.dsn) as ledger, ThreadPoolExecutor(16) as callers:
            jobs = [callers.submit(post_until_it_is_in, ledger, entries[start::16]) for start in range(16)]
            for share in (500, 1_000):
                with connect(server.dsn, Role.READER, autocommit=True) as reader:
                    while reader.execute("SELECT count(*) < %s FROM book.entry", [share]).fetchone() == (True,):
                        pass
                server.kill()
                server.ensure_running()
            for job in jobs:
                job.result(timeout=120)
        assert refused > 0
        assert {entry.entry_id for entry in entries_in(server.dsn)} == {entry.entry_id for entry in entries}
        with connect(server.dsn, Role.AUDITOR) as auditor:
            assert balance(auditor.cursor(), "1105", "EUR").debits == len(entries)


def test_a_server_that_is_gone_is_told_to_every_caller(
    tmp_path: Path, transfers: Callable[[int], list[Entry]]
) -> None:
    with EmbeddedPostgres(with_postgres(tmp_path)) as server:
        ledger = GroupCommit(server.dsn)
        ledger.post(transfers(1)[0])
    with ThreadPoolExecutor(8) as callers:
        answers = [callers.submit(ledger.post, entry) for entry in transfers(64)]
        assert {outcome_of(answer) for answer in answers} == {MachineryFault}
    ledger.close()


def test_a_caller_whose_entry_is_not_written_in_time_is_told_and_it_is_not_written_later(
    book: str, transfers: Callable[[int], list[Entry]]
) -> None:
    stuck, late = transfers(2)
    with GroupCommit(book, patience_s=0.2, writers=1) as ledger:
        with held_back(book, stuck):
            taken = ledger.submit(stuck)
            blocked_writer(book)
            with pytest.raises(MachineryFault, match="no outcome after"):
                ledger.post(late)
        assert outcome_of(taken) is Outcome.POSTED
    assert entries_in(book) == [stuck]


def test_a_caller_who_finds_no_room_in_time_is_told(book: str, transfers: Callable[[int], list[Entry]]) -> None:
    stuck, queued, no_room = transfers(3)
    with GroupCommit(book, queue_max=1, writers=1, patience_s=0.2) as ledger:
        with held_back(book, stuck):
            answers = [ledger.submit(stuck)]
            blocked_writer(book)
            answers.append(ledger.submit(queued))
            with pytest.raises(MachineryFault, match="was not taken"):
                ledger.post(no_room)
        assert [outcome_of(answer) for answer in answers] == [Outcome.POSTED] * 2
    assert {entry.entry_id for entry in entries_in(book)} == {stuck.entry_id, queued.entry_id}


def test_callers_wait_for_room_in_a_full_queue(book: str, transfers: Callable[[int], list[Entry]]) -> None:
    blocked, *others = transfers(40)
    with GroupCommit(book, queue_max=3, writers=1) as ledger, ThreadPoolExecutor(40) as callers:
        with held_back(book, blocked):
            answers = [callers.submit(ledger.post, blocked)]
            blocked_writer(book)
            answers += [callers.submit(ledger.post, entry) for entry in others]
        assert {outcome_of(answer) for answer in answers} == {Outcome.POSTED}
    assert max(sets_in(book)) <= 3


def test_closing_writes_what_is_queued_and_takes_no_more(book: str, transfers: Callable[[int], list[Entry]]) -> None:
    blocked, *queued = transfers(50)
    ledger = GroupCommit(book, writers=1)
    with ThreadPoolExecutor(1) as closer:
        with held_back(book, blocked):
            answers = [ledger.submit(blocked)]
            blocked_writer(book)
            answers += map(ledger.submit, queued)
            closing = closer.submit(ledger.close)
        closing.result(180)
    assert all(answer.done() for answer in answers)
    assert {outcome_of(answer) for answer in answers} == {Outcome.POSTED}
    with pytest.raises(GroupCommitClosed):
        ledger.post(transfers(1)[0])
    ledger.close()


def test_a_committer_that_was_never_used_closes(book: str) -> None:
    GroupCommit(book).close()


@pytest.mark.parametrize("limits", [{"queue_max": 0}, {"set_max": 0}, {"writers": 0}, {"gather_s_max": -1.0}])
def test_limits_that_mean_nothing_are_refused(book: str, limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        GroupCommit(book, **limits)  # type: ignore[arg-type]


async def test_tasks_of_an_event_loop_share_sets_and_learn_of_their_own_entries(
    book: str, transfers: Callable[[int], list[Entry]]
) -> None:
    entries = transfers(200)
    refused = replace(entries[0], kind="J02")
    async with AsyncGroupCommit(book, queue_max=50) as ledger:
        assert await asyncio.gather(*map(ledger.post, entries)) == [Outcome.POSTED] * 200
        assert await ledger.post(entries[0]) is Outcome.ALREADY_POSTED
        with pytest.raises(EntryExists):
            await ledger.post(refused)
    assert len(sets_in(book)) < 50
    with pytest.raises(GroupCommitClosed):
        await ledger.post(entries[0])


async def test_a_task_whose_entry_is_not_written_in_time_is_told(
    book: str, transfers: Callable[[int], list[Entry]]
) -> None:
    stuck, late = transfers(2)
    async with AsyncGroupCommit(book, patience_s=0.3) as ledger:
        with held_back(book, stuck):
            answers = await asyncio.gather(ledger.post(stuck), ledger.post(late), return_exceptions=True)
            assert {type(answer) for answer in answers} == {MachineryFault}
        assert await ledger.post(stuck) in Outcome


# A command of the random test: the number of its id, of its content, and whether the book can take it.
COMMANDS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1), st.integers(0, 9).map(bool)), max_size=40)


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commands=COMMANDS, callers_count=st.sampled_from([1, 4, 16]), writers=st.integers(1, 3))
def test_whatever_is_posted_by_whomever_each_id_is_posted_once_and_all_hear_the_truth(
    book: str, make_entry: MakeEntry, commands: list[tuple[int, int, bool]], callers_count: int, writers: int
) -> None:
    example = next(_numbers)
    entries = [
        make_entry(
            (f"1105/{example}", 1 + content),
            (f"2011/{example}", -1 - content),
            name=f"R-{example}-{number}-{content}",
            entry_id=uuid5(NAMESPACE_URL, f"{example}-{number}"),
            kind="J01" if valid else "J" * 17,
        )
        for number, content, valid in commands
    ]
    with GroupCommit(book, set_max=7, writers=writers) as ledger, ThreadPoolExecutor(callers_count) as callers:
        told = [outcome_of(answer) for answer in [callers.submit(ledger.post, entry) for entry in entries]]
    in_book = {entry.entry_id: entry for entry in entries_in(book) if entry.entry_id in {e.entry_id for e in entries}}
    for entry, outcome in zip(entries, told, strict=True):
        stored = in_book.get(entry.entry_id)
        if entry == stored:
            assert outcome in (Outcome.POSTED, Outcome.ALREADY_POSTED)
        else:
            # An entry that the book cannot take is told so, or that its id is taken, whichever is found first.
            assert outcome in ((EntryRefused, EntryExists) if len(entry.kind) > 16 else (EntryExists,))
    posted = [entry for entry, outcome in zip(entries, told, strict=True) if outcome is Outcome.POSTED]
    assert sorted(entry.entry_id for entry in posted) == sorted(in_book)
    with connect(book, Role.READER) as reader:
        kept = balance(reader.cursor(), f"1105/{example}", "EUR")
        assert (kept.debits, kept.credits) == (sum(entry.postings[0].amount_minor for entry in posted), 0)


def test_the_book_is_sound_after_all_that(book: str, transfers: Callable[[int], list[Entry]]) -> None:
    entries = transfers(300)
    with GroupCommit(book) as ledger, ThreadPoolExecutor(8) as callers:
        list(callers.map(ledger.post, entries * 2))
    with connect(book, Role.AUDITOR) as auditor:
        assert check_balances(auditor.cursor()) + check_entries(auditor.cursor()) == []
