"""The independent checker of the book: it shares no code with what posts, and reads everything from the database."""

from ledger.audit.audit import verify
from ledger.audit.report import AuditReport, Check, Finding, Severity

__all__ = ["AuditReport", "Check", "Finding", "Severity", "verify"]
