"""Tests as tries: pytest runs them in a process of its own, with settings that make them as long as a soak.

A test that tries several things says how many of a kind by `record_property("tries KIND", n)`; else it is one try.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.soak.row import Soak, Try

_PROJECT = Path(__file__).resolve().parent.parent.parent
_TRIES = "tries "


def by_tests(soak: Soak, kind: str, tests: Sequence[str], settings: Mapping[str, str]) -> Iterator[Try]:
    """One run of tests (files, or files and names); each test is a try of `kind` unless it says otherwise."""
    report = soak.folder / f"{len(list(soak.folder.iterdir()))}.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *tests]
    environment = {**os.environ, **settings}
    ran = subprocess.run(command, cwd=_PROJECT, env=environment, capture_output=True, text=True, check=False)
    told = " ".join(f"{name}={value}" for name, value in settings.items())
    again = f"{told} {' '.join(command[1:3])} {' '.join(tests)}".strip()
    if not report.exists():
        yield Try(kind, 0, 1, f"{again}: no report: {ran.stdout[-500:]}{ran.stderr[-500:]}")
        return
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        yield from _tries(case, kind, again)


def _tries(case: ElementTree.Element, kind: str, again: str) -> Iterator[Try]:
    if case.find("skipped") is not None:
        return
    wrong = next((each for each in case if each.tag in ("failure", "error")), None)
    name = case.get("name", "")
    sentence = "" if wrong is None else f"{name}: {str(wrong.get('message'))[:400]} ({again})"
    told = [
        (str(each.get("name")).removeprefix(_TRIES), int(each.get("value", "0")))
        for each in case.iter("property")
        if str(each.get("name")).startswith(_TRIES)
    ]
    for of_kind, tries in told or [(kind, 1)]:
        yield Try(of_kind, tries - (wrong is not None), tries, sentence)
