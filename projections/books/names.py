"""What accounts are called in plain text accounting: `2010/OP-1` is `Liabilities:2010:OP-2d1`."""

import re

# By the first digit of the code. 9 is what explains itself to zero, and no other digit leads a code.
_ROOTS = {"1": "Assets", "2": "Liabilities", "3": "Equity", "4": "Income", "5": "Expenses"}
_OTHERS = "Equity"

_ESCAPED = re.compile(rb"[^A-Za-z0-9]|\A[a-z]")


def book_account(account: str) -> str:
    """The name of an account `CODE` or `CODE/DIMENSION`: root, code and dimension, with colons between them.

    In the dimension every byte of UTF-8 but A-Z, a-z and 0-9 is `-` and two hex digits, a first small letter too, and
    an `X` stands before a first `-`: hledger and beancount both take such names. They are equal for two accounts only
    where one dimension is the other with `X` before it and begins with neither a letter nor a digit (`-1`, `X-1`).
    """
    code, has_dimension, dimension = account.partition("/")
    name = f"{_ROOTS.get(code[:1], _OTHERS)}:{code}"
    if not has_dimension:
        return name
    escaped = _ESCAPED.sub(_hex, dimension.encode()).decode()
    return f"{name}:X{escaped}" if escaped.startswith("-") else f"{name}:{escaped}"


def may_be_shared(account: str) -> bool:
    """Whether another account may have the same name in text."""
    dimension = account.partition("/")[2].removeprefix("X")
    return not (dimension[:1].isascii() and dimension[:1].isalnum())


def _hex(found: re.Match[bytes]) -> bytes:
    return b"-%02x" % found[0][0]
