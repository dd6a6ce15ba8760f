"""Fields of bookings that are lists, drawn: parts of payees, accounts, and VAT with the places beside it."""

from typing import Any

from hypothesis import strategies as st

# What is told in such a field adds up to the amount of the booking, with a sign.
_ADDS_UP = {"parts": 1, "accounts": -1}


def listed_fields(amounts: st.SearchStrategy[int]) -> dict[str, st.SearchStrategy[Any]]:
    """What each of these fields may be, by its name."""
    places = st.just(("DE-19", "FR-5.5"))
    return {
        "parts": st.tuples(
            st.builds(lambda amount: ["HOST", amount, False, "split:HOST:session"], amounts),
            st.builds(lambda amount: ["INV", amount, True, "k:INV"], amounts),
        ),
        "accounts": st.tuples(*(st.builds(_of_account, st.just(code), amounts) for code in ("1310", "2110"))),
        "vat": st.tuples(amounts, amounts),
        "old_vat": st.tuples(amounts, amounts),
        "vat_at": places,
        "old_vat_at": places,
    }


def is_listed(name: str, type_: object) -> bool:
    """Whether a field of this name and type is one of them; of some bookings `vat_at` is a single place."""
    return name in ("parts", "accounts", "vat", "old_vat", "vat_at", "old_vat_at") and type_ not in (str, "str")


def with_sums(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of a booking with the amount that its lists add up to."""
    for name, sign in _ADDS_UP.items():
        if name in values:
            return values | {"amount": sign * sum(part[1] for part in values[name])}
    return values


def _of_account(code: str, amount: int) -> list[Any]:
    return [f"{code}/DE-19", amount]
