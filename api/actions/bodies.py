"""What the bodies of actions hold. What their values have to be is said once, by the contracts of the events."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_Text = Annotated[str, Field(min_length=1, max_length=300)]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["0c17118ac15d43bc" * 4])]


class Body(BaseModel):
    """A body with no fields but those that it names."""

    model_config = ConfigDict(extra="forbid")


class Because(Body):
    """Why somebody does it."""

    reason: _Text = Field(examples=["the bank asked for papers"])


class Money(Body):
    """An amount with the decimals of its currency."""

    amount: str = Field(max_length=40, examples=["12.50"])
    currency: str = Field(pattern="^[A-Z]{3}$", examples=["EUR"])


class Approval(Body):
    """An approval of what a payout's content is: `content_hash` as it was shown."""

    content_hash: Hash


class Rejection(Approval):
    """A rejection, and why."""

    reason: _Text = Field(examples=["the account is not the operator's"])


class BankAccount(Body):
    """An account by its IBAN, or by its number in a scheme of its country."""

    holder: str = Field(min_length=1, max_length=140, examples=["Waddenstroom Laden BV"])
    iban: str | None = Field(default=None, max_length=50, examples=["NL91 ABNA 0417 1643 00"])
    bic: str | None = Field(default=None, max_length=20)
    account_number: str | None = Field(default=None, max_length=50)
    routing_code: str | None = Field(default=None, max_length=50)
    scheme: str | None = Field(default=None, max_length=50)


class AccountChange(Body):
    """The account that an operator is to be paid to; who confirms it states it again."""

    bank_account: BankAccount


class Reserve(Because):
    """What is held back of what an operator is owed, until a day, or until somebody releases it."""

    amount: Money
    until: str | None = Field(default=None, max_length=40, examples=["2036-06-30T00:00:00Z"])
    session_id: str | None = Field(default=None, max_length=64)


class Release(Because):
    """How much of a reserve is released; all that is left where nothing is said."""

    amount: Money | None = None


class InstantPayout(Body):
    """What is to be paid at once: just `amount`, in the decimals of the currency, or all that is available."""

    currency: str = Field(pattern="^[A-Z]{3}$", examples=["EUR"])
    amount: str | None = Field(default=None, max_length=40, examples=["50.00"])
    reason: _Text | None = None


class MovedForBalance(Because):
    """What was moved for a balance below zero, by `reference`, under which it is told once."""

    amount: Money
    reference: str = Field(min_length=1, max_length=64, examples=["SEPA-2026-0412"])
    reason: _Text = Field(examples=["refunds after the contract ended"])


class Allocation(Because):
    """Whose money a line of a bank is: it pays so much of an invoice of a roaming partner."""

    invoice_id: str = Field(min_length=1, max_length=64, examples=["I-2026-03"])
    partner: str = Field(min_length=1, max_length=64, examples=["ES-LMV"])
    amount: Money
    reason: _Text = Field(examples=["they say so"])


class NewAdjustment(Body):
    """What is to be added to what an operator is owed (CREDIT), or taken from it (DEBIT)."""

    operator_id: str = Field(min_length=1, max_length=64, examples=["OP-NL"])
    amount: Money
    direction: Literal["CREDIT", "DEBIT"]
    reason_code: str = Field(min_length=1, max_length=64, examples=["GOODWILL"])
    note: _Text = Field(examples=["the charger was out of order for two days"])
    session_id: str | None = Field(default=None, max_length=64)
    attachment_sha256: Hash | None = None


class NewWriteOff(Body):
    """What is to be written off on an account, as it stands as a rule, and what it is about."""

    account: str = Field(min_length=1, max_length=80, examples=["2010/OP-NL"])
    amount: Money
    reason_code: str = Field(min_length=1, max_length=64, examples=["UNCOLLECTABLE"])
    note: _Text = Field(examples=["the operator was wound up"])
    session_id: str | None = Field(default=None, max_length=64)
    invoice_id: str | None = Field(default=None, max_length=64)


class Verdict(Body):
    """What is said of a proposal."""

    reason: _Text | None = None


class Assignment(Body):
    """Who looks after a finding, and what she is to know."""

    owner: str = Field(min_length=1, max_length=100, examples=["Anna"])
    note: _Text | None = None


class Rating(Body):
    """Sessions that started from a moment on and before another, and the tariff that they are to be rated by.

    `tariff_id` is of one that the operator published, in its latest version, or `tariff` an OCPI tariff, with `taxes`
    on its prices without `vat`. `sessions_of_tariff`: only those that name this tariff.
    """

    operator_id: str = Field(min_length=1, max_length=64, examples=["OP-NL"])
    started_from: str = Field(max_length=40, examples=["2026-03-01T00:00:00Z"])
    started_before: str = Field(max_length=40, examples=["2026-03-08T00:00:00Z"])
    tariff_id: str | None = Field(default=None, min_length=1, max_length=36, examples=["FAST"])
    tariff: dict[str, Any] | None = Field(default=None, examples=[None])
    taxes: list[dict[str, Any]] | None = Field(default=None, examples=[None])
    sessions_of_tariff: str | None = Field(default=None, min_length=1, max_length=36, examples=[None])


class RatingOrder(Rating):
    """The same, and why it is ordered."""

    reason: _Text = Field(examples=["the price was announced wrongly"])


class Quiet(Body):
    """Hours of the operator's clock, over midnight where `from` is the later."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: str = Field(alias="from", max_length=10, examples=["22:00"])
    to: str = Field(max_length=10, examples=["06:30"])


class SubscriptionTerms(Body):
    """Of what an operator is told, where, how bundled and when not.

    `events` are names of types with `*` for any part; `target` is a URL or a mail address, as `channel` says;
    `language` is that of mail.
    """

    events: list[str] = Field(min_length=1, max_length=100, examples=[["payout.*", "charger.down"]])
    channel: Literal["WEBHOOK", "MAIL"]
    target: str = Field(min_length=1, max_length=2_000, examples=["https://erp.example.com/hooks/charging"])
    digest: Literal["NONE", "HOURLY", "DAILY"] | None = None
    quiet: Quiet | None = None
    min_severity: Literal["INFO", "WARNING", "CRITICAL"] | None = None
    language: Literal["de", "en", "fr", "nl"] | None = None
    enabled: bool = True


class NewSubscription(SubscriptionTerms):
    """The same, of an operator; `subscription_id` is the action's where nobody says one."""

    operator_id: str = Field(min_length=1, max_length=64, examples=["OP-NL"])
    subscription_id: str | None = Field(default=None, min_length=1, max_length=64, examples=["night-desk"])


class Edited(Because):
    """Why a refused record is published again, and the text that takes its place, where it is edited."""

    value: str | None = Field(default=None, max_length=1_000_000)


class OfCode(Because):
    """All refused records of one code."""

    code: str = Field(min_length=1, max_length=64, examples=["UNKNOWN_TYPE"])


Anything = dict[str, Any]
