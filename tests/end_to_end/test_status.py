"""A system shows what it does: its pieces, how far they are, what waits; also when it is stopped or half away."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import psutil
import psycopg
import pytest

from consumers.publisher import Outgoing, publish
from consumers.topics import DEFAULT_PARTITIONS
from contracts.messages import INBOUND_TOPICS, TOPIC_OF
from contracts.topic_roles import ROLES
from projections.registry import KEPT_UP
from projections.schema import migrate
from tests.end_to_end.running import PROJECT_ROOT, Home, Inside, Process
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.waiting import wait_until
from wattledger.embedded.kafka import EmbeddedKafka, options_of_login
from wattledger.settings import default_cache_dir

# When a line was logged, as it begins.
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
ALL = ["clock", "consume", "consume", "load", "project", "up", "webhooks"]
EVENTS = [operator(), tariff(), *session("S-1")]


def status(home: Home) -> dict[str, Any]:
    found: dict[str, Any] = home.json("status")
    return found


def pieces_in(found: dict[str, Any], state: str) -> list[str]:
    return [each["piece"] for each in found["pieces"] if each["state"] == state]


def behind(found: dict[str, Any]) -> int:
    return max(int(each["events_behind"]) for each in found["projections"])


def pid_of(found: dict[str, Any], piece: str) -> int:
    return next(int(each["pid"]) for each in found["pieces"] if each["piece"] == piece)


def send(home: Home, events: list[dict[str, Any]]) -> None:
    records = [Outgoing(TOPIC_OF[event["type"]], b"key", orjson.dumps(event)) for event in events]
    kafka = status(home)["kafka"]
    passwords = {each["username"]: each["password"] for each in kafka["logins"]}
    # Our own login, which may do everything, is not among them.
    assert set(passwords) == set(ROLES)
    own = EmbeddedKafka(home.data_dir, default_cache_dir()).login
    asyncio.run(publish(options_of_login(kafka["address"], own), records))


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[Home, Process]]:
    """A live system of two consumers whose pieces have all given a sign of life."""
    home = Inside(tmp_path, PROCESSES="2").made_ahead()
    process = home.start("up")
    try:
        wait_until(lambda: "WattLedger is up" in home.log.read_text())
        wait_until(lambda: pieces_in(status(home), "alive") == ALL)
        yield home, process
    finally:
        process.kill()
        process.wait()


def see_what_stands_still(home: Home) -> None:
    """First consumers and then a projector stand still, and go on."""
    found = status(home)
    consumers = [psutil.Process(each["pid"]) for each in found["pieces"] if each["piece"] == "consume"]
    projector = psutil.Process(pid_of(found, "project"))
    for each in consumers:
        each.suspend()
    send(home, EVENTS)
    wait_until(lambda: status(home)["intake"]["lag"] == len(EVENTS))
    projector.suspend()
    for each in consumers:
        each.resume()
    wait_until(lambda: status(home)["intake"]["lag"] == 0 < behind(status(home)))
    wait_until(lambda: "project" in pieces_in(status(home), "silent"))
    stuck = next(each for each in status(home)["projections"] if each["events_behind"])
    assert stuck["seconds_behind"] > 5
    projector.resume()
    wait_until(lambda: behind(found := status(home)) == 0 and pieces_in(found, "alive") == ALL)


def test_a_live_system_is_shown_at_work_and_what_stands_still_by_its_lag(live: tuple[Home, Process]) -> None:
    home, process = live
    found = status(home)
    assert found["postgresql"]["state"] == found["kafka"]["state"] == "up"
    assert re.fullmatch(r"127\.0\.0\.1:\d+, database wattledger", found["postgresql"]["address"])
    assert (found["intake"]["lag"], behind(found), found["verified"], found["missing"]) == (0, 0, None, [])
    assert found["disk"]["data_bytes"] > 1_000_000 < found["disk"]["free_bytes"]

    see_what_stands_still(home)
    found = status(home)
    assert found["entries"] > 0
    assert found["rates"]["records_per_s"] >= 0
    assert found["sessions"] == {"RATED": 1}
    (runs,) = found["runs"]
    assert runs["operator_id"] == "OP-1"
    wait_until(lambda: not status(home)["runs"][0]["due"])

    # What is killed is started again, and takes the place of the one that was.
    clock = pid_of(found, "clock")
    os.kill(clock, signal.SIGKILL)
    wait_until(lambda: pieces_in(found := status(home), "alive") == ALL and pid_of(found, "clock") != clock)

    assert home.json("verify")["passed"] is True
    verified = status(home)["verified"]
    assert (verified["passed"], verified["findings"]) == (True, 0)
    assert "the book holds" in home.run("status").decode()
    process.terminate()
    assert process.wait(180) == 0, home.log.read_text()
    stopped = status(home)
    assert (stopped["pieces"], stopped["postgresql"]["state"]) == ([], "started for this command")
    assert stopped["missing"] == ["consume", "project", "clock"]
    assert (stopped["kafka"]["state"], stopped["intake"]["lag"]) == ("away", None)


def test_what_was_killed_all_at_once_has_ended(live: tuple[Home, Process]) -> None:
    home, process = live
    pieces = [psutil.Process(each["pid"]) for each in status(home)["pieces"]]
    # Stopped, `up` starts none of them again; killed last, it leaves none of them the time to end in order.
    process.send_signal(signal.SIGSTOP)
    for each in pieces:
        if each.pid != process.pid:
            each.kill()
    process.kill()
    process.wait()
    wait_until(lambda: pieces_in(status(home), "ended") == ALL)


def test_brokers_that_are_away_are_told_and_everything_else_with_them(database_url: str, tmp_path: Path) -> None:
    migrate(database_url)
    found = status(Inside(tmp_path, DATABASE_URL=database_url, KAFKA_BOOTSTRAP="127.0.0.1:1"))
    assert found["kafka"]["state"] == "away"
    assert "127.0.0.1:1" in found["kafka"]["reason"]
    assert (found["intake"]["lag"], found["disk"], found["postgresql"]["state"]) == (None, None, "up")
    assert {each["name"] for each in found["projections"]} == set(KEPT_UP)


def test_a_database_of_ones_own_that_is_away_is_said_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    home = Inside(tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    said = home.run("status", status=1).decode()
    assert time.monotonic() - began < 30
    assert said.startswith("wattledger: the database does not answer"), said


def test_brokers_that_nobody_started_yet_have_no_folder(database_url: str, tmp_path: Path) -> None:
    migrate(database_url)
    found = status(home := Inside(tmp_path, DATABASE_URL=database_url))
    assert (found["kafka"]["state"], found["disk"]["data_bytes"]) == ("away", 0)
    assert found["disk"]["free_bytes"] > 0
    assert not home.data_dir.exists()


def test_what_is_on_disk_is_what_files_take_and_not_how_long_they_are(database_url: str, tmp_path: Path) -> None:
    migrate(database_url)
    home = Inside(tmp_path, DATABASE_URL=database_url)
    home.data_dir.mkdir()
    with (home.data_dir / "index").open("wb") as file:
        file.truncate(1_000_000_000)
    assert status(home)["disk"]["data_bytes"] < 1_000_000


def test_brokers_that_hang_hold_no_look_up(database_url: str, tmp_path: Path) -> None:
    migrate(database_url)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        found = status(Inside(tmp_path, DATABASE_URL=database_url, KAFKA_BOOTSTRAP=address))
    assert found["kafka"]["reason"].startswith("Kafka does not answer within 3 s")


def test_watching_goes_on_until_it_is_told_to_end(database_url: str, tmp_path: Path) -> None:
    migrate(database_url)
    home = Home(tmp_path, DATABASE_URL=database_url, KAFKA_BOOTSTRAP="127.0.0.1:1")
    process = home.start("status", "--watch", "--json")
    wait_until(lambda: home.log.read_text().count('"outbox"') >= 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(180) == 0
    assert all(orjson.loads(line)["pieces"] == [] for line in home.log.read_bytes().splitlines())


class Terminal:
    """A program on a terminal of its own, 70 characters wide, with all that it shows there."""

    def __init__(self, home: Home, *words: str) -> None:
        self.shown = b""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 70, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, *words],
            cwd=PROJECT_ROOT,
            env=home.environment | {"TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        Thread(target=self._read, args=(ours,), daemon=True).start()

    def _read(self, ours: int) -> None:
        try:
            while more := os.read(ours, 65_536):
                self.shown += more
        except OSError:  # Linux says so when nobody has the other end any more.
            os.close(ours)

    @property
    def lines(self) -> list[str]:
        """What was shown; what moves the cursor or wipes a line away begins a new one."""
        return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\r", b"\n", self.shown).decode().splitlines()


def test_a_low_terminal_shows_what_waits_before_what_is_cut_off(database_url: str, tmp_path: Path) -> None:
    """Of seven topics and a contract a page has more than the thirty rows that are there."""
    with closing(Engine(database_url)) as engine:
        engine.feed(EVENTS)
    home = Home(tmp_path, DATABASE_URL=database_url, KAFKA_BOOTSTRAP="127.0.0.1:1")
    terminal = Terminal(home, "-m", "wattledger.cli", "status", "--watch")
    try:
        wait_until(lambda: any("last verify" in line for line in terminal.lines))
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(180) == 0
    finally:
        terminal.process.kill()
        terminal.process.wait()


def test_on_a_terminal_a_line_is_kept_below_what_is_logged(tmp_path: Path) -> None:
    partitions = len(INBOUND_TOPICS) * DEFAULT_PARTITIONS
    home = Inside(tmp_path, PROCESSES="1").made_ahead()
    terminal = Terminal(home, "-m", "wattledger.cli", "up")
    try:
        wait_until(lambda: b"pieces 6" in terminal.shown)
        wait_until(lambda: f"reading {partitions} partitions".encode() in terminal.shown)
        clock = pid_of(status(home), "clock")
        os.kill(clock, signal.SIGKILL)
        wait_until(lambda: b"clock ended with status -9" in terminal.shown)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(180) == 0
    finally:
        terminal.process.kill()
        terminal.process.wait()
    # Each line that was logged is whole, whoever logged it, in the form of all logs.
    lines = terminal.lines
    ended = r"\S+Z up WARNING clock ended with status -9; it is started again in \d+ s"
    assert any(re.fullmatch(ended, line) for line in lines), lines
    reading = rf"\S+Z consume-1 INFO reading {partitions} partitions on from their stored positions"
    assert any(re.fullmatch(reading, line) for line in lines), lines
    assert any(line.startswith("WattLedger is up") and line.endswith(str(home.data_dir)) for line in lines), lines
    assert any(line.startswith("pieces 6") and "Kafka 0 behind" in line for line in lines), lines


TELLING = """
import logging
from wattledger.logs import say, set_up_logging
from wattledger.views.live_line import live_line
set_up_logging("INFO", piece="up")
with live_line() as line:
    line.tell("below")
    say("said " + "in many words " * 20)
    logging.getLogger("any").error("[bold]logged[/] %s", "in many words " * 20, extra={"session": "S-1"})
    try:
        1 / 0
    except ZeroDivisionError:
        logging.getLogger("any").exception("it broke")
