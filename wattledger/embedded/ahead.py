"""Kafka's classes as a Java machine has them once it loaded them: an archive in the cache, beside the jars.

A broker that starts from it takes half the time of a processor. Its number grows with what a start loads. It is used
where there is one, and made by `python -m wattledger.embedded.making_ahead`; one of another Java is passed over by
Java itself.
"""

from collections.abc import Sequence
from pathlib import Path


def archive_of(jars: Sequence[Path]) -> Path:
    """Where the archive of these jars is, made or not."""
    return jars[0].parent / "broker-2.aot"


def options_of(jars: Sequence[Path]) -> list[str]:
    """What Java is told of the archive; nothing where there is none."""
    archive = archive_of(jars)
    return [f"-XX:AOTCache={archive}"] if archive.exists() else []
