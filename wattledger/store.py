"""Where the engine works: the database, the brokers and the settings, as every verb of it gets them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wattledger.settings import Settings

if TYPE_CHECKING:
    from engine.working_set import WorkingSet
    from projections.bank_file import PlatformAccount


@dataclass(frozen=True, slots=True)
class Store:
    """The DSN of the database, how clients reach the brokers, and the settings."""

    dsn: str
    kafka: dict[str, Any]
    settings: Settings

    @classmethod
    def at(cls, dsn: str, bootstrap: str, settings: Settings) -> "Store":
        """The store with these addresses, and with the clients' options from the settings."""
        return cls(dsn, {"bootstrap_servers": bootstrap, **settings.kafka_client_options()}, settings)

    def working_set(self) -> "WorkingSet":
        """What a process holds to judge sessions, by the settings."""
        from engine.working_set import WorkingSet  # Here: commands that judge nothing need no engine.

        return WorkingSet.of(self.dsn, self.settings.power_max_kw)

    @property
    def platform(self) -> "PlatformAccount":
        """The account that pays."""
        from projections.bank_file import PlatformAccount  # Here: processes that share work need no bank files.

        s = self.settings
        return PlatformAccount(
            name=s.platform_name,
            iban=s.platform_iban,
            bic=s.platform_bic,
            account_number=s.platform_account_number,
            routing_code=s.platform_routing_code,
        )
