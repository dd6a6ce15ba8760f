"""The report of `wattledger verify`, as a document and as a table."""

import sys
from typing import Any

from ledger.audit import AuditReport, Check, Severity
from wattledger.views.terminal import print_table


def report_document(report: AuditReport) -> dict[str, Any]:
    """The report as plain JSON."""
    return {
        "passed": report.passed,
        "checks": [
            {
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
            for check in report.checks
        ],
    }


def show_report(report: AuditReport) -> None:
    """The report for people: what was checked, and everything that differs."""
    rows = [(check.name, check.examined, _found(check), check.sentence) for check in report.checks]
    print_table("Verification", ("check", "examined", "findings", "what must hold"), rows, ("examined", "findings"))
    for check in report.checks:
        for finding in check.findings:
            sys.stdout.write(f"{check.name}: {finding.sentence}\n")
    sys.stdout.write("the book holds\n" if report.passed else "the book differs: see above\n")


def _found(check: Check) -> str:
    """How many findings; those of a notice make no failure."""
    return f"{check.found} (notice)" if check.found and check.severity is Severity.NOTICE else str(check.found)
