"""The one exception tree of the application.

ApplicationError
├── SettingsError          a WATTLEDGER_* variable that cannot be used
└── ServiceError           an embedded PostgreSQL or Kafka that cannot be started or kept running
    └── DownloadError      Kafka's jars could not be brought into the cache
"""


class ApplicationError(RuntimeError):
    """A fault of the set-up and not of the data; the message is one line: what, where and what to do."""


class SettingsError(ApplicationError):
    """A setting that is missing, malformed or contradicts another; names its environment variable."""


class ServiceError(ApplicationError):
    """An embedded service that cannot be started, found or kept running."""


class DownloadError(ServiceError):
    """A jar that could not be downloaded, or is not the one that was pinned; nothing of it is kept."""
