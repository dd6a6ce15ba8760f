"""What is away is waited for: with pauses, up to a limit, told once an outage, and never against a wish to stop."""

import asyncio
import logging
import time
from threading import Event, Thread

import pytest
from tenacity import stop_after_attempt, stop_after_delay, wait_fixed

from ledger.errors import EntryRefused, MachineryFault
from ledger.patience import Patience, Stopping, until, until_async, wait_for_event

AT_ONCE, LONG_S = wait_fixed(0), 3600.0


class Away:
    """A step that finds its server away so many times, then answers how often it was tried."""

    def __init__(self, times: int) -> None:
        self.times, self.tries = times, 0

    def __call__(self) -> int:
        self.tries += 1
        if self.tries <= self.times:
            raise MachineryFault(f"away {self.tries}")
        return self.tries

    async def later(self) -> int:
        return self()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.fixture(autouse=True)
def _hears_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ledger.patience")


def test_an_outage_is_told_once_and_over_with_the_first_success(caplog: pytest.LogCaptureFixture) -> None:
    patience = Patience(AT_ONCE)
    assert patience.do(Away(3)) == 4
    assert patience.fault is None
    assert warnings(caplog) == ["away 1; trying again"]
    assert patience.do(Away(2)) == 3
    assert warnings(caplog) == ["away 1; trying again"] * 2


async def test_an_outage_of_two_tasks_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    patience, back = Patience(wait_fixed(0.001)), asyncio.Event()

    async def both_saw_it() -> None:
        if not back.is_set():
            raise MachineryFault("away")

    waiting = [asyncio.create_task(patience.do_async(both_saw_it)) for _ in range(2)]
    await until_async(lambda: _later(len(caplog.records) > 10), 0.001)
    back.set()
    await asyncio.gather(*waiting)
    assert warnings(caplog) == ["away; trying again"]


async def _later(answer: bool) -> bool:
    return answer


def test_what_outlasts_the_limit_is_raised_as_it_is() -> None:
    step = Away(9)
    with pytest.raises(MachineryFault, match="away 3"):
        Patience(AT_ONCE, stop_after_attempt(3)).do(step)


def test_a_step_that_worked_meanwhile_has_the_whole_patience_again(caplog: pytest.LogCaptureFixture) -> None:
    patience, step = Patience(AT_ONCE, stop_after_attempt(2)), Away(9)

    def getting_on() -> int:
        patience.worked()
        return step()

    assert patience.do(getting_on) == 10
    assert len(warnings(caplog)) == 9


def test_a_fault_after_long_work_is_told_as_the_first_of_another_outage(caplog: pytest.LogCaptureFixture) -> None:
    worked_s, step = 0.05, Away(3)

    def works_long_at_last() -> int:
        if step.tries == 2:
            began = time.monotonic()
            until(lambda: time.monotonic() - began > worked_s, 0.001)
        return step()

    assert Patience(AT_ONCE, worked_s=worked_s).do(works_long_at_last) == 4
    assert warnings(caplog) == ["away 1; trying again", "away 3; trying again"]


def test_what_is_no_fault_of_the_machinery_is_raised_at_once() -> None:
    def refused() -> None:
        raise EntryRefused("not balanced")

    with pytest.raises(EntryRefused):
        Patience(wait_fixed(LONG_S)).do(refused)


def test_a_stop_ends_the_pause_and_is_followed_by_no_attempt() -> None:
    stop, step, ended = Event(), Away(9), Event()

    def run() -> None:
        with pytest.raises(Stopping):
            Patience(wait_fixed(LONG_S)).do(step, stop)
        ended.set()

    Thread(target=run, daemon=True).start()
    assert until(lambda: step.tries, 0.001, 30) == 1
    stop.set()
    assert ended.wait(180)
    assert step.tries == 1


def test_a_fault_of_who_is_stopping_already_is_not_said_to_be_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    stop, step = Event(), Away(9)

    def stopped_meanwhile() -> int:
        stop.set()
        return step()

    with pytest.raises(Stopping):
        Patience(AT_ONCE).do(stopped_meanwhile, stop)
    assert step.tries == 1
    assert not caplog.records


async def test_a_stop_ends_the_pause_of_a_task_too() -> None:
    stop, step = asyncio.Event(), Away(9)
    waiting = asyncio.create_task(Patience(wait_fixed(LONG_S)).do_async(step.later, stop))
    await until_async(lambda: _later(step.tries > 0), 0.001)
    stop.set()
    with pytest.raises(Stopping):
        await asyncio.wait_for(waiting, 30)
    assert step.tries == 1


def test_who_is_asked_to_stop_before_begins_nothing() -> None:
    stop, step = Event(), Away(0)
    stop.set()
    with pytest.raises(Stopping):
        Patience(AT_ONCE).do(step, stop)
    with pytest.raises(Stopping):
        until(step, 0, stop=stop)
    assert step.tries == 0


def test_a_condition_is_asked_until_it_holds_and_else_gives_its_last_answer() -> None:
    answers = iter([None, "", "yes", "no more"])
    assert until(lambda: next(answers), 0) == "yes"
    assert until(lambda: "", 0.001, limit_s=0.01) == ""


async def test_a_task_waits_for_a_condition_in_the_same_way() -> None:
    step = Away(2)
    patience = Patience(AT_ONCE, stop_after_delay(30))
    assert await until_async(lambda: patience.do_async(step.later), 0.001, 30) == 3
    assert await until_async(lambda: _later(False), 0.001, 0.01) is False


async def test_who_waits_for_an_event_is_cancelled_though_it_is_set_just_then() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(wait_for_event(event, LONG_S))
    await asyncio.sleep(0)
    event.set()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    await wait_for_event(event, LONG_S)
    await wait_for_event(asyncio.Event(), 0.01)
