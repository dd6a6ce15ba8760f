"""`wattledger load allocate`: a problem in a file, problems line by line, and the example of the page."""

import json
import re
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from wattledger.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "load.md"
PROBLEM, ANSWER = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)


def _with(circuit: str) -> str:
    return f'{{"step_a":1,"voltage_v":230,"interval_s":9,"circuits":[{circuit}],"sessions":[]}}'


BAD = {
    '{"a":': "$ is no JSON",
    "[]": "$ must be an object",
    _with('{"id":"a","max_a":-1}'): "max_a must not be",
    _with('{"id":"a","parent":"a"}'): "own ancestor",
    _with('{"id":"a","parent":"b"}'): "circuits[0].parent",
}


def test_the_example_of_the_page_is_answered_as_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "problem.json"
    path.write_text(PROBLEM)
    assert main(["load", "allocate", str(path), "--json"]) == 0
    assert capsys.readouterr().out == ANSWER
    assert main(["load", "allocate", str(path)]) == 0
    assert "LIMITED:hall" in capsys.readouterr().out


def test_each_line_is_answered_and_one_that_is_no_problem_says_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps(json.loads(PROBLEM)), *BAD, "", json.dumps(json.loads(PROBLEM))]
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO("\n".join(lines).encode())))
    assert main(["load", "allocate", "--batch"]) == 1
    first, *refused, last = capsys.readouterr().out.splitlines()
    assert first == last == ANSWER.strip()
    for line, sentence in zip(refused, BAD.values(), strict=True):
        assert sentence in json.loads(line)["error"]


def test_a_problem_that_is_none_is_refused_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "problem.json"
    path.write_text('{"step_a":1}')
    assert main(["load", "allocate", str(path)]) == 1
    assert f"{path}: voltage_v is missing" in capsys.readouterr().err
    assert main(["load", "allocate"]) == 2
