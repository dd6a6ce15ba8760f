"""The moment at which something is decided."""

from datetime import UTC, datetime

from domain.calendar import utc_text


def now_text() -> str:
    """Now, as events tell it."""
    return utc_text(datetime.now(UTC))
