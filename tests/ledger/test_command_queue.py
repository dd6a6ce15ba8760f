"""The queue before the group committer has room for those who still wait."""

from collections.abc import Callable

import pytest

from domain.book.journal import Entry
from ledger.book.command_queue import Command, CommandQueue
from ledger.errors import MachineryFault

MakeEntry = Callable[..., Entry]
LINES = (("4010", 1), ("2110", -1))


def test_what_nobody_waits_for_any_more_keeps_nobody_out(make_entry: MakeEntry) -> None:
    queue = CommandQueue(queue_max=2, set_max=10, gather_s_max=0, takers=1)
    given_up = [Command(make_entry(*LINES, name=f"given up {number}")) for number in range(2)]
    for command in given_up:
        queue.put(command, patience_s=0)
        assert command.answer.cancel()

    wanted = Command(make_entry(*LINES, name="wanted"))
    queue.put(wanted, patience_s=0)

    assert queue.take(0) == [wanted]


def test_a_queue_of_those_who_wait_is_full(make_entry: MakeEntry) -> None:
    queue = CommandQueue(queue_max=1, set_max=10, gather_s_max=0, takers=1)
    queue.put(Command(make_entry(*LINES, name="first")), patience_s=0)

    with pytest.raises(MachineryFault, match="there was no room"):
        queue.put(Command(make_entry(*LINES, name="second")), patience_s=0)
