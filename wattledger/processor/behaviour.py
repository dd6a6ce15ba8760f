"""How the bank behaves: what becomes of each transfer, decided by the operator or by shares, and the same each time.

A wish is `NAME=VALUE`; docs/processors.md lists them. Who gets which conduct is drawn by a hash of the seed and the
EndToEndId, so that nothing depends on the order in which transfers come, or on a run before.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wattledger.processor.errors import BehaviourRefused


class Outcome(StrEnum):
    """What becomes of a transfer."""

    PAY = "pay"
    ACCEPT = "accept"
    REJECT = "reject"
    RETURN = "return"
    PARTIAL = "partial"
    SILENT = "silent"


class Manner(StrEnum):
    """How the bank tells of it: each answer twice, the last one first, only when asked, or the file once more."""

    TWICE = "twice"
    SHUFFLED = "shuffled"
    UNKNOWN = "unknown"
    DUPLICATE = "duplicate"


class Word(StrEnum):
    """What a bank says of a transfer, in the words of `payout.results`; REFUSED is of a file that came again."""

    ACCEPTED = "accepted"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"
    REFUSED = "refused"


_OUTCOMES, _MANNERS = frozenset(Outcome), frozenset(Manner)
# ISO 20022 external codes: the account is closed; the account is blocked.
_REASONS = {Outcome.REJECT: "AC04", Outcome.RETURN: "AC06", Outcome.PARTIAL: "AC06"}
# So long after it was handed in a transfer is accepted, and so on.
_AFTER_S = {Word.ACCEPTED: 0, Word.PAID: 1, Word.FAILED: 1, Word.RETURNED: 3}
_WORDS = {
    Outcome.PAY: (Word.ACCEPTED, Word.PAID),
    Outcome.ACCEPT: (Word.ACCEPTED,),
    Outcome.REJECT: (Word.FAILED,),
    Outcome.RETURN: (Word.ACCEPTED, Word.PAID, Word.RETURNED),
    Outcome.PARTIAL: (Word.ACCEPTED, Word.PAID, Word.RETURNED),
    Outcome.SILENT: (),
}


@dataclass(frozen=True, slots=True)
class Conduct:
    """What becomes of a transfer, how that is told, and with which reason."""

    outcome: Outcome = Outcome.PAY
    manners: frozenset[Manner] = frozenset()
    reason: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Conduct":
        """The conduct of words such as `pay`, `reject:AC01`, `return+twice`; a manner alone is of a payment."""
        outcome, manners, reason = None, set(), None
        for word in text.split("+"):
            name, _, code = word.strip().partition(":")
            if name in _MANNERS:
                manners.add(Manner(name))
            elif name in _OUTCOMES and outcome is None:
                outcome, reason = Outcome(name), code or None
            else:
                known = ", ".join([*Outcome, *Manner])
                raise BehaviourRefused(
                    f"{text!r} is no conduct of a bank; say one outcome and any manners of: {known}"
                )
        return cls(outcome or Outcome.PAY, frozenset(manners), reason or _REASONS.get(outcome or Outcome.PAY))

    @property
    def words(self) -> tuple[Word, ...]:
        """What happens, in order."""
        return _WORDS[self.outcome]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A bank's behaviour: by operator and attempt, by shares, and else `otherwise`; how long things take; charges."""

    seed: str = "0"
    otherwise: Conduct = Conduct()
    shares: tuple[tuple[Conduct, Decimal], ...] = ()
    operators: Mapping[str, tuple[Conduct, ...]] = field(default_factory=dict)
    after: Mapping[Word, timedelta] = field(
        default_factory=lambda: MappingProxyType({word: timedelta(seconds=s) for word, s in _AFTER_S.items()})
    )
    charges: Decimal = Decimal("5.00")

    @classmethod
    def parse(cls, wishes: Iterable[str]) -> "Behaviour":
        """The behaviour that wishes come to; each is `NAME=VALUE`, or a file of them as one JSON object.

        Raises BehaviourRefused.
        """
        given: dict[str, Any] = {}
        for wish in wishes:
            name, sign, value = wish.partition("=")
            given |= {name.strip(): value.strip()} if sign else _read_file(Path(wish))
        try:
            return _behaviour(given)
        except (InvalidOperation, ValueError) as error:
            raise BehaviourRefused(f"a behaviour has a value that is no number of its kind: {error}") from None

    def conduct_of(self, end_to_end_id: str, operator_id: str, attempt: int) -> Conduct:
        """What becomes of a transfer; the last conduct that is set for an operator holds for all later attempts."""
        if told := self.operators.get(operator_id):
            return told[min(attempt, len(told)) - 1]
        digest = sha256(f"{self.seed}:{end_to_end_id}".encode()).digest()
        drawn = Decimal(int.from_bytes(digest[:8])) / (1 << 64)
        for conduct, share in self.shares:
            if drawn < share:
                return conduct
            drawn -= share
        return self.otherwise

    def comes_back(self, conduct: Conduct, amount: Decimal) -> Decimal:
        """What of an amount comes back: all of it, or less the charges where it is more than they are."""
        less = amount - self.charges.quantize(amount)
        return less if conduct.outcome is Outcome.PARTIAL and less > 0 else amount


def _read_file(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BehaviourRefused(f"{path} is neither NAME=VALUE nor a file of them as a JSON object: {error}") from None
    if not isinstance(read, dict):
        raise BehaviourRefused(f"{path} holds no JSON object; write one of NAME and VALUE")
    return read


def _behaviour(given: Mapping[str, Any]) -> Behaviour:
    shares: list[tuple[Conduct, Decimal]] = []
    operators: dict[str, tuple[Conduct, ...]] = {}
    after = {word: timedelta(seconds=s) for word, s in _AFTER_S.items()}
    more: dict[str, Any] = {}
    for name, value in given.items():
        kind, _, operator_id = name.partition(":")
        if name == "seed":
            more["seed"] = str(value)
        elif name == "otherwise":
            more["otherwise"] = Conduct.parse(str(value))
        elif name == "charges":
            more["charges"] = Decimal(str(value))
        elif name.endswith("_after") and name.removesuffix("_after") in _AFTER_S:
            after[Word(name.removesuffix("_after"))] = timedelta(seconds=float(value))
        elif kind == "operator" and operator_id:
            operators[operator_id] = tuple(Conduct.parse(each) for each in str(value).split(","))
        else:
            shares.append((Conduct.parse(name), Decimal(str(value))))
    if sum(share for _, share in shares) > 1 or any(share < 0 for _, share in shares):
        raise BehaviourRefused("the shares of a behaviour come to more than 1, or one is below 0; give parts of 1")
    return Behaviour(shares=tuple(shares), operators=operators, after=after, **more)
