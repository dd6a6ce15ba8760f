"""Where the engine works: the database, the brokers and the settings, as every verb of it gets them."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattledger.errors import SettingsError
from wattledger.settings import Settings

if TYPE_CHECKING:
    from consumers.anchors import AnchorKeeper
    from consumers.heads import HeadKeeper
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
        if settings.account_cooling_off_hours != Settings.model_fields["account_cooling_off_hours"].default:
            _use_cooling_off(timedelta(hours=settings.account_cooling_off_hours))
        return cls(dsn, {"bootstrap_servers": bootstrap, **settings.kafka_client_options()}, settings)

    def working_set(self) -> "WorkingSet":
        """What a process holds to judge sessions, by the settings."""
        from domain.catalogue.tiers import tiers_of  # Here: commands that judge nothing need no engine.
        from domain.payout.circumstances import DecisionRules
        from domain.payout.cover import CoverRule
        from engine.working_set import WorkingSet
        from wattledger.decision_keys import keyring

        settings = self.settings
        rules = DecisionRules(
            tiers_of(settings.approvals),
            timedelta(hours=settings.account_cooling_off_hours),
            timedelta(days=settings.hold_max_age_days),
            settings.bank_profiles,
            settings.book_zone,
        )
        keys, cover = keyring(settings), CoverRule(settings.cover)
        return WorkingSet.of(self.dsn, settings.power_max_kw, cover, decision_keys=keys, rules=rules)

    @property
    def heads(self) -> "HeadKeeper":
        """How often heads of the chain over stored events leave, and the file that they are kept in."""
        from consumers.heads import HeadKeeper  # Here: commands that send nothing need no Kafka.

        return HeadKeeper(self.settings.head_file_path, self.settings.heads_every)

    def anchors(self) -> "AnchorKeeper":
        """Who makes anchors of the book, and the file that they are kept in."""
        from consumers.anchors import AnchorKeeper  # Here: commands that send nothing need no Kafka.
        from wattledger.anchor_keys import anchor_signer

        settings = self.settings
        every = timedelta(seconds=settings.anchors_every_s)
        signer = partial(anchor_signer, settings)
        return AnchorKeeper(self.dsn, signer, settings.anchor_file_path, every, settings.book_zone)

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
        return Platform(s.platform_name, account, accounts, s.platform_company_id)


def _use_cooling_off(time: timedelta) -> None:
    from projections.operators import use_cooling_off  # Here: most stores have the usual one.

    use_cooling_off(time)


def _use_holiday_file(path: Path) -> None:
    from contracts.holiday_calendars import use_overrides  # Here: commands that name no file need no models.

    try:
        use_overrides(path)
    except ValueError as error:
        raise SettingsError(f"WATTLEDGER_HOLIDAY_FILE {error}") from None
