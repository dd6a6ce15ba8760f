"""What the arithmetic starts from: how networks are used, with sources, and what we choose to allow ourselves."""

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any

from consumers.app import BATCH_MAX_RECORDS
from consumers.relay import BATCH_ROWS
from consumers.topics import DEFAULT_PARTITIONS
from engine.sessions import DEFAULT_KEPT_SESSIONS

ZAPMAP_Q2_2025 = "https://www.rhinovans.co.uk/news/tracking-ev-charging-habits-across-the-uk"
ZAPMAP_Q3_2025 = (
    "https://www.zap-map.com/news/zapmap-statistics-q3-2025-show-continued-growth-charging-infrastructure"
)
ZAPMAP_2024 = "https://fleetnews.co.uk/news/two-million-plus-charging-sessions-on-public-network-each-month"
EASEE = "https://developer.easee.com/docs/energy-measurements"
EXAMPLE = "[its story](../README.md#one-session-from-its-first-message-to-its-payout)"
KAFKA = "[Kafka's default](https://kafka.apache.org/documentation/#brokerconfigs_log.retention.hours)"
OUR_CHOICE, OUR_CODE = "our choice", "the engine's own default"

# Share of a day's sessions that begin in each hour: a morning and an evening peak, flat at noon. It is drawn sharper
# than the sources have it (fast chargers peak from 12 to 14 h), since a peak is what the plan is for.
HOURLY_STARTS = (10, 7, 5, 4, 5, 12, 30, 62, 78, 60, 50, 50, 54, 52, 50, 54, 68, 85, 80, 64, 48, 36, 22, 14)


def given(value: Any, meaning: str, source: str) -> Any:
    """A field with its meaning and where its value comes from, which the page shows beside it."""
    return field(default=value, metadata={"meaning": meaning, "source": source})


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything but the measured costs; raises ValueError where a value makes no sense."""

    sessions_per_charge_point_day: float = given(
        1.2, "sessions a charge point and day, on a mean day", f"[9.1 M in 91 days]({ZAPMAP_Q2_2025}) on about 82,000"
    )
    fast_share: float = given(0.69, "of them at 50 kW and more", f"[Zapmap, Q2 2025]({ZAPMAP_Q2_2025})")
    fast_minutes: float = given(37, "minutes of a fast session", f"[the same]({ZAPMAP_Q2_2025})")
    slow_minutes: float = given(215, "minutes of a slow one", f"[the same]({ZAPMAP_Q2_2025})")
    peak_day: float = given(
        1.6, "the busiest day over the mean day", f"[104,215 over 66,000 sessions]({ZAPMAP_2024})"
    )
    reading_minutes: float = given(5, "minutes between two readings", f"[3 to 7: one a kWh]({EASEE})")
    other_messages: int = given(
        7, "messages besides: start, idle, end, capture, settled item, two states of the charger", EXAMPLE
    )
    operator_charge_points: int = given(500, "charge points of an operator, in the mean", OUR_CHOICE)
    largest_operator_share: float = given(0.2, "of all charge points are the largest operator's", OUR_CHOICE)

    batch_records_max: int = given(BATCH_MAX_RECORDS, "records a batch takes at most", OUR_CODE)
    default_partitions: int = given(DEFAULT_PARTITIONS, "partitions of a topic", OUR_CODE)
    kept_sessions: int = given(DEFAULT_KEPT_SESSIONS, "sessions a consumer keeps warm", OUR_CODE)
    warm_session_bytes: float = given(
        7_000, "of memory for a warm session", "resident memory, 4,000 of 26 messages each"
    )
    relay_rows: int = given(BATCH_ROWS, "rows the relay sends in one round", OUR_CODE)

    utilisation_max: float = given(0.7, "of a consumer's time is planned for at the peak", OUR_CHOICE)
    lock_utilisation_max: float = given(0.5, "of the append lock's time is planned for", OUR_CHOICE)
    flush_s: float = given(
        0.001,
        "seconds a commit waits for the disk",
        "a server's NVMe or a fast volume",
    )
    relay_round_s: float = given(0.05, "seconds of a round of the relay", "assumed")
    latency_p99_s: float = given(1.0, "from produced to visible, p99", OUR_CHOICE)
    retention_years: float = given(2, "years kept where queries reach", OUR_CHOICE)
    book_bytes_max: float = given(8e12, "bytes of a book: what one night can restore", OUR_CHOICE)
    index_memory_bytes: float = given(64e9, "bytes of indexes a node has room for in memory", OUR_CHOICE)
    relation_bytes_max: float = given(
        32 * 2**40,
        "bytes of a table or partition",
        "[PostgreSQL](https://www.postgresql.org/docs/current/limits.html)",
    )
    runs_s_max: float = given(3_600, "seconds for the payout runs of one cut-off", OUR_CHOICE)
    restore_bytes_s: float = given(5e8, "bytes a second of a restore", OUR_CHOICE)
    kafka_days: float = given(7, "days a message stays in Kafka", KAFKA)
    replicas: int = given(3, "copies of a message in Kafka", OUR_CHOICE)
    database_copies: int = given(
        3, "PostgreSQL nodes of a book: primary, standby in step, replica to read", OUR_CHOICE
    )

    def __post_init__(self) -> None:
        if not 0 <= self.fast_share <= 1 or not 0 < self.utilisation_max < 1 or not 0 < self.lock_utilisation_max < 1:
            raise ValueError("a share is not between 0 and 1: give fast_share and both utilisations as such")
        if min(self.sessions_per_charge_point_day, self.reading_minutes, self.slow_minutes, self.fast_minutes) <= 0:
            raise ValueError("sessions, their minutes and the minutes between readings must be more than 0")

    @property
    def session_minutes(self) -> float:
        """Minutes of a session, in the mean over fast and slow ones."""
        return self.fast_share * self.fast_minutes + (1 - self.fast_share) * self.slow_minutes

    @property
    def messages_per_session(self) -> float:
        """Messages of a session, in the mean."""
        return self.session_minutes / self.reading_minutes + self.other_messages

    @property
    def peak_hour(self) -> float:
        """The busiest hour's rate over the day's mean rate."""
        return max(HOURLY_STARTS) * len(HOURLY_STARTS) / sum(HOURLY_STARTS)

    def told(self) -> Iterator[tuple[str, float, str, str]]:
        """(name, value, meaning, source) of every input."""
        for each in fields(self):
            yield each.name, getattr(self, each.name), *_told(each)


def _told(each: Field[Any]) -> tuple[str, str]:
    return each.metadata["meaning"], each.metadata["source"]
