"""What a bank file asks for, however it is written; the characters in which a payout stands at banks."""

import re
from base64 import b32encode
from dataclasses import dataclass, field

# What a transfer says: amount in minor units, currency, account.
Transfer = tuple[int | None, str | None, str | None]
LATIN_NAME = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]{1,70}")


@dataclass(slots=True)
class Orders:
    """The transfers of a file, and the day (ISO 8601) for which each asks, by payout id without hyphens."""

    transfers: dict[str, Transfer] = field(default_factory=dict)
    days: dict[str, str] = field(default_factory=dict)
    # Of the ACH: the trace number of each entry.
    traces: dict[str, str] = field(default_factory=dict)

    def add(self, payout_id: str, transfer: Transfer, day: str) -> None:
        """Note a transfer. Raises ValueError where the file has it already."""
        if payout_id in self.transfers:
            raise ValueError(f"payout {payout_id} stands in it twice")
        self.transfers[payout_id], self.days[payout_id] = transfer, day


def characters_of(payout_id: str) -> str:
    """The 15 characters that the ACH and structured references have of an id: its bytes in base32, cut off."""
    return b32encode(bytes.fromhex(payout_id)).decode()[:15]


def is_reference_of(reference: str, payout_id: str) -> bool:
    """Whether a creditor reference checks out (ISO 11649) and is that of a payout."""
    digits = "".join(str(int(each, 36)) for each in reference[4:] + reference[:4])
    return reference.startswith("RF") and int(digits) % 97 == 1 and reference[4:] == characters_of(payout_id)
