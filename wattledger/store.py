"""Where the engine works: the database, the brokers and the settings, as every verb of it gets them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattledger.errors import SettingsError
from wattledger.settings import Settings

if TYPE_CHECKING:
    from engine.working_set import WorkingSet
    from projections.bank_file import Platform


@dataclass(frozen=True, slots=True)
class Store:
    """The DSN of the database, how clients reach the brokers, and the settings."""

    dsn: str
    kafka: dict[str, Any]
    settings: Settings

    @classmethod
    def at(cls, dsn: str, bootstrap: str, settings: Settings) -> "Store":
        """The store with these addresses, the clients' options and the calendars of bank holidays of the settings.

        Raises SettingsError when the holiday file cannot be used.
        """
        if settings.holiday_file is not None:
            _use_holiday_file(settings.holiday_file)
        return cls(dsn, {"bootstrap_servers": bootstrap, **settings.kafka_client_options()}, settings)

    def working_set(self) -> "WorkingSet":
        """What a process holds to judge sessions, by the settings."""
        from domain.payout.cover import CoverRule  # Here: commands that judge nothing need no engine.
        from engine.working_set import WorkingSet

        return WorkingSet.of(self.dsn, self.settings.power_max_kw, CoverRule(self.settings.cover))

    @property
    def platform(self) -> "Platform":
        """Who pays, and from which accounts."""
        from projections.bank_file import OwnAccount, Platform  # Here: processes that share work need no bank files.

        s = self.settings
        account = OwnAccount(s.platform_iban, s.platform_bic, s.platform_account_number, s.platform_routing_code)
        accounts = {
            currency: OwnAccount(own.iban or "", own.bic or "", own.account_number or "", own.routing_code or "")
            for currency, own in s.platform_accounts.items()
        }
        return Platform(s.platform_name, account, accounts)


def _use_holiday_file(path: Path) -> None:
    from contracts.holiday_calendars import use_overrides  # Here: commands that name no file need no models.

    try:
        use_overrides(path)
    except ValueError as error:
        raise SettingsError(f"WATTLEDGER_HOLIDAY_FILE {error}") from None
