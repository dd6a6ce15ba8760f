"""`wattledger load allocate`: a problem in a file, problems line by line, and the example of the page."""

import json
import re
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from wattledger.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "load.md"
PROBLEM, ANSWER = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)


def _with(circuit: str, sessions: str = "") -> str:
    return f'{{"step_a":1,"voltage_v":230,"interval_s":9,"circuits":[{circuit}],"sessions":[{sessions}]}}'


def _session(circuit: str, phases: int) -> str:
    told = {"session_id": "S", "circuit": circuit, "phases": phases, "min_a": 6, "max_a": 16, "connected_s": 1.5}
    return json.dumps(told)


BAD = {
    '{"a":': "$ is no JSON",
    "[]": "$ must be an object",
    _with('{"id":"a","max_a":-1}'): "max_a must not be",
    _with('{"id":"a","parent":"a"}'): "own ancestor",
    _with('{"id":"a","parent":"b"}'): "circuits[0].parent",
    _with('{"id":"a"},{"id":"a"}'): "circuits[1].id is there twice",
    _with('{"id":"a","max_w":-1}'): "circuits[0].max_w must not be negative",
    _with('{"id":"a"}').replace("9", "0"): "interval_s must be more than zero",
    _with('{"id":"a"}', _session("b", 1)): "sessions[0].circuit is not among the circuits",
    _with('{"id":"a"}', _session("a", 0)): "sessions[0].phases must be a number of phases from 1 to 3",
    _with('{"id":"a"}', _session("a", 4)): "sessions[0].phases must be a number of phases from 1 to 3",
    _with('{"id":"a"}', f"{_session('a', 1)},{_session('a', 1)}"): "sessions[1].session_id is there twice",
}


def test_the_example_of_the_page_is_answered_as_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "problem.json"
    path.write_text(PROBLEM)
    assert main(["load", "allocate", str(path), "--json"]) == 0
    assert capsys.readouterr().out == ANSWER
    assert main(["load", "allocate", str(path)]) == 0
    assert capsys.readouterr().out == ANSWER


def test_on_a_terminal_the_answer_is_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "problem.json"
    path.write_text(PROBLEM)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["load", "allocate", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "What cars may draw" in shown
    assert "LIMITED:hall" in shown
    assert not shown.startswith("{")


def test_the_example_by_hand_comes_to_what_its_table_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = re.findall(r"^\| ([PQRS]) \| .* \| (\d+) \| ([\d.]+) \| (\d+) \|$", PAGE.read_text(), re.MULTILINE)
    says: dict[str, dict[str, int]] = {
        "P": {"need_wh": 20_700, "departs_in_s": 7_200},
        "Q": {"delivered_wh": 2_000},
        "R": {"delivered_wh": 0},
        "S": {"delivered_wh": 1_000, "max_a": 8},
    }
    usual = {"circuit": "site", "phases": 3, "min_a": 6, "max_a": 32, "connected_s": 0}
    sessions = [{**usual, "session_id": name, **more} for name, more in says.items()]
    path = tmp_path / "problem.json"

    def currents(step_a: float, sessions: list[dict[str, object]]) -> dict[str, float]:
        circuits = [{"id": "site", "max_a": 40}]
        problem = {"step_a": step_a, "voltage_v": 230, "interval_s": 300, "circuits": circuits, "sessions": sessions}
        path.write_text(json.dumps(problem))
        assert main(["load", "allocate", str(path), "--json"]) == 0
        return {name: share["a"] for name, share in json.loads(capsys.readouterr().out).items()}

    # In the finest steps nothing is left of the levels.
    assert currents(0.1, sessions) == {name: float(at_level) for name, _, at_level, _ in rows}
    assert currents(1, sessions) == {name: float(in_steps) for name, _, _, in_steps in rows}


def test_each_line_is_answered_and_one_that_is_no_problem_says_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps(json.loads(PROBLEM)), *BAD, "", json.dumps(json.loads(PROBLEM))]
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO("\n".join(lines).encode())))
    assert main(["load", "allocate", "--batch"]) == 1
    first, *refused, last = capsys.readouterr().out.splitlines()
    assert first == last == ANSWER.strip()
    for line, sentence in zip(refused, BAD.values(), strict=True):
        document = json.loads(line)
        assert sentence in document["error"]
        assert document["error"].startswith(document["path"])


def test_a_problem_that_is_none_is_refused_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "problem.json"
    path.write_text('{"step_a":1}')
    assert main(["load", "allocate", str(path)]) == 1
    assert f"{path}: voltage_v is missing" in capsys.readouterr().err
    assert main(["load", "allocate"]) == 2
