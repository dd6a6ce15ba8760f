"""The report of `wattledger verify` as a table."""

import sys

from ledger.audit import AuditReport, Check, Severity
from wattledger.views.forms import print_csv
from wattledger.views.tables import print_table

_COLUMNS = ("check", "examined", "findings", "what must hold")


def show_report(report: AuditReport) -> None:
    """The report for people: what was checked, and everything that differs."""
    rows = [(check.name, check.examined, _found(check), check.sentence) for check in report.checks]
    print_table("Verification", _COLUMNS, rows, ("examined", "findings"), prose=("what must hold",))
    for check in report.checks:
        for finding in check.findings:
            sys.stdout.write(f"{check.name}: {finding.sentence}\n")
    sys.stdout.write("the book holds\n" if report.passed else "the book differs: see above\n")


def write_report(report: AuditReport) -> None:
    """The checks as CSV, a record each; what they found is in the JSON document."""
    rows = ((each.name, each.examined, each.found, each.severity.value, each.sentence) for each in report.checks)
    print_csv(("check", "examined", "findings", "severity", "what must hold"), rows)


def _found(check: Check) -> str:
    """How many findings; those of a notice make no failure."""
    return f"{check.found} (notice)" if check.found and check.severity is Severity.NOTICE else str(check.found)
