"""Whether two settlements left the same files, and where they differ first."""

import re
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeAlias

import orjson

Reading: TypeAlias = Callable[[Path], list[bytes]]

_SHOWN_CHARS = 700


def difference(expected: Path, found: Path, readings: dict[str, Reading], *, made_later: bool = False) -> str:
    """The first difference between two folders of files, by these readings of them; empty when there is none.

    Bank files that are `made_later`, by a wall clock, say so, and ask for a later day than that of their run.
    """
    for name, reading in readings.items():
        lines = zip_longest(reading(expected / name), reading(found / name), fillvalue=b"")
        for number, (one, other) in enumerate(lines, 1):
            if one != other:
                return f"{name}, line {number}:\n  {_excerpt(one, other)}\n  {_excerpt(other, one)}"
    return _file_difference(expected / "batches", found / "batches", _WHEN_MADE if made_later else None)


def _excerpt(line: bytes, other: bytes) -> str:
    """A line from a little before where it departs from the other."""
    same = next((at for at, pair in enumerate(zip(line, other, strict=False)) if pair[0] != pair[1]), 0)
    return line[max(0, same - 300) : same + _SHOWN_CHARS].decode(errors="replace")


_WHEN_MADE = re.compile(rb"<(CreDtTm|ReqdExctnDt)>.*?</\1>", re.DOTALL)


def _file_difference(expected: Path, found: Path, left_out: re.Pattern[bytes] | None) -> str:
    one, other = ({path.name: _without(left_out, path) for path in folder.iterdir()} for folder in (expected, found))
    differing = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    return f"batches: {len(differing)} files differ, {differing[0]} first" if differing else ""


def _without(left_out: re.Pattern[bytes] | None, path: Path) -> bytes:
    return left_out.sub(b"", path.read_bytes()) if left_out else path.read_bytes()


def _as_it_is(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def _payouts_without_entries(path: Path) -> list[bytes]:
    return [_text(payout | {"entry_ids": []}) for payout in map(orjson.loads, path.read_bytes().splitlines())]


def _balances_of_accounts(path: Path) -> list[bytes]:
    book = orjson.loads(path.read_bytes())
    return [
        _text({account: sums["balance"], "currency": currency})
        for currency, accounts in book.items()
        for account, sums in accounts.items()
    ]


def _what_stands(path: Path) -> list[bytes]:
    """The journal without entries that were reversed at their own effective time, and without entry ids."""
    entries = {entry["entry_id"]: entry for entry in map(orjson.loads, path.read_bytes().splitlines())}
    return sorted(_text(_anonymous(entry)) for entry in _standing(entries))


def _standing(entries: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    paired = set()
    for entry_id, entry in entries.items():
        mirrored = entries.get(entry.get("reverses", ""))
        if mirrored is not None and mirrored["effective_at"] == entry["effective_at"]:
            paired |= {entry_id, mirrored["entry_id"]}
    return (entry for entry_id, entry in entries.items() if entry_id not in paired)


def _anonymous(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in ("entry_id", "reverses")}


def _text(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document)


_SAME_IN_ANY_CASE = ("sessions.jsonl", "cdrs.jsonl", "balances.json", "findings.jsonl")

# All bytes, as for a history in which nothing posted was ever mended.
BYTE_EQUAL: dict[str, Reading] = dict.fromkeys((*_SAME_IN_ANY_CASE, "payouts.jsonl", "trial_balance.json"), _as_it_is)

# Also those that tell what happened on the way, for calls that took in the same records in the same order.
REPEATED = BYTE_EQUAL | {"journal.jsonl": _as_it_is, "deadletter.jsonl": _as_it_is}

# Where late facts may have mended the book: the traces of mending (debits and credits, entry ids) apart.
MENDING_APART: dict[str, Reading] = {
    **dict.fromkeys(_SAME_IN_ANY_CASE, _as_it_is),
    "payouts.jsonl": _payouts_without_entries,
    "trial_balance.json": _balances_of_accounts,
    "journal.jsonl": _what_stands,
}
