"""The report of an audit as a document."""

from typing import Any

from ledger.audit import AuditReport, Check


def report_document(report: AuditReport) -> dict[str, Any]:
    """Whether the book passed, and of each check what must hold, how much was examined and what differs."""
    return {"passed": report.passed, "checks": [_check_document(check) for check in report.checks]}


def _check_document(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "sentence": check.sentence,
        "severity": check.severity.value,
        "examined": check.examined,
        "found": check.found,
        "findings": [
            {"where": f.where, "expected": f.expected, "actual": f.actual, "sentence": f.sentence}
            for f in check.findings
        ],
    }
