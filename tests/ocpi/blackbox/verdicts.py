"""Checks as a table: each has a name and what it goes by, and comes to a verdict with one line of why."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from tests.ocpi.blackbox.box import Box

VERSIONS = ("2.2.1", "2.3.0")
_WHY_MAX = 300


class Verdict(StrEnum):
    """What a check came to. WARN is what OCPI leaves open and most partners would stumble over.

    LATE is what came, and not as soon as it should: where a machine has much else to do, that may be at fault.
    """

    PASS = "PASS"
    LATE = "LATE"
    WARN = "WARN"
    FAIL = "FAIL"


class Failed(Exception):
    """What a check found wrong, in one line."""


class Doubtful(Exception):
    """What a check found that is no fault by the letter."""


class Late(Exception):
    """What a check saw come, and later than it should."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The row of one check, and how long it took."""

    name: str
    goes_by: str
    verdict: Verdict
    why: str
    seconds: float

    def __str__(self) -> str:
        why = f": {self.why}" if self.why else ""
        return f"{self.verdict:4} {self.seconds:5.1f} s  {self.name} ({self.goes_by}){why}"


# Given the box, and the version where a check is made for each.
Work: TypeAlias = Callable[["Box", str], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One row to be: `versions` are those it is made for, or "" for one that has none."""

    name: str
    goes_by: str
    work: Work
    versions: Sequence[str]

    def made(self, box: "Box") -> Iterator[Finding]:
        """What it comes to, for each version."""
        for version in self.versions:
            name = f"{self.name} [{version}]" if version else self.name
            verdict, why, begun = Verdict.PASS, "", time.monotonic()
            try:
                self.work(box, version)
            except Late as late:
                verdict, why = Verdict.LATE, str(late)
            except Doubtful as doubt:
                verdict, why = Verdict.WARN, str(doubt)
            except Failed as failed:
                verdict, why = Verdict.FAIL, str(failed)
            except Exception as error:
                verdict, why = Verdict.FAIL, f"the check itself broke: {type(error).__name__}: {error}"
            yield Finding(name, self.goes_by, verdict, " ".join(why.split())[:_WHY_MAX], time.monotonic() - begun)


class Table:
    """Checks in the order in which they are made."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.checks: list[Check] = []

    def check(self, name: str, goes_by: str, *, each_version: bool = False) -> Callable[[Work], Work]:
        """Put a check into the table; it is given the version where it is made for each."""

        def put(work: Work) -> Work:
            self.checks.append(Check(name, goes_by, work, VERSIONS if each_version else ("",)))
            return work

        return put


def require(condition: object, why: str) -> None:
    """Raises Failed unless a condition holds."""
    if not condition:
        raise Failed(why)


def run(tables: Sequence[Table], box: "Box", told: Callable[[Finding], None] = lambda _: None) -> list[Finding]:
    """All findings, in order; `told` is called with each as it is known."""
    found: list[Finding] = []
    for table in tables:
        for check in table.checks:
            for finding in check.made(box):
                told(finding)
                found.append(finding)
    return found
