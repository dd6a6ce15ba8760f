"""Makes the archive of Kafka's classes (`ahead`): starts a broker once, and keeps what that has loaded.

It takes a dozen seconds of a processor, so no command of ours does it unasked; a run of all tests does.
"""

import asyncio
import fcntl
import sys
import tempfile
from pathlib import Path

from consumers.rights import ready_brokers
from wattledger.embedded.ahead import archive_of
from wattledger.embedded.jars import cached_jars
from wattledger.embedded.kafka import EmbeddedKafka
from wattledger.embedded.process import Command, run_to_end
from wattledger.errors import ServiceError
from wattledger.settings import default_cache_dir

_MAKE_SECONDS_MAX = 120.0


def make(cache_dir: Path) -> Path:
    """Makes the archive of the cache's jars, unless it is there; where it is.

    Raises:
        ServiceError: the broker cannot be started, or Java writes no archive.
    """
    archive = archive_of(cached_jars(cache_dir))
    with (cache_dir / ".ahead.lock").open("w") as lock, tempfile.TemporaryDirectory(dir=cache_dir) as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if archive.exists():
            return archive
        loaded, growing = Path(folder) / "loaded.aotconf", Path(folder) / archive.name
        recorded = [f"-XX:AOTConfiguration={loaded}", "-XX:AOTMode=record"]
        with EmbeddedKafka(Path(folder), cache_dir, recorded) as broker:
            broker.stop_seconds = _MAKE_SECONDS_MAX
            # That of its tool, which has formatted the folder: should this one not be written, it is no archive's.
            loaded.unlink(missing_ok=True)
            # What comes with the first client that is let in, too.
            asyncio.run(ready_brokers(broker.client_options, embedded=True))
        options = [f"-XX:AOTConfiguration={loaded}", "-XX:AOTMode=create", f"-XX:AOTCache={growing}"]
        java = EmbeddedKafka(Path(folder), cache_dir, options).java_command()
        # The folder of the broker has what its options name.
        command = Command(java, Path(folder) / "kafka", Path(folder) / "ahead.log")
        status, output = run_to_end(command, _MAKE_SECONDS_MAX)
        if status != 0 or not growing.exists():
            raise ServiceError(f"Java makes no archive of Kafka (status {status}): {output.strip()[-300:]}")
        growing.chmod(0o644)
        growing.rename(archive)
    return archive


if __name__ == "__main__":
    sys.stdout.write(f"{make(default_cache_dir())}\n")
