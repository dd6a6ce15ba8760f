"""What a payout processor and an approver are told of a payout: its creditor, its bank file, and a hash of it all."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from hashlib import sha256
from uuid import NAMESPACE_URL, UUID, uuid5

from domain.calendar import utc_text
from domain.money import format_minor
from domain.payout.bank_profiles import PROFILES, form_key
from domain.payout.events import PayoutCreated


def file_id(fired_at: datetime, execution_date: str, currency: str, form: str, number: int = 1) -> UUID:
    """The id of the file of a run: `form` is of `form_key`; `number` counts what was made of that run later on."""
    key = f"{utc_text(fired_at)}:{execution_date}:{currency}:{form}:{number}"
    return uuid5(NAMESPACE_URL, f"wattledger:bank-file:{key}")


def execution_day(created: PayoutCreated) -> date:
    """The day on which the bank is asked to pay."""
    return created.execution_date or created.fired_at.astimezone(UTC).date()


def end_to_end_id(created: PayoutCreated) -> str:
    """EndToEndId and InstrId at the bank: the id without hyphens, since 35 characters are all there is."""
    return created.payout_id.replace("-", "")


def bank_file_name(created: PayoutCreated) -> str:
    """The name of the file of its run, currency, form of account and profile."""
    day = execution_day(created).isoformat()
    form = form_key(created.bank_profile, created.bank_account)
    suffix = PROFILES[created.bank_profile].suffix
    return f"{day}-{file_id(created.fired_at, day, created.currency, form)}.{suffix}"


def creditor(created: PayoutCreated) -> Mapping[str, str]:
    """Who is paid: the holder, and the account as it was registered."""
    account = created.bank_account
    return {**account, "holder": account.get("holder") or created.holder_name}


def decided_content(created: PayoutCreated) -> str:
    """What whoever approves or rejects a payout names: 64 hexadecimal digits, others for any other content.

    The SHA-256 of the JSON text by RFC 8785 of `payout_id`, `operator_id`, `currency`, `business_date`, `amount` and
    `reserve` (as texts with the currency's decimals), `bank_account` as it was registered, and `entry_ids`, sorted.
    """
    return _hash(
        {
            "amount": format_minor(created.amount, created.currency),
            "bank_account": dict(created.bank_account),
            "business_date": created.business_date.isoformat(),
            "currency": created.currency,
            "entry_ids": sorted(created.entry_ids),
            "operator_id": created.operator_id,
            "payout_id": created.payout_id,
            "reserve": format_minor(created.reserve, created.currency),
        }
    )


def content_hash(created: PayoutCreated) -> str:
    """What is paid, to whom and for what, in 64 hexadecimal digits: equal for equal content.

    The SHA-256 of the JSON text by RFC 8785 (keys sorted, no spaces, UTF-8) of an object with just `amount` (as text
    with the currency's decimals), `creditor`, `currency`, `entry_ids` (sorted), `execution_date`, `operator_id` and
    `payout_id`. All values are texts, so that the rules for numbers do not matter.
    """
    return _hash(
        {
            "amount": format_minor(created.amount, created.currency),
            "creditor": dict(creditor(created)),
            "currency": created.currency,
            "entry_ids": sorted(created.entry_ids),
            "execution_date": execution_day(created).isoformat(),
            "operator_id": created.operator_id,
            "payout_id": created.payout_id,
        }
    )


def _hash(content: Mapping[str, object]) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
