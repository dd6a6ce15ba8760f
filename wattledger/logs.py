"""What goes to standard error: one line each with time, piece, level and fields, or one JSON object a line.

`WATTLEDGER_LOG_FORMAT=json` has everything in JSON, errors of a command too. Loads nothing but the standard library,
since every command says something here.
"""

import json
import logging
import os
import re
import sys
import threading
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

# Of what these say, only what is very wrong is shown: everything else is tried again, and where it lasts the engine
# says so itself.
_NOISY_LIBRARIES = ("aiokafka", "faststream", "asyncio", "httpx", "httpcore")

# What every record has; whatever else is on one was given as `extra` and is a field.
_OF_EVERY_RECORD = frozenset(
    {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message", "piece"}
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PLAIN_VALUE = re.compile(r'[^\s"=]+')


@dataclass(frozen=True, slots=True)
class LogForm:
    """How a process logs: the least level, whether tracebacks are shown, and what it calls itself."""

    level: str
    debug: bool
    piece: str


_form = LogForm("WARNING", debug=False, piece="wattledger")


def wants_json() -> bool:
    """Whether all that goes to standard error is JSON, by the environment: errors come before settings are read."""
    return any(name.upper() == "WATTLEDGER_LOG_FORMAT" and text == "json" for name, text in os.environ.items())


def name_piece(words: list[str]) -> None:
    """Call this process what its command is: `consume`, `project`, `settle`, and `clock` for `payouts run`."""
    global _form
    first = next((word for word in words if not word.startswith("-")), "wattledger")
    _form = LogForm(_form.level, _form.debug, "clock" if words[:2] == ["payouts", "run"] else first)


def this_form() -> LogForm:
    """How this process logs, for one that it starts to share its work."""
    return _form


def set_up_logging(level: str, *, debug: bool = False, piece: str | None = None) -> None:
    """Send all logs to standard error in the project's form, those of libraries, warnings and threads among them.

    The libraries below speak up only when something is very wrong. Tracebacks are shown with `debug` alone.
    """
    global _form
    _form = LogForm(level, debug, "-".join((piece or _form.piece).split()))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(_form) if wants_json() else TextLines(_form))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    threading.excepthook = _log_thread_failure
    silence_libraries()


def silence_libraries() -> None:
    """Have noisy libraries speak up only when something is very wrong, and by no handlers of their own."""
    for name in _NOISY_LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and name.partition(".")[0] in _NOISY_LIBRARIES:
            logger.handlers.clear()
            logger.propagate = True


class TextLines(logging.Formatter):
    """`TIME PIECE LEVEL MESSAGE name=value ...`, never wrapped; a traceback follows it with --debug."""

    def __init__(self, form: LogForm) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        words = [_time(record), self._form.piece, record.levelname, one_line(record.getMessage())]
        error = _error_of(record)
        if error is not None:
            words[-1] += f": {type(error).__name__}: {one_line(str(error))}"
        words += [f"{name}={_text_value(value)}" for name, value in _fields(record).items()]
        line = " ".join(words)
        if error is not None and self._form.debug:
            line += "\n" + "".join(traceback.format_exception(error)).rstrip("\n")
        return line


class JsonLines(logging.Formatter):
    """One JSON object: `time`, `level`, `piece`, `logger`, `message`, `fields`, and `exception` if there is one."""

    def __init__(self, form: LogForm) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """One line; what JSON has no form for is told by its text."""
        document: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname,
            "piece": self._form.piece,
            "logger": record.name,
            "message": one_line(record.getMessage()),
            "fields": _fields(record),
        }
        error = _error_of(record)
        if error is not None:
            document["exception"] = {"type": type(error).__name__, "message": one_line(str(error))}
            if self._form.debug:
                document["exception"]["traceback"] = "".join(traceback.format_exception(error))
        return json.dumps(document, default=str)


def say(sentence: str, *, level: int = logging.INFO, error: BaseException | None = None, prefix: str = "") -> None:
    """A line for whoever looks on, whatever is logged: the sentence as it is, or as an object where logs are JSON."""
    line = one_line(sentence)
    if wants_json():
        told = (type(error), error, error.__traceback__) if error is not None else None
        line = JsonLines(_form).format(logging.LogRecord("wattledger", level, "", 0, line, None, told))
    else:
        line = f"{prefix}{line}"
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def one_line(text: str) -> str:
    """Text without line ends, tabs and control characters, which could forge a line or move a terminal's cursor."""
    return _CONTROL.sub(" ", text).strip()


def _log_thread_failure(failed: threading.ExceptHookArgs) -> None:
    name = failed.thread.name if failed.thread is not None else "unknown"
    if failed.exc_value is not None and not isinstance(failed.exc_value, SystemExit):
        logging.getLogger("wattledger").error("thread %s ended", name, exc_info=failed.exc_value)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _OF_EVERY_RECORD}


def _error_of(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


def _text_value(value: Any) -> str:
    text = one_line(str(value))
    return text if _PLAIN_VALUE.fullmatch(text) else json.dumps(text)
