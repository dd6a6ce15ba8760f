"""A command that shares its work among processes leaves the files of one that does it alone, whoever is killed."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import psutil
import psycopg
import pytest

from consumers.errors import LogReplaced
from projections.export import export
from tests.end_to_end.comparing import MENDING_APART, difference
from tests.end_to_end.conftest import Settled
from tests.end_to_end.running import Home, counts_add_up
from tests.support.events import captured, lines, operator, session, tariff
from tests.support.made_ahead import with_servers
from tests.support.waiting import wait_until
from wattledger.crew import Crew
from wattledger.embedded import services
from wattledger.opening import prepare
from wattledger.portions import Consume, Hands, OnPortion, Portion
from wattledger.settings import Settings, default_cache_dir
from wattledger.store import Store
from wattledger.verbs import advance_clock, consume_all, count, project_all, publish_files

# Small enough that the invented network is worth three processes.
SHARED = {"PROCESSES": "3", "BACKLOG_PER_PROCESS": "500", "BATCH_MAX_RECORDS": "100"}


def members_of(pid: int) -> list[psutil.Process]:
    """The processes that share the work of a command."""
    try:
        children = psutil.Process(pid).children(recursive=True)
        return [child for child in children if "wattledger.crew_member" in child.cmdline()]
    except psutil.NoSuchProcess:
        return []


def test_three_processes_that_share_the_work_give_the_same_files_as_one(
    network_settled: Settled, tmp_path: Path
) -> None:
    home = Home(tmp_path, **SHARED).made_ahead()
    command = home.start("settle", network_settled.events, "--out", tmp_path / "out")
    wait_until(lambda: len(members_of(command.pid)) == 2)
    assert command.wait(timeout=300) == 0, home.log.read_text(errors="replace")[-3_000:]

    assert counts_add_up(orjson.loads((tmp_path / "out" / "summary.json").read_bytes()))
    assert difference(network_settled.out, tmp_path / "out", MENDING_APART) == ""


def test_the_share_of_a_process_that_is_killed_is_done_by_the_others(
    network_settled: Settled, tmp_path: Path
) -> None:
    settings = Settings(
        data_dir=tmp_path, cache_dir=default_cache_dir(), processes=3, backlog_per_process=500, batch_max_records=100
    )
    killed: list[int] = []

    def kill_one(stage: str, done: int, _total: int | None) -> None:
        if stage == "consuming" and done > 0 and not killed:
            victim = members_of(os.getpid())[0]
            victim.kill()
            killed.append(victim.pid)

    with services(settings, with_servers(tmp_path)) as running:
        store = Store.at(running.dsn, running.bootstrap, running.settings)
        prepare(store)
        records = publish_files(store, [str(network_settled.events)], lambda *_: None)
        with Crew(store) as crew:
            consume_all(crew, kill_one)
            assert crew.size == 2
            runs: list[int] = []
            advance_clock(
                crew, None, lambda stage, done, _: runs.append(done) if stage == "clock: operators" else None
            )
            assert runs, "progress is told"
            assert runs == sorted(set(runs)), "progress adds up"
            project_all(crew, lambda *_: None)
        tally = count(store)
        (tmp_path / "out").mkdir()
        export(store.dsn, tmp_path / "out", store.platform, network_settled.summary)

    assert killed
    assert members_of(os.getpid()) == []
    assert tally.accepted == network_settled.summary["accepted"]
    assert tally.accepted + tally.duplicates + tally.conflicts + tally.dead_lettered == records
    assert difference(network_settled.out, tmp_path / "out", MENDING_APART) == ""


def test_what_a_call_took_in_and_did_not_judge_counts_for_no_other_call(tmp_path: Path) -> None:
    """A payment in another currency is refused when its session is judged, and counted as accepted until then."""
    events, home = tmp_path / "events.jsonl", Home(tmp_path).made_ahead()
    strange = captured("S-1", currency="SEK")
    events.write_bytes(b"\n".join(lines([operator(), tariff(), *session()[:-1], strange])) + b"\n")
    with services(home.settings, home.data_dir) as running:
        store = Store.at(running.dsn, running.bootstrap, running.settings)
        prepare(store)
        publish_files(store, [str(events)], lambda *_: None)
        with Crew(store) as crew:
            consume_all(crew, lambda *_: None)
        assert count(store).dead_lettered == 0
        summary = home.settle(tmp_path / "out", events)
        assert count(store).dead_lettered == 1
    assert (summary["accepted"], summary["duplicates"], summary["dead_lettered"]) == (0, summary["events_in"], 0)


def test_processes_killed_with_the_clocks_sessions_in_hand_leave_none_behind(
    network_settled: Settled, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, cache_dir=default_cache_dir(), processes=3, backlog_per_process=500)
    with services(settings, with_servers(tmp_path)) as running:
        store = Store.at(running.dsn, running.bootstrap, running.settings)
        prepare(store)
        publish_files(store, [str(network_settled.events)], lambda *_: None)
        with Crew(store) as crew, psycopg.connect(running.dsn) as other, ThreadPoolExecutor(1) as threads:
            consume_all(crew, lambda *_: None)
            # Nobody can append, so whoever has taken sessions keeps them in hand.
            other.execute("LOCK TABLE event_store.stored_events IN EXCLUSIVE MODE")
            advancing = threads.submit(advance_clock, crew, None, lambda *_: None)
            wait_until(lambda: waiting_for_a_lock(running.dsn) > 0)
            for member in members_of(os.getpid()):
                member.kill()
            other.rollback()
            advancing.result(timeout=120)
            project_all(crew, lambda *_: None)
        (tmp_path / "out").mkdir()
        export(store.dsn, tmp_path / "out", store.platform, network_settled.summary)

    assert difference(network_settled.out, tmp_path / "out", MENDING_APART) == ""


def waiting_for_a_lock(dsn: str) -> int:
    """How many transactions wait for another one."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone()
        return int(row[0]) if row else 0


