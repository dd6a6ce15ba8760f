"""Releases: from when on the payable lines of a share may be paid."""

from datetime import date, datetime

from domain.values import value


@value
class Release:
    """A share was released; its lines may be paid from the business date `available_on`, J08 is at `matures_at`."""

    released_at: datetime
    available_on: date
    matures_at: datetime

    def matured_before(self, moment: datetime, clock: datetime | None) -> bool:
        """Whether the share had moved to 2010 before a moment; postings at the same instant come first.

        What the clock has not reached has not matured. Without a clock it is presumed that the clock will get there.
        """
        return self.matures_at < moment and (clock is None or self.matures_at <= clock)
