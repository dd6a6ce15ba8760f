"""What the Kafka side asks of the intake: claims of partitions, batches as transactions, quarantine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ledger.intake.positions import Partition


class Record(NamedTuple):
    """A record as Kafka gave it, with where it lies; a tuple, since there are thousands in a batch."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def home(self) -> Partition:
        """The partition the record lies in."""
        return (self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write what a partition says: valid until somebody claims it with a higher epoch.

    `next_offset` is the first record that was not taken yet; None when none ever was.
    """

    epoch: int
    next_offset: int | None

    def __post_init__(self) -> None:
        if self.next_offset is not None and self.next_offset < 0:
            raise ValueError(f"next_offset is {self.next_offset}; offsets count from 0")


class Intake(Protocol):
    """What takes records in. It blocks, and is called from one thread, one call at a time."""

    def claim(self, partitions: Sequence[Partition]) -> dict[Partition, Claim]:
        """Make the caller the owner of the partitions, at once for all; answers where to read on.

        Raises MachineryFault when the database does not answer.
        """
        ...

    def process(self, records: Sequence[Record], epochs: Mapping[Partition, int]) -> None:
        """Take a batch in as one transaction, all of it or nothing; records of one partition are in order.

        Raises PartitionLost when an epoch is over, MachineryFault when the database does not answer, and anything
        else when a record of the batch cannot be processed.
        """
        ...

    def quarantine(self, record: Record, error: Exception, epochs: Mapping[Partition, int]) -> None:
        """Set one record aside because of an error, and move the position past it, as one transaction.

        Raises as `process` does.
        """
        ...

    def note_unread(self, partition: Partition, epoch: int, offset: int, reason: str) -> None:
        """Have people told that the record batch at an offset cannot be read, until it is passed.

        Raises PartitionLost when the epoch is over, MachineryFault when the database does not answer.
        """
        ...
