"""Loads what Typer prints help with, without the half of it that no help of ours needs.

Typer's printer names Rich's Markdown and Rich's tracebacks as it is imported, and with them come parsers of Markdown
and of some five hundred languages: 0.13 of 0.33 s of processor time. Our help is plain text, and our failures are
told by `wattledger.failures`.
"""

import sys
from contextlib import suppress
from types import ModuleType

# Modules that the printer imports, each with the one class that it names of it.
_NOT_NEEDED = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}


def load_help_printer() -> None:
    """Import the printer with empty classes for those it never calls; whoever imports the modules later gets them.

    A printer that names more of them is left to Typer, which imports it with the modules themselves.
    """
    stand_ins = {name: _stand_in(name) for name in _NOT_NEEDED if name not in sys.modules}
    sys.modules |= stand_ins
    try:
        with suppress(ImportError, AttributeError):
            import typer.rich_utils  # noqa: F401 - for its effect: Typer finds it imported.
    finally:
        for name in stand_ins:
            del sys.modules[name]


def _stand_in(name: str) -> ModuleType:
    module, class_name = ModuleType(name), _NOT_NEEDED[name]
    setattr(module, class_name, type(class_name, (), {}))
    return module
