"""Silence for libraries that log what is tried again anyway."""

import logging

# Of what these say, only what is very wrong is shown: everything else is tried again, and where it lasts the engine
# says so itself.
_NOISY_LIBRARIES = ("aiokafka", "faststream", "asyncio")


def silence_libraries() -> None:
    """Have them speak up only when something is very wrong."""
    for name in _NOISY_LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)
