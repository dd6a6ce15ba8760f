"""How an operator's share of a session is split: hosts of sites, investors and others who are operators too."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import StringConstraints, model_validator

from contracts.amounts import Percent, UnsignedText, check_decimals
from contracts.commission import told_of
from contracts.values import AtLeastOne, Identifier, Wire, bad_value

Role = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Base = Literal["SHARE", "GROSS", "NET"]
_WAYS = ("percent", "per_kwh", "per_session")


class Split(Wire):
    """What a payee has of sessions, at `locations` or everywhere: percent of a base, or a sum per kWh or session."""

    operator_id: Identifier
    role: Role
    percent: Percent | None = None
    per_kwh: UnsignedText | None = None
    per_session: UnsignedText | None = None
    base: Base | None = None
    locations: AtLeastOne[Identifier] | None = None

    @model_validator(mode="after")
    def _is_one_way(self) -> "Split":
        if len(told_of(self, _WAYS)) != 1:
            raise bad_value("needs one of percent, per_kwh and per_session, and not more than one")
        if self.base is not None and self.percent is None:
            raise bad_value("is of a percent; leave it out beside a sum", "base")
        return self


def check_splits(splits: Iterable[Split], operator_id: str, currency: str) -> None:
    """Refuse splits to the operator itself, above the whole of a base anywhere, and sums of too many decimals."""
    found = list(splits)
    for number, each in enumerate(found):
        if each.operator_id == operator_id:
            sentence = "is the operator itself; what no payee has stays with it, so leave the split out"
            raise bad_value(sentence, f"splits[{number}].operator_id")
        if each.per_session is not None:
            check_decimals(each.per_session, currency, f"splits[{number}].per_session")
    places = {place.casefold() for each in found for place in each.locations or ()} or {""}
    for place in sorted({*places, ""}):
        for base in ("SHARE", "GROSS", "NET"):
            there = [
                each.percent
                for each in found
                if each.percent is not None and (each.base or "SHARE") == base and _counts_at(each, place)
            ]
            if sum(there) > 100:
                where = f" at location {place}" if place else ""
                raise bad_value(f"comes to {sum(there)} % of {base}{where}; more than 100 % cannot be paid", "splits")


def _counts_at(split: Split, place: str) -> bool:
    return split.locations is None or place in {each.casefold() for each in split.locations}
