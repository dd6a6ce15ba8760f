"""The one exception tree of the domain.

DomainError
├── AmountError            a money amount, energy or percentage that cannot be what it claims to be
├── UnbalancedEntry        postings that do not sum to zero, or too few or too many of them
├── UnsupportedTariff      a tariff that uses something the engine cannot price
└── ImplausibleSession     registers or power that no meter can have shown
"""


class DomainError(ValueError):
    """A value or a decision that the domain refuses; the message says what, where and what to do."""


class AmountError(DomainError):
    """A money amount, energy or percentage that is malformed or out of range."""


class UnbalancedEntry(DomainError):
    """A journal entry whose postings do not sum to zero, or that has fewer than 2 or more than 64."""


class UnsupportedTariff(DomainError):
    """A tariff that uses something the rating engine does not price; its sessions wait in suspense."""


class ImplausibleSession(DomainError):
    """A session whose registers fall or whose power exceeds its connector; it is never billed.

    `reason` is the code shown with the session, for example `REGISTER_FALLS`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
