"""Failures as one line for people: what, where and what to do; a traceback only when asked for."""

import traceback
from json import JSONDecodeError

from consumers.errors import ConsumerError
from contracts.errors import ContractError
from domain.errors import DomainError
from engine.errors import EngineError
from ledger.errors import LedgerError, MachineryFault
from projections.errors import ProjectionError
from wattledger.errors import ApplicationError
from wattledger.exhausted import advice_on
from wattledger.logs import wants_json
from wattledger.views.terminal import print_error

# What is said in words that were meant for people; anything else is a defect of ours and says so.
_EXPECTED = (
    ApplicationError,
    ConsumerError,
    ContractError,
    DomainError,
    EngineError,
    LedgerError,
    MachineryFault,
    ProjectionError,
    OSError,
    JSONDecodeError,
)


def report(error: Exception, *, debug: bool) -> int:
    """Print a failure; the exit status."""
    if debug and not wants_json():
        traceback.print_exception(error)
    if (advice := advice_on(error)) is not None:
        print_error(advice, error)
    elif isinstance(error, _EXPECTED):
        print_error(str(error) or type(error).__name__, error)
    else:
        print_error(
            f"unexpected {type(error).__name__}: {error}; run it again with --debug and report what it prints",
            error,
        )
    return 1
