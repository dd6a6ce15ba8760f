"""The rows that there are: whatever modules below `rows` have, by name."""

import pkgutil
from importlib import import_module

from tests.soak import rows
from tests.soak.row import Row


def all_rows() -> dict[str, Row]:
    """Every row by its name, in the order of the names; two of one name are an error."""
    found: dict[str, Row] = {}
    for module in pkgutil.iter_modules(rows.__path__):
        for row in import_module(f"{rows.__name__}.{module.name}").ROWS:
            if row.name in found:
                raise ValueError(f"two rows of the soak are called {row.name!r}: name one of them otherwise")
            found[row.name] = row
    return dict(sorted(found.items()))