def test_a_command_that_is_killed_takes_the_processes_along_that_share_its_work(
    network_settled: Settled, tmp_path: Path
) -> None:
    home = Home(tmp_path, **SHARED).made_ahead()
    command = home.start("settle", network_settled.events, "--out", tmp_path / "out")
    try:
        wait_until(lambda: len(members_of(command.pid)) == 2)
        members = members_of(command.pid)
    finally:
        command.send_signal(signal.SIGKILL)
        command.wait()

    wait_until(lambda: not any(member.is_running() for member in members))


def test_what_a_share_raises_in_another_process_is_raised_here(tmp_path: Path) -> None:
    nowhere = Store("postgresql://nobody@127.0.0.1:9/none", {"bootstrap_servers": "127.0.0.1:9"}, Settings())
    portions: list[Portion] = [Consume(()), Refusing("the log was replaced")]

    with Crew(nowhere) as crew, pytest.raises(LogReplaced, match="the log was replaced"):
        crew.do(portions, "refusing", lambda *_: None)


def test_processes_that_say_much_and_fail_late_are_all_heard(tmp_path: Path) -> None:
    nowhere = Store("postgresql://nobody@127.0.0.1:9/none", {"bootstrap_servers": "127.0.0.1:9"}, Settings())
    heard: list[int] = []

    with Crew(nowhere) as crew:
        crew.do([Consume(()), Talking(), Talking()], "talking", lambda _, done, total: heard.append(done))
        assert heard[-1] == 2 * Talking.MESSAGES
        with pytest.raises(LogReplaced):
            crew.do([Talking(), Talking(), Refusing("replaced")], "talking", lambda *_: None)
        # Those of a portion that failed are no longer counted on; others take their place.
        assert crew.size == 1
        heard.clear()
        crew.do([Consume(()), Talking()], "talking", lambda _, done, total: heard.append(done))
        assert heard[-1] == Talking.MESSAGES


class Talking:
    """A portion that is all progress, more of it than a line holds unread."""

    MESSAGES = 2_000

    def do(self, hands: Hands, on_portion: OnPortion) -> None:
        for number in range(1, self.MESSAGES + 1):
            on_portion(number, self.MESSAGES)


class Refusing:
    """A portion that cannot be done."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence

    def do(self, hands: Hands, on_portion: OnPortion) -> None:
        raise LogReplaced(self.sentence)
