"""The one exception tree of the projections.

ProjectionError
├── UnknownProjection   a name that no projection has
├── RebuildUnderWay     somebody else is rebuilding the same projection
└── BankFileRefused     a payout that a bank file cannot state
"""


class ProjectionError(Exception):
    """Something the read models refuse; the message says what, where and what to do."""


class UnknownProjection(ProjectionError):
    """A name that no projection has."""


class RebuildUnderWay(ProjectionError):
    """Another process is rebuilding the same projection: wait for it."""


class BankFileRefused(ProjectionError):
    """A payout whose account does not fit into an ISO 20022 message; nothing is cut that money depends on."""
