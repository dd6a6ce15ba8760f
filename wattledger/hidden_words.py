"""Hides a word that was given on the command line from everybody who lists processes.

What `/proc/PID/cmdline` shows is memory of the process itself, between two addresses that `/proc/self/stat` tells
(proc(5), arg_start), so that a word can be written over. Whoever looked before has seen it: nobody sees what is given
by standard input.
"""

from itertools import pairwise
from pathlib import Path

_CMDLINE, _STAT = Path("/proc/self/cmdline"), Path("/proc/self/stat")
# Which field of stat arg_start is, counted behind the name of the process, which may have spaces itself.
_ARG_START = 45


def hide_value_of(option: str) -> bool:
    """Write `x` over the value of an option of this process, wherever it stands; whether it is hidden now."""
    import ctypes

    try:
        words = _CMDLINE.read_bytes().split(b"\0")
        at = int(_STAT.read_text().rpartition(")")[2].split()[_ARG_START])
        name, is_value = option.encode(), False
        for word in words:
            hidden = len(word) if is_value else 0
            if word.startswith(name + b"="):
                hidden = len(word) - len(name) - 1
            if hidden and word != b"-":
                ctypes.memset(at + len(word) - hidden, ord("x"), hidden)
            is_value = word == name
            at += len(word) + 1
        shown = _CMDLINE.read_bytes().split(b"\0")
    except (OSError, ValueError, IndexError):
        return False
    return all(set(value) <= set(b"x-") for value in _values(shown, name))


def _values(words: list[bytes], name: bytes) -> list[bytes]:
    following = [word for before, word in pairwise(words) if before == name]
    return following + [word[len(name) + 1 :] for word in words if word.startswith(name + b"=")]
