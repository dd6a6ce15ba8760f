"""Events of prepaid wallets: money that drivers put there, what sessions are paid out of it, and what goes back."""

from typing import Literal

from pydantic import model_validator

from contracts.amounts import PositiveMoney, UnsignedMoney, check_same_currency
from contracts.envelope import Event
from contracts.values import Identifier, Time, Wire


class WalletToppedUpData(Wire):
    """A driver's card was charged for a wallet: the amount and what the provider keeps of it."""

    wallet_id: Identifier
    top_up_id: Identifier
    provider: Identifier
    payment_id: Identifier
    amount: PositiveMoney
    fee: UnsignedMoney
    captured_at: Time

    @model_validator(mode="after")
    def _is_in_one_currency(self) -> "WalletToppedUpData":
        check_same_currency(self.amount, self.fee, "fee")
        return self


class WalletChargedData(Wire):
    """A session is paid out of a wallet, whole as soon as the wallet covers it."""

    wallet_id: Identifier
    charge_id: Identifier
    session_id: Identifier
    amount: PositiveMoney
    charged_at: Time


class WalletRefundedData(Wire):
    """Money of a session that a wallet paid for went back there."""

    wallet_id: Identifier
    refund_id: Identifier
    session_id: Identifier
    amount: PositiveMoney
    refunded_at: Time


class WalletClosedData(Wire):
    """A wallet was closed: the amount that was left went back to its driver, out of the account at the provider."""

    wallet_id: Identifier
    close_id: Identifier
    provider: Identifier
    amount: UnsignedMoney
    closed_at: Time


class WalletToppedUp(Event):
    """`wallet.topped_up`."""

    type: Literal["wallet.topped_up"]
    data: WalletToppedUpData


class WalletCharged(Event):
    """`wallet.charged`."""

    type: Literal["wallet.charged"]
    data: WalletChargedData


class WalletRefunded(Event):
    """`wallet.refunded`."""

    type: Literal["wallet.refunded"]
    data: WalletRefundedData


class WalletClosed(Event):
    """`wallet.closed`."""

    type: Literal["wallet.closed"]
    data: WalletClosedData
