"""The checker of an export: a stranger runs it with what was kept elsewhere, and no tampering passes."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from ledger.book.anchors import Reason, anchor
from ledger.book.proofs import consistency, inclusion
from ledger.database import Role, connect
from ledger.gateway import Gateway
from projections.export import export
from projections.proofs import check
from tests.conftest import Stores
from tests.projections.builders import PLATFORM
from tests.support.engine import Engine
from tests.support.examples import examples
from wattledger.anchor_keys import PrivateKey, anchor_signer, outside_keys, rotate
from wattledger.demo.network import network
from wattledger.settings import Settings

TIMES = examples(3)


class Exported(NamedTuple):
    """An export, an older one of the same book, and what somebody kept of both: public keys, and the last root."""

    folder: Path
    older: Path
    keys: Path
    root: str


@pytest.fixture(scope="module")
def exported(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A small book, anchored four times by two keys, with proofs beside the export."""
    place = tmp_path_factory.mktemp("exported")
    settings, folder, older = Settings(data_dir=place / "data"), place / "new", place / "old"
    with stores() as dsn:
        engine, lines, gateway = Engine(dsn), list(network(seed=7, sessions=24)), Gateway(dsn)
        for part in range(4):
            engine.feed(lines[part * len(lines) // 4 : (part + 1) * len(lines) // 4])
            engine.advance()
            assert anchor(gateway, Reason.BATCH, partial(anchor_signer, settings), "UTC") is not None
            if part == 1:
                rotate(settings, gateway, lost=False)
                export(dsn, older, PLATFORM, proofs=True)
        engine.close()
        gateway.close()
        export(dsn, folder, PLATFORM, proofs=True)
        with connect(dsn, Role.AUDITOR) as connection:
            _write_proofs(connection, folder)
    (place / "keys.json").write_text(json.dumps(outside_keys(settings)))
    return Exported(folder, older, place / "keys.json", _lines(folder / "proofs" / "anchors.jsonl")[-1]["root"])


def _write_proofs(connection: psycopg.Connection[Any], folder: Path) -> None:
    cursor = connection.cursor()
    ids = [row[0] for row in cursor.execute("SELECT entry_id FROM book.leaf ORDER BY index").fetchall()]
    for place, entry_id in ((0, ids[0]), (1, ids[-1]), (2, ids[len(ids) // 2])):
        _write(folder / "proofs" / f"inclusion-{place}.json", inclusion(cursor, entry_id))
    for old, new in ((1, 2), (2, 4)):
        _write(folder / "proofs" / f"consistency-{old}.json", consistency(cursor, old, new))


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document))


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _write_lines(path: Path, documents: list[Any]) -> None:
    path.write_text("".join(f"{json.dumps(each)}\n" for each in documents))


def _check(folder: Path, exported: Exported, *more: str) -> int:
    return check.main([str(folder), "--keys", str(exported.keys), "--root", exported.root, *more])


def test_a_stranger_checks_an_export_with_the_file_that_is_in_it(exported: Exported, tmp_path: Path) -> None:
    folder = shutil.copytree(exported.folder, tmp_path / "sent")
    # Isolated: without this project, its packages and its environment.
    words = [sys.executable, "-I", "-S", str(folder / "check.py"), str(folder)]
    done = subprocess.run(
        [*words, "--keys", str(exported.keys), "--root", exported.root],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("all agrees: ")
    assert "4 anchors of book" in done.stdout


def test_without_keys_of_ones_own_it_says_that_nothing_but_itself_is_compared(
    exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main([str(exported.folder)]) == 0
    assert "the keys are those of the export itself" in capsys.readouterr().out


def test_whoever_trusts_the_first_key_trusts_what_it_introduced(exported: Exported, tmp_path: Path) -> None:
    first = _lines(exported.folder / "proofs" / "introductions.jsonl")[0]
    _write(tmp_path / "keys.json", {first["key_id"]: first["public_key"]})
    assert check.main([str(exported.folder), "--keys", str(tmp_path / "keys.json")]) == 0


def test_a_proof_alone_is_checked_by_the_keys_that_one_had(
    exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in sorted((exported.folder / "proofs").glob("*-*.json")):
        assert check.main([str(path), "--keys", str(exported.keys)]) == 0
        assert check.main([str(path)]) == 1
        assert "a proof alone brings no keys" in capsys.readouterr().out


def test_entries_behind_the_last_anchor_are_refused_unless_they_are_taken(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(exported.older, tmp_path / "mixed")
    shutil.copy(exported.folder / "journal.jsonl", folder / "journal.jsonl")
    assert check.main([str(folder)]) == 1
    assert "it was added, or is newer than the last anchor" in capsys.readouterr().out
    assert check.main([str(folder), "--newer"]) == 0
    assert "are in no anchor and are not proved" in capsys.readouterr().out


def test_what_cannot_be_read_is_refused_in_a_sentence(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main([str(tmp_path / "none")]) == 2
    assert check.main([str(tmp_path)]) == 1
    assert check.main([str(exported.folder), "--root", "00"]) == 2
    (tmp_path / "keys.json").write_text('{"00": "eA=="}')
    assert check.main([str(exported.folder), "--keys", str(tmp_path / "keys.json")]) == 2
    told = capsys.readouterr()
    assert "Traceback" not in told.err + told.out


# What somebody does to an export, by a random source, with all that is in it, but neither key nor root of others.
Tampering = Callable[[Path, Exported, random.Random], None]


def _in_lines(name: str, change: Callable[[list[Any], random.Random], object]) -> Tampering:
    def tamper(folder: Path, _exported: Exported, chance: random.Random) -> None:
        lines = _lines(folder / name)
        change(lines, chance)
        _write_lines(folder / name, lines)

    return tamper


def _in_proof(kind: str, change: Callable[[dict[str, Any], random.Random], object]) -> Tampering:
    def tamper(folder: Path, _exported: Exported, chance: random.Random) -> None:
        path = chance.choice(sorted((folder / "proofs").glob(f"{kind}-*.json")))
        document = json.loads(path.read_text())
        change(document, chance)
        _write(path, document)

    return tamper


def _flip_bit(name: str) -> Tampering:
    def tamper(folder: Path, _exported: Exported, chance: random.Random) -> None:
        path = folder / name
        content = bytearray(path.read_bytes())
        # Of what is between the quotes and not of the white space around it.
        place = chance.choice([at for at, byte in enumerate(content) if chr(byte).isalnum()])
        content[place] ^= 1 << chance.randrange(7)
        path.write_bytes(bytes(content))

    return tamper


def _swap(lines: list[Any], chance: random.Random) -> None:
    first, second = sorted(chance.sample(range(len(lines)), 2))
    lines[first], lines[second] = lines[second], lines[first]


def _swap_and_number(lines: list[Any], chance: random.Random) -> None:
    _swap(lines, chance)
    for index, line in enumerate(lines):
        line["index"] = index


def _drop_and_number(lines: list[Any], chance: random.Random) -> None:
    del lines[chance.randrange(len(lines))]
    for index, line in enumerate(lines):
        line["index"] = index


def _add(lines: list[Any], chance: random.Random) -> None:
    made = json.loads(json.dumps(chance.choice(lines)))
    made["entry"] = made["entry"].replace(made["entry"].split("\n")[1], f"{chance.getrandbits(128):032x}")
    lines.insert(chance.randrange(len(lines) + 1), made)
    for index, line in enumerate(lines):
        line["index"] = index


def _amount(lines: list[Any], chance: random.Random) -> None:
    # Balanced, a hundred times as much.
    line = chance.choice(lines)
    head, postings = line["entry"].split("\n")[:10], line["entry"].split("\n")[10:-1]
    line["entry"] = "\n".join([*head, *(each.replace(" ", "00 ", 1) for each in postings), ""])


def _account(lines: list[Any], chance: random.Random) -> None:
    line = chance.choice(lines)
    line["postings"][0]["account"] += "X"


def _journal_amount(lines: list[Any], chance: random.Random) -> None:
    for posting in chance.choice(lines)["postings"]:
        posting["amount"] = posting["amount"].replace(".", "1.", 1) if "." in posting["amount"] else "7"


def _doubled(lines: list[Any], chance: random.Random) -> None:
    lines.insert(chance.randrange(len(lines)), chance.choice(lines))


def _drop(lines: list[Any], chance: random.Random) -> None:
    del lines[chance.randrange(len(lines))]


def _tail(lines: list[Any], chance: random.Random) -> None:
    del lines[-chance.randint(1, 3) :]


def _later(lines: list[Any], chance: random.Random) -> None:
    chance.choice(lines)["recorded_us"] += chance.choice([-1, 1, 1_000_000])


def _booked(lines: list[Any], chance: random.Random) -> None:
    chance.choice(lines)["booked_in"] = "2025-12"


def _signature(lines: list[Any], chance: random.Random) -> None:
    line = chance.choice(lines)
    signature = bytearray(b64decode(line["signature"]))
    signature[chance.randrange(64)] ^= 1 << chance.randrange(8)
    line["signature"] = b64encode(signature).decode()


def _reason(lines: list[Any], chance: random.Random) -> None:
    chance.choice(lines)["reason"] = "TIME"


def _older_export(folder: Path, exported: Exported, _chance: random.Random) -> None:
    shutil.copytree(exported.older, folder, dirs_exist_ok=True)


def _cut_off(folder: Path, _exported: Exported, chance: random.Random) -> None:
    """Everything as it was at an older anchor, each file agreeing with the others."""
    anchors = _lines(folder / "proofs" / "anchors.jsonl")[: chance.randint(1, 3)]
    leaves = _lines(folder / "proofs" / "leaves.jsonl")[: anchors[-1]["tree_size"]]
    known = {each["entry"].split("\n")[1] for each in leaves}
    journal = [each for each in _lines(folder / "journal.jsonl") if each["entry_id"].replace("-", "") in known]
    _write_lines(folder / "proofs" / "anchors.jsonl", anchors)
    _write_lines(folder / "proofs" / "leaves.jsonl", leaves)
    _write_lines(folder / "journal.jsonl", journal)
    for path in (folder / "proofs").glob("*-*.json"):
        path.unlink()


def _resigned(lines: list[Any], size: int, key: PrivateKey, root: str | None) -> None:
    """The anchors from one of a size on, chained and signed anew by another key."""
    previous = "0" * 64
    for line in lines:
        line |= {"previous": previous, "key_id": key.key_id}
        if root is not None and line["tree_size"] >= size:
            line["root"] = root
        text = check.Anchor(line | {"signature": ""}, "").text
        line["signature"] = b64encode(key.sign(text)).decode()
        previous = hashlib.sha256(text).hexdigest()


def _rewritten(folder: Path, _exported: Exported, chance: random.Random) -> None:
    """A leaf changed, all roots computed anew, all anchors signed anew, and the key put into the export."""
    leaves, anchors = _lines(folder / "proofs" / "leaves.jsonl"), _lines(folder / "proofs" / "anchors.jsonl")
    _later(leaves, chance)
    tree, roots = check.Tree(), dict[int, str]()
    for line in leaves:
        tree.append(check.leaf_hash(check.Entry(line["entry"], "").leaf(line["recorded_us"], line["booked_in"])))
        roots[tree.size] = tree.root().hex()
    for line in anchors:
        line["root"] = roots[line["tree_size"]]
    key = PrivateKey.new()
    _resigned(anchors, 0, key, None)
    _write_lines(folder / "proofs" / "leaves.jsonl", leaves)
    _write_lines(folder / "proofs" / "anchors.jsonl", anchors)
    _write(folder / "proofs" / "keys.json", {key.key_id: b64encode(key.public_key).decode()})
    introduction = check.Found(book=anchors[0]["book"], key_id=key.key_id, introduced_by=None, at_us=1)
    introduction["public_key"] = b64encode(key.public_key).decode()
    text = f"wattledger-anchor-key-1\n{introduction['book']}\n{key.key_id}\n{key.public_key.hex()}\n\n1\n".encode()
    introduction["signature"] = b64encode(key.sign(text)).decode()
    _write_lines(folder / "proofs" / "introductions.jsonl", [introduction])
    for path in (folder / "proofs").glob("*-*.json"):
        path.unlink()


def _other_key(folder: Path, _exported: Exported, chance: random.Random) -> None:
    """The same anchors, signed by somebody else under the id of a key that is trusted."""
    anchors, key = _lines(folder / "proofs" / "anchors.jsonl"), PrivateKey.new()
    line = chance.choice(anchors)
    line["signature"] = b64encode(key.sign(check.Anchor(line, "").text)).decode()
    _write_lines(folder / "proofs" / "anchors.jsonl", anchors)


def _introduced_by_nobody(folder: Path, _exported: Exported, chance: random.Random) -> None:
    """One key more, which says that it was introduced."""
    path, key = folder / "proofs" / "introductions.jsonl", PrivateKey.new()
    lines = _lines(path)
    made = chance.choice(lines) | {"key_id": key.key_id, "public_key": b64encode(key.public_key).decode()}
    _write_lines(path, [*lines, made | {"introduced_by": lines[0]["key_id"]}])


def _of_another_leaf(folder: Path, _exported: Exported, chance: random.Random) -> None:
    """The path of one leaf under the text of another."""
    paths = sorted((folder / "proofs").glob("inclusion-*.json"))
    first, second = (json.loads(path.read_text()) for path in chance.sample(paths, 2))
    _write(chance.choice(paths), first | {"leaf": second["leaf"], "entry": second["entry"]})


def _of_another_entry(folder: Path, _exported: Exported, chance: random.Random) -> None:
    """The leaf of one entry beside the text of another."""
    paths = sorted((folder / "proofs").glob("inclusion-*.json"))
    first, second = (json.loads(path.read_text()) for path in chance.sample(paths, 2))
    _write(chance.choice(paths), first | {"entry": second["entry"]})


def _path(document: dict[str, Any], chance: random.Random) -> None:
    path = document["path"]
    place = chance.randrange(len(path))
    what = chance.randrange(3)
    path[place : place + 1] = ([], [path[place], "00" * 32], ["11" * 32])[what]


def _numbered(document: dict[str, Any], chance: random.Random) -> None:
    document["index"] += chance.choice([-1, 1])


def _old_root(document: dict[str, Any], _chance: random.Random) -> None:
    document["old_root"] = document["new_root"]


TAMPERINGS: dict[str, Tampering] = {
    "a bit of a leaf flipped": _flip_bit("proofs/leaves.jsonl"),
    "a bit of an anchor flipped": _flip_bit("proofs/anchors.jsonl"),
    "a bit of the journal flipped": _flip_bit("journal.jsonl"),
    "two leaves swapped": _in_lines("proofs/leaves.jsonl", _swap),
    "two leaves swapped and numbered": _in_lines("proofs/leaves.jsonl", _swap_and_number),
    "a leaf dropped": _in_lines("proofs/leaves.jsonl", _drop),
    "a leaf dropped and the rest numbered": _in_lines("proofs/leaves.jsonl", _drop_and_number),
    "a leaf added": _in_lines("proofs/leaves.jsonl", _add),
    "the tail of the leaves cut": _in_lines("proofs/leaves.jsonl", _tail),
    "an amount of a leaf": _in_lines("proofs/leaves.jsonl", _amount),
    "when an entry was recorded": _in_lines("proofs/leaves.jsonl", _later),
    "the period that one is booked in": _in_lines("proofs/leaves.jsonl", _booked),
    "an account in the journal": _in_lines("journal.jsonl", _account),
    "amounts in the journal": _in_lines("journal.jsonl", _journal_amount),
    "an entry of the journal dropped": _in_lines("journal.jsonl", _drop),
    "an entry of the journal doubled": _in_lines("journal.jsonl", _doubled),
    "an anchor dropped": _in_lines("proofs/anchors.jsonl", _drop),
    "two anchors swapped": _in_lines("proofs/anchors.jsonl", _swap),
    "the tail of the anchors cut": _in_lines("proofs/anchors.jsonl", _tail),
    "a signature": _in_lines("proofs/anchors.jsonl", _signature),
    "a reason": _in_lines("proofs/anchors.jsonl", _reason),
    "an older tree": _older_export,
    "all cut at an older anchor": _cut_off,
    "another key": _other_key,
    "a key that nobody introduced": _introduced_by_nobody,
    "the chain rewritten": _rewritten,
    "a proof of another leaf": _of_another_leaf,
    "a proof of another entry": _of_another_entry,
    "a path": _in_proof("inclusion", _path),
    "a place": _in_proof("inclusion", _numbered),
    "a path between trees": _in_proof("consistency", _path),
    "a root of before": _in_proof("consistency", _old_root),
}


@pytest.mark.parametrize("tampering", TAMPERINGS.values(), ids=TAMPERINGS)
def test_tampering_with_an_export_is_found(
    tampering: Tampering, exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _check(exported.folder, exported) == 0
    for seed in range(TIMES):
        folder = shutil.copytree(exported.folder, tmp_path / str(seed))
        capsys.readouterr()
        tampering(folder, exported, random.Random(seed))
        assert _check(folder, exported) == 1, f"seed {seed}"
        assert "WRONG: " in capsys.readouterr().out
