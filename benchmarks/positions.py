"""Where an engine on another's topics begins: behind everything that they hold already."""

from collections.abc import Mapping

import psycopg

from ledger.intake.positions import Partition

_BEGIN_AT = """
INSERT INTO intake.position (topic, partition, next_offset, epoch) VALUES (%s, %s, %s, 1)
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset, epoch = position.epoch + 1
"""


def read_from_the_end(dsn: str, ends: Mapping[Partition, int]) -> None:
    """Have the engine of a migrated database read each partition from the offset that is given."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.executemany(_BEGIN_AT, [(topic, number, end) for (topic, number), end in ends.items()])
