"""What an audit reports: checks, each with what it looked at and the differences it found."""

from dataclasses import dataclass, field
from enum import StrEnum

# Enough to see what is wrong; a broken book may have millions of differences. All of them are counted.
MAX_FINDINGS = 100


class Severity(StrEnum):
    """Whether what a check finds is a failure of the book, or only something that people should know."""

    FAILURE = "failure"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference: where it is, what should be there, what is there, and a sentence that says it all."""

    where: str
    expected: str
    actual: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant: how many things were examined, the first findings, and how many were found in all."""

    name: str
    sentence: str
    examined: int
    findings: tuple[Finding, ...] = ()
    found: int = 0
    severity: Severity = Severity.FAILURE

    def __post_init__(self) -> None:
        if self.found < len(self.findings):
            raise ValueError(f"check {self.name} lists {len(self.findings)} findings and counts {self.found}")

    @property
    def passed(self) -> bool:
        """Whether nothing was found that makes the audit fail."""
        return self.severity is Severity.NOTICE or not self.found


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All checks of one audit, in their order."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed; notices do not count."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)


@dataclass(slots=True)
class Tally:
    """The findings of one check while it runs."""

    examined: int = 0
    found: int = 0
    findings: list[Finding] = field(default_factory=list)

    def note(self, where: str, expected: object, actual: object, sentence: str) -> None:
        """Count a difference, and keep it unless there are very many."""
        self.found += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(where, str(expected), str(actual), sentence))

    def compare(self, where: str, expected: object, actual: object, what: str) -> None:
        """Note a difference between two values of the same kind; `what` names them in the sentence."""
        if expected != actual:
            self.note(where, expected, actual, f"{where}: {what} should be {expected} and is {actual}")
