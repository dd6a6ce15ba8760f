"""The process that runs django-hordak, in the environment made for it: answers lines of JSON with lines of JSON."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

CLIENTS = 8
SET_SIZE = 1_000
_CURRENCY = "EUR"
_DAY = date(2026, 3, 18)
_APPLICATIONS = ("django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak")


class Ledger:
    """Hordak's models on a database; imports wait until Django is configured."""

    def __init__(self) -> None:
        self._accounts: list[Any] = []

    def open(self, dsn: str, accounts: int) -> bool:
        """Configure, migrate, make the accounts."""
        import django
        from django.conf import settings
        from django.core.management import call_command

        settings.configure(
            DATABASES={"default": _database(dsn)},
            INSTALLED_APPS=_APPLICATIONS,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            DEFAULT_CURRENCY=_CURRENCY,
            CURRENCIES=[_CURRENCY],
            USE_TZ=True,
        )
        django.setup()
        call_command("migrate", verbosity=0)
        from hordak.models import Account, AccountType

        self._accounts = [
            Account.objects.create(
                name=f"A-{number}", code=f"{number:06}", type=AccountType.asset, currencies=[_CURRENCY]
            )
            for number in range(accounts)
        ]
        return True

    def post(self, way: str, moves: Sequence[tuple[int, int, int]]) -> bool:
        """Post (payer, payee, minor units) in one of the ways of `Way`."""
        {"ONE_CLIENT": self._one_by_one, "EIGHT_CLIENTS": self._by_clients, "SETS": self._in_sets}[way](moves)
        return True

    def balances(self) -> list[int]:
        """Minor units by account, in the order they were made."""
        from hordak.models import Account

        found = Account.objects.order_by("code").with_balances()
        return [round(account.balance[_CURRENCY].amount * 100) for account in found]

    def _one_by_one(self, moves: Sequence[tuple[int, int, int]]) -> None:
        for payer, payee, amount in moves:
            self._accounts[payer].transfer_to(self._accounts[payee], _money(amount), date=_DAY)

    def _by_clients(self, moves: Sequence[tuple[int, int, int]]) -> None:
        failures: list[BaseException] = []

        def client(number: int) -> None:
            from django.db import connection

            try:
                self._one_by_one(moves[number::CLIENTS])
            except BaseException as failure:
                failures.append(failure)
            finally:
                connection.close()

        threads = [Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def _in_sets(self, moves: Sequence[tuple[int, int, int]]) -> None:
        from django.db import transaction
        from hordak.models import Leg, Transaction

        for start in range(0, len(moves), SET_SIZE):
            some = moves[start : start + SET_SIZE]
            with transaction.atomic():
                made = Transaction.objects.bulk_create([Transaction(date=_DAY) for _ in some])
                legs = []
                for entry, (payer, payee, amount) in zip(made, some, strict=True):
                    legs.append(Leg(transaction=entry, account=self._accounts[payer], credit=_money(amount)))
                    legs.append(Leg(transaction=entry, account=self._accounts[payee], debit=_money(amount)))
                Leg.objects.bulk_create(legs)


def _money(amount_minor: int) -> Any:
    from decimal import Decimal

    from moneyed import Money

    return Money(Decimal(amount_minor) / 100, _CURRENCY)


def _database(dsn: str) -> Mapping[str, object]:
    address = urlsplit(dsn)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": address.hostname,
        "PORT": address.port,
        "USER": address.username,
        "PASSWORD": unquote(address.password or ""),
        "NAME": address.path.lstrip("/"),
    }


def main() -> None:
    """Until standard input ends."""
    ledger = Ledger()
    answers: Mapping[str, Callable[..., object]] = {
        "open": ledger.open,
        "post": ledger.post,
        "balances": ledger.balances,
    }
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(answers[question.pop("do")](**question)), flush=True)


if __name__ == "__main__":
    main()
