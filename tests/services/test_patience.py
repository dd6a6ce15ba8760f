"""Patience is with servers that are away, not with steps that take long."""

import os
import signal
from collections.abc import Callable
from threading import Event, Thread
from time import monotonic

import pytest

from ledger.errors import EntryRefused, MachineryFault
from ledger.patience import Stopping, until
from wattledger.commands.live import watch_clock
from wattledger.monitoring.signs import Signs
from wattledger.patience import patiently
from wattledger.settings import load_settings
from wattledger.store import Store

PATIENCE_S = 0.2


def failing(times: int, work_s: float = 0.0) -> Callable[[], int]:
    """A step that works for a while and then finds the database away, so many times; then it counts its attempts."""
    attempts = 0

    def step() -> int:
        nonlocal attempts
        attempts += 1
        until = monotonic() + work_s
        while monotonic() < until:
            pass
        if attempts <= times:
            raise MachineryFault("away")
        return attempts

    return step


def test_a_step_is_done_again_once_the_database_is_back() -> None:
    assert patiently(failing(2), patience_s=10) == 3


def test_a_step_that_worked_for_longer_than_the_patience_is_done_again_too() -> None:
    assert patiently(failing(1, work_s=2 * PATIENCE_S), PATIENCE_S) == 2


def test_a_database_that_stays_away_is_told() -> None:
    with pytest.raises(MachineryFault, match="away"):
        patiently(failing(10**9), PATIENCE_S)


def test_who_is_asked_to_stop_waits_no_longer() -> None:
    stop = Event()

    def away() -> None:
        stop.set()
        raise MachineryFault("away")

    with pytest.raises(Stopping):
        patiently(away, stop=stop)


def test_a_clock_whose_database_is_away_hears_a_signal_at_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = Store.at("postgresql://somebody@127.0.0.1:9/nothing", "", load_settings())

    def end_the_clock_once_it_waits() -> None:
        until(lambda: "trying again" in caplog.text, 0.01, 30)
        os.kill(os.getpid(), signal.SIGTERM)

    killer = Thread(target=end_the_clock_once_it_waits)
    killer.start()
    watch_clock(clock, Signs(("clock",)))
    killer.join()
    assert "the database does not answer" in caplog.text


def test_what_is_no_fault_of_a_server_is_raised_at_once() -> None:
    def refused() -> None:
        raise EntryRefused("not balanced")

    with pytest.raises(EntryRefused):
        patiently(refused, patience_s=10)
