"""The one exception tree of the projections.

ProjectionError
├── UnknownProjection   a name that no projection has, or one that the database's schema has not
├── RebuildUnderWay     somebody else is rebuilding the same projection
├── BankFileRefused     a payout that a bank file cannot state
├── MomentAhead         what is known at a moment that has not come
├── NothingToRestate    a statement that cannot be said anew, or would say the same
└── NotReadYet          read models have not come to the position that an answer needs
"""


class ProjectionError(Exception):
    """Something the read models refuse; the message says what, where and what to do."""


class UnknownProjection(ProjectionError):
    """A name that no projection has, or a projection that no migration has given its first generation."""


class RebuildUnderWay(ProjectionError):
    """Another process is rebuilding the same projection: wait for it."""


class BankFileRefused(ProjectionError):
    """A payout whose account does not fit into an ISO 20022 message; nothing is cut that money depends on."""


class MomentAhead(ProjectionError):
    """What is known at a moment was asked for before it has come."""


class NothingToRestate(ProjectionError):
    """A statement that was never issued, was said anew already, or would say the same."""


class NotReadYet(ProjectionError):
    """Read models have not come to the position that an answer needs; a little later they have."""
