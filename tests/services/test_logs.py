"""Logs as people, files and collectors get them: one line each, however long, in one form whoever speaks."""

import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT_ROOT
from tests.end_to_end.running import Home
from tests.support.waiting import wait_until
from wattledger.cli import main
from wattledger.failures import report
from wattledger.logs import set_up_logging

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (\S+) (\w+) (.*)")
SENTENCE = "it is told in many words " * 40


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """The handlers and hooks of before, also those of pytest."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers), threading.excepthook)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    threading.excepthook = before[2]
    logging.captureWarnings(capture=False)


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, str]]:
    """Piece, level and rest of each line on standard error, each in the form of the project."""
    matches = [LINE.fullmatch(line) for line in capsys.readouterr().err.splitlines()]
    assert all(matches)
    return [(found[1], found[2], found[3]) for found in matches if found]


def objects_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The objects on standard error, one a line."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def fail() -> None:
    """Log an error with its traceback, as code does that does not know who reads."""
    try:
        raise LookupError("nothing\nthere")
    except LookupError:
        logging.getLogger("a piece").exception("it broke", extra={"session": "S-1"})


@pytest.mark.parametrize("terminal", [False, True])
def test_each_log_is_one_line_with_time_piece_level_and_fields(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    set_up_logging("INFO", piece="consume 1")
    logging.getLogger("any").error("%s", SENTENCE, extra={"session": "S-1", "partition": "charging.sessions/3"})
    logging.getLogger("any").warning("and then\nsome\x1b[2J", extra={"payout": "with a space"})
    logging.getLogger("any").debug("not this")
    assert lines_of(capsys) == [
        ("consume-1", "ERROR", f"{SENTENCE.strip()} session=S-1 partition=charging.sessions/3"),
        ("consume-1", "WARNING", 'and then some [2J payout="with a space"'),
    ]


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTLEDGER_LOG_FORMAT", "json")
    set_up_logging("INFO", piece="project")
    logging.getLogger("any").info("%s\nthere", SENTENCE, extra={"payout": "P", "offset": 3, "path": Path("x")})
    [said] = objects_of(capsys)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z", said.pop("time"))
    assert said == {
        "level": "INFO",
        "piece": "project",
        "logger": "any",
        "message": f"{SENTENCE} there",
        "fields": {"payout": "P", "offset": 3, "path": "x"},
    }


def test_a_traceback_is_shown_under_debug_alone(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("DEBUG", piece="project")
    fail()
    assert lines_of(capsys) == [("project", "ERROR", "it broke: LookupError: nothing there session=S-1")]
    set_up_logging("DEBUG", debug=True, piece="project")
    fail()
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith("it broke: LookupError: nothing there session=S-1")
    assert rest[0] == "Traceback (most recent call last):"


def test_an_exception_is_a_field_of_json_with_its_traceback_under_debug_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATTLEDGER_LOG_FORMAT", "json")
    set_up_logging("INFO")
    fail()
    set_up_logging("DEBUG", debug=True)
    fail()
    plain, debugged = objects_of(capsys)
    assert plain["exception"] == {"type": "LookupError", "message": "nothing there"}
    assert plain["message"] == "it broke"
    assert 'raise LookupError("nothing\\nthere")' in debugged["exception"]["traceback"]


def test_libraries_warnings_and_threads_speak_in_the_same_form(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import faststream.kafka  # noqa: F401 - it brings a handler of its own

    monkeypatch.setenv("WATTLEDGER_LOG_FORMAT", "json")
    set_up_logging("INFO")
    logging.getLogger("faststream").critical("very wrong", extra={"topic": "t"})
    logging.getLogger("aiokafka.consumer").critical("as well")
    logging.getLogger("aiokafka.consumer").error("tried again")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("of old", UserWarning, stacklevel=1)
    thread = threading.Thread(target=lambda: 1 / 0, name="worker")
    thread.start()
    thread.join()
    said = objects_of(capsys)
    assert [each["logger"] for each in said] == ["faststream", "aiokafka.consumer", "py.warnings", "wattledger"]
    assert said[-1]["message"] == "thread worker ended"
    assert said[-1]["exception"]["type"] == "ZeroDivisionError"


def test_errors_and_misuse_of_a_command_are_json_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATTLEDGER_LOG_FORMAT", "json")
    assert main(["balances", "--no-such-option"]) == 2
    assert report(OSError("the disk is full; make room"), debug=False) == 1
    misuse, failure = objects_of(capsys)
    assert (misuse["level"], misuse["piece"]) == ("ERROR", "balances")
    assert failure["exception"] == {"type": "OSError", "message": "the disk is full; make room"}


def test_another_format_is_refused_with_what_there_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATTLEDGER_LOG_FORMAT", "xml")
    assert main(["balances"]) == 1
    assert capsys.readouterr().err == "wattledger: WATTLEDGER_LOG_FORMAT is 'xml': set it to text or json\n"


def test_what_a_log_is_about_is_a_field() -> None:
    """Whatever names a session, payout or partition in its text has it as a field: told by the calls themselves."""
    call = re.compile(r"_log\.\w+\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)")
    told = re.compile(r"\b(session|payout) %s|\bpartition %s|of %s before", re.IGNORECASE)
    bare = []
    for package in ("consumers", "engine", "ledger", "projections", "wattledger"):
        for path in sorted((PROJECT_ROOT / package).rglob("*.py")):
            found = call.findall(path.read_text(encoding="utf-8"))
            bare += [each for each in found if told.search(each) and "extra=" not in each]
    assert not bare


def test_a_live_system_whose_database_is_stopped_says_so_in_json_lines_without_traceback(tmp_path: Path) -> None:
    home = Home(tmp_path, PROCESSES="1", LOG_FORMAT="json", METRICS_PORT="0").made_ahead()
    process = home.start("up")
    try:
        wait_until(lambda: "reading" in home.log.read_text())
        assert home.kill("postgresql")
        wait_until(lambda: "PostgreSQL had ended; started again" in home.log.read_text())
        wait_until(lambda: "trying again" in home.log.read_text())
        process.terminate()
        assert process.wait(180) == 0, home.log.read_text()
    finally:
        process.kill()
        process.wait()
    said = [json.loads(line) for line in home.log.read_bytes().splitlines()]
    assert {each["piece"] for each in said} >= {"up", "consume-1"}
    assert any(each["message"].startswith("consume answers at http://") for each in said)
    assert all({"time", "level", "piece", "logger", "message", "fields"} <= set(each) for each in said)
    assert "Traceback" not in home.log.read_text()
