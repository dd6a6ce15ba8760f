"""Tables on a terminal, one object a line in a pipe, CSV for spreadsheets; ids are whole in all of them."""

import csv
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from tests.commands.conftest import Run
from tests.support.engine import Engine
from wattledger.views.drawn import show
from wattledger.views.forms import cell_text, print_csv

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BOXES = set("│┃━─┏┓┗┛└┘╇┡┩├┤")
# A page of several tables; as CSV they are one.
PAGES = [["status"], ["trace", "S-A"], ["trace", "P-TWICE"], ["session", "S-A"]]
LISTS = [
    ["balances"],
    ["balance", "2010"],
    ["trial-balance"],
    ["payouts", "list"],
    ["sessions", "list"],
    ["findings"],
    ["deadletter", "list"],
    ["tariff", "list"],
    ["tariff", "orders"],
    ["leakage"],
]


def on_terminal(store: Engine, columns: int, *words: str) -> str:
    """What a terminal of so many columns shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "wattledger.cli", *words],
        stdout=theirs,
        stdin=theirs,
        env=environment | {"WATTLEDGER_DATABASE_URL": store.dsn, "TERM": "xterm"},
    )
    os.close(theirs)
    shown = b""
    # Reading a terminal whose other end is closed is an error on Linux.
    with suppress(OSError):
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    assert process.wait(180) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")


def rows_of(run: Run, *words: str) -> list[dict[str, str]]:
    return [*csv.DictReader(StringIO(run(*words, "--csv").stdout, newline=""))]


@pytest.mark.parametrize("words", [*LISTS, *PAGES], ids=" ".join)
def test_what_is_piped_has_no_boxes_and_csv_has_crlf(run: Run, words: list[str]) -> None:
    plain = run(*words).stdout
    assert plain
    assert not BOXES & set(plain)
    text = run(*words, "--csv").stdout
    assert text.endswith("\r\n")
    header, *records = csv.reader(StringIO(text, newline=""), strict=True)
    assert all(len(record) == len(header) for record in records)
    assert run(*words, "--csv", "--json", status=2).stderr.startswith("wattledger: ")


def test_a_list_that_is_piped_has_one_object_a_line(run: Run, ask: Any) -> None:
    _, *lines = run("payouts", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [each["payout_id"] for each in ask("payouts", "list")]


def test_csv_says_what_json_says(run: Run, ask: Any) -> None:
    for words in (["payouts", "list"], ["sessions", "list"], ["balances"], ["deadletter", "list"]):
        documents = [{name: cell_text(value) for name, value in each.items()} for each in ask(*words)]
        assert rows_of(run, *words) == documents


def test_a_trace_as_csv_has_a_record_a_link(run: Run, ask: Any) -> None:
    (trace,) = ask("trace", "S-A")["found"]
    rows = rows_of(run, "trace", "S-A")
    linked = [(name, node["id"]) for name, links in trace["links"].items() for node in links["shown"]]
    assert linked
    assert sorted(linked) == sorted((row["link"], row["id"]) for row in rows if row["how"] == "direct")
    assert {row["from"] for row in rows} == {"S-A"}
    assert [row["of"] for row in rows_of(run, "trace", "P-TWICE") if not row["link"]] == ["acme-psp", "other-psp"]


def test_the_state_as_csv_is_that_of_json(run: Run, ask: Any) -> None:
    found = {row["what"]: row["value"] for row in rows_of(run, "status")}
    told = ask("status")
    assert found["postgresql.address"] == told["postgresql"]["address"]
    assert found["events"] == str(told["events"])
    assert found["runs.1.operator_id"] == told["runs"][0]["operator_id"]
    assert "--csv" in run("status", "--csv", "--watch", status=2).stderr


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("words", [["payouts", "list"], ["deadletter", "list"], ["findings"]], ids=" ".join)
def test_a_terminal_shows_every_id_whole_however_narrow(
    store: Engine, run: Run, columns: int, words: list[str]
) -> None:
    asked = set(UUID.findall(run(*words).stdout))
    assert asked
    assert asked <= set(UUID.findall(on_terminal(store, columns, *words)))


def test_a_terminal_shows_a_payout_whole_however_narrow(store: Engine, run: Run, ask: Any) -> None:
    payout_id = ask("payouts", "list")[0]["payout_id"]
    asked = set(UUID.findall(run("payouts", "show", payout_id).stdout))
    for columns in (40, 100):
        assert asked <= set(UUID.findall(on_terminal(store, columns, "payouts", "show", payout_id)))


@pytest.mark.parametrize("columns", [40, 100])
def test_a_terminal_shows_a_trace_whole_however_narrow(store: Engine, run: Run, columns: int) -> None:
    told = [line.strip() for line in run("trace", "S-A").stdout.splitlines()]
    shown = on_terminal(store, columns, "trace", "S-A").splitlines()
    assert [line.lstrip("│├└─ ") for line in shown] == told


def test_a_wide_terminal_draws_lines_around_tables(store: Engine) -> None:
    assert BOXES & set(on_terminal(store, 200, "payouts", "list"))


@given(
    words=st.lists(
        st.lists(st.text("ab-c", min_size=1, max_size=30), min_size=3, max_size=3), min_size=1, max_size=4
    ),
    width=st.integers(20, 160),
)
def test_no_word_of_a_table_is_ever_broken(words: list[list[str]], width: int) -> None:
    table = Table()
    for name, folds in (("one", False), ("two", True), ("three", True)):
        table.add_column(name, no_wrap=not folds)
    for first, *rest in words:
        table.add_row(first, " ".join(rest), " ".join(reversed(rest)))
    console = Console(width=width, file=StringIO(), color_system=None)
    show(table, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for word in {word for row in words for word in row}:
        assert re.search(rf"(?<![^\s│]){re.escape(word)}(?![^\s│])", shown)


@given(rows=st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2)))
def test_csv_is_read_back_as_it_was_and_begins_no_formula(rows: list[list[str]]) -> None:
    records = printed(rows)
    for row, record in zip(rows, records, strict=True):
        for cell, found in zip(row, record, strict=True):
            is_number = re.fullmatch(r"[+-]?\d+(\.\d+)?", cell) is not None
            assert found == (f"'{cell}" if cell[:1] in "=+-@\t\r" and cell and not is_number else cell)


def printed(rows: list[list[str]]) -> list[list[str]]:
    before, sys.stdout = sys.stdout, StringIO(newline="")
    try:
        print_csv(("one", "two"), rows)
        text = sys.stdout.getvalue()
    finally:
        sys.stdout = before
    _, *records = csv.reader(StringIO(text, newline=""), strict=True)
    return records


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("+A1", "'+A1"),
        ("-x", "'-x"),
        ("\tx", "'\tx"),
        ("\rx", '"\'\rx"'),
        ("-12.34", "-12.34"),
        ('say "x", y', '"say ""x"", y"'),
    ],
)
def test_cells_of_csv(cell: str, written: str, capfd: pytest.CaptureFixture[str]) -> None:
    print_csv(("what", "value"), [("id", cell)])
    sys.stdout.flush()
    assert capfd.readouterr().out == f"what,value\r\nid,{written}\r\n"


def test_what_strangers_send_gives_a_terminal_no_orders() -> None:
    assert cell_text("a\x1b[2Jb\u202ec") == "a\\x1b[2Jb\\u202ec"


def test_the_version_and_the_completion_of_the_shell_are_told(run: Run) -> None:
    assert re.fullmatch(r"wattledger \d+\.\d+\.\d+\n", run("--version").stdout)
    script = subprocess.run(
        [sys.executable, "-m", "wattledger.cli", "--show-completion", "bash"],
        capture_output=True,
        env=os.environ | {"SHELL": "/bin/bash", "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        text=True,
        check=True,
    )
    assert "_WATTLEDGER_COMPLETE=complete_bash" in script.stdout
    completed = subprocess.run(
        [sys.executable, "-m", "wattledger.cli"],
        capture_output=True,
        env=os.environ
        | {"_WATTLEDGER_COMPLETE": "complete_bash", "COMP_WORDS": "wattledger payouts sh", "COMP_CWORD": "2"},
        text=True,
        check=False,
    )
    assert completed.stdout.split() == ["show"]