logging.getLogger("any").error("after it")
"""


def test_above_the_line_json_is_one_object_a_line(tmp_path: Path) -> None:
    terminal = Terminal(Home(tmp_path, LOG_FORMAT="json"), "-c", TELLING)
    assert terminal.process.wait(180) == 0
    wait_until(lambda: b"after it" in terminal.shown)
    said = [orjson.loads(line) for line in terminal.lines if line.startswith("{")]
    assert [each["message"].split(" ", 1)[0] for each in said] == ["said", "[bold]logged[/]", "it", "after"]
    assert said[2]["exception"] == {"type": "ZeroDivisionError", "message": "division by zero"}
    assert {line for line in terminal.lines if line and not line.startswith("{")} == {"below"}


def test_the_database_can_be_read_by_hand_and_not_changed(database_url: str, tmp_path: Path) -> None:
    migrate(database_url)
    home = Home(tmp_path, DATABASE_URL=database_url)
    ask = "SELECT current_user || ' ' || count(*) FROM book.entry"
    assert home.run("psql", "--", "-tAc", ask).decode().strip() == "wattledger_reader 0"
    ask = "SELECT current_user || ' ' || count(*) FROM intake.message"
    assert home.run("psql", "--everything", "--", "-tAc", ask).decode().strip() == "wattledger_auditor 0"
    home.run("psql", "--", "-c", ask, status=1)

    url = home.run("psql", "--print").decode().strip()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT current_user::text").fetchone() == ("wattledger_reader",)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE mine (id int)")


def test_a_store_that_is_stopped_is_read_by_hand_and_has_no_address(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.run("migrate")
    assert home.run("psql", "--", "-tAc", "SELECT count(*) FROM book.entry").decode().strip() == "0"
    home.run("psql", "--print", status=1)
