"""The report of `wattledger verify`, as a document and as a table."""

import sys
from typing import Any

from wattledger.terminal import print_table


def report_document(report: Any) -> dict[str, Any]:
    """The report as plain JSON."""
    return {
        "passed": report.passed,
        "checks": [
            {
                "name": check.name,
                "sentence": check.sentence,
                "examined": check.examined,
                "findings": [
                    {"where": f.where, "expected": f.expected, "actual": f.actual, "sentence": f.sentence}
                    for f in check.findings
                ],
            }
            for check in report.checks
        ],
    }


def show_report(report: Any) -> None:
    """The report for people: what was checked, and everything that differs."""
    rows = [(check.name, check.examined, len(check.findings), check.sentence) for check in report.checks]
    print_table("Verification", ("check", "examined", "findings", "what must hold"), rows, ("examined", "findings"))
    for check in report.checks:
        for finding in check.findings:
            sys.stdout.write(
                f"{check.name}: {finding.where}: expected {finding.expected}, found {finding.actual}: "
                f"{finding.sentence}\n"
            )
    sys.stdout.write("the book holds\n" if report.passed else "the book differs: see above\n")
