"""The surface put together: readers, probes, a follower where nobody else follows the store, and the server."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ledger.database import Role, connect, may_act_as
from ledger.errors import MachineryFault
from ledger.heartbeat import is_alive
from wattledger.charge_tokens import charge_tokens_kept
from wattledger.errors import ApplicationError, SettingsError
from wattledger.monitoring.monitor import Monitor, Piece
from wattledger.ocpi_settings import business_details
from wattledger.secret_key import people_seals, secret_keys
from wattledger.sending import brokers_of, publisher_at
from wattledger.settings import Settings
from wattledger.store import Store

if TYPE_CHECKING:
    import socket

    from api.access.settings import IssuerSettings
    from api.ocpi.surface import OcpiSurface
    from api.ocpi.vault import Vault
    from api.outward.sealing import Seal
    from api.outward.targets import Targets
    from api.publishing import Publisher
    from contracts.signing import Sign
    from projections.reading import Readers

SERVE = Piece("serve", ("server",), reads_as=Role.AUDITOR)
# How often it is looked whether somebody else follows the event store.
_LOOK_S = 5.0
# What writes partners' answers down, and what tells the book of them.
_ANSWERS_CONNECTIONS = 2

_log = logging.getLogger(__name__)


def listen(host: str, port: int, *, else_any: bool = False) -> "tuple[socket.socket, str]":
    """A socket that listens, and its URL; with `else_any` another port where this one is taken.

    Raises ApplicationError where none can be had.
    """
    from api.server import PortTaken, url_of
    from api.server import listen as take

    try:
        try:
            listening = take(host, port)
        except PortTaken as taken:
            if not else_any:
                raise ApplicationError(f"{taken.strerror}; name another with --port (0 takes any)") from taken
            listening = take(host, 0)
            _log.warning("%s; the pages are at %s", taken.strerror, url_of(listening))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ApplicationError(
            f"{host}:{port} cannot be listened on ({reason}); name an address of this machine with --host, a port "
            "with --port"
        ) from error
    return listening, url_of(listening)


def check_dev_login(host: str, public_url: str | None) -> None:
    """Raises ApplicationError unless only this machine reaches a server: everybody else could sign in as anybody."""
    from api.access.settings import may_let_developers_in

    if not may_let_developers_in(host, public_url or "http://127.0.0.1"):
        raise ApplicationError(
            f"--dev-login lets in whoever reaches {host}, as anybody; leave it out, or listen on a loopback address "
            "such as 127.0.0.1 (and leave WATTLEDGER_PUBLIC_URL out)"
        )


def _issuer(settings: Settings) -> "IssuerSettings | None":
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    from api.access.settings import IssuerSettings

    secret = settings.oidc_client_secret
    return IssuerSettings(
        settings.oidc_issuer,
        settings.oidc_client_id,
        secret.get_secret_value() if secret is not None else None,
        settings.oidc_role_claim,
        settings.oidc_operator_claim,
    )


def webhook_seal(settings: Settings) -> "Seal":
    """What secrets of webhooks are sealed with. Raises SettingsError for a key that is none."""
    from api.outward.sealing import SealBroken, seal_of

    key = settings.webhook_key
    try:
        return seal_of(key.get_secret_value() if key is not None else None, settings.data_dir)
    except SealBroken as broken:
        raise SettingsError(str(broken)) from None


def partner_vault(settings: Settings) -> "Vault":
    """What tokens of roaming partners are sealed with. Raises SettingsError where there is no key, or it is none."""
    from api.ocpi.vault import Vault, VaultClosed

    try:
        return Vault(secret_keys(settings))
    except VaultClosed as closed:
        raise SettingsError(str(closed)) from None


def webhook_targets(settings: Settings) -> "Targets":
    """Where webhooks may go."""
    from api.outward.targets import Targets

    return Targets(allow_private=settings.allow_private_targets)


def run_surface(
    store: Store,
    listening: "socket.socket",
    url: str,
    stop: threading.Event,
    *,
    dev_login: bool = False,
    ready: Callable[[], None],
) -> None:
    """Serve the pages and resources of a store until `stop` is set, and follow it where nobody else does."""
    from api.access.gate import Gate
    from api.access.principal import ROLES
    from api.access.settings import GateSettings
    from api.actions.desk import Desk
    from api.app import create_app
    from api.server import serve
    from api.surface import Surface
    from ledger.login import surface_login
    from projections.reading import Readers

    public_url = (store.settings.public_url or url).rstrip("/")
    dsn = surface_login(store.dsn, store.settings.data_dir)
    monitor = Monitor(SERVE)
    gate = Gate(
        dsn,
        GateSettings(
            public_url,
            _issuer(store.settings),
            dev_login,
            webhook_seal(store.settings),
            webhook_targets(store.settings),
            people_seals(store.settings),
        ),
    )
    readers = Readers(dsn, ROLES)
    with ExitStack() as ending:
        monitor.begin(store)
        ending.callback(monitor.end)
        gate.open()
        ending.callback(gate.close)
        readers.open()
        ending.callback(readers.close)
        ending.callback(stop.set)
        threading.Thread(target=_follow_alone, args=(store, stop), name="follow", daemon=True).start()
        brokers = ending.enter_context(brokers_of(store))
        publisher = ending.enter_context(publisher_at(brokers))
        desk = Desk(gate.door, publisher, _sign_by(store.settings))
        ending.callback(desk.close)
        surface = Surface(
            readers,
            gate.authenticate,
            gate,
            monitor.livez,
            monitor.readyz,
            _metrics(monitor),
            public_url,
            store.settings.platform_name,
            desk,
            store.working_set,
            partial(_decision_keys, store.settings),
        )
        partners = ending.enter_context(ocpi_surface(store, dsn, public_url, readers))
        # With connections of its own: a page that many read keeps nobody at a plug.
        asking = ending.enter_context(ocpi_surface(store, dsn, public_url, readers))
        ending.enter_context(charge_tokens_kept(store.settings.group_id, asking, publisher, brokers))
        ending.enter_context(_pushing(store, dsn, public_url, readers, publisher))
        application = create_app(surface, partners)
        serve(application, listening, ready, stop, moves=lambda: monitor.signs.moves("server"))


@contextmanager
def ocpi_surface(
    store: Store, dsn: str, public_url: str, readers: "Readers | None" = None
) -> "Iterator[OcpiSurface]":
    """What partners are served with, and asked by, for as long as the block runs; with readers of its own by default.

    `dsn` is of a login that may act as the door's role and as an auditor. Raises SettingsError for a bad key.
    """
    from api.access.principal import ROLES
    from api.ocpi.surface import OcpiSurface, limited_to
    from ledger.access.door import Door
    from projections.reading import Readers

    vault, targets = partner_vault(store.settings), webhook_targets(store.settings)
    with ExitStack() as ending:
        if readers is None:
            readers = Readers(dsn, ROLES)
            readers.open()
            ending.callback(readers.close)
        door = Door(dsn)
        ending.callback(door.close)
        limit = limited_to(store.settings.ocpi_rate_per_minute)
        made = OcpiSurface(
            door,
            readers,
            vault,
            targets,
            public_url,
            limit,
            own_party=store.settings.ocpi_own_party,
            business=business_details(store.settings.ocpi_business),
        )
        ending.callback(made.close)
        yield made


@contextmanager
def _pushing(store: Store, dsn: str, public_url: str, readers: "Readers", publisher: "Publisher") -> Iterator[None]:
    """Push to roaming partners beside the server, on connections of its own, for as long as the block runs."""
    from api.ocpi.pushing.answers import Answers
    from api.ocpi.pushing.leading import push_forever
    from api.ocpi.pushing.modules import sources
    from ledger.access.door import Door

    stop = threading.Event()
    with ExitStack() as ending:
        surface = ending.enter_context(ocpi_surface(store, dsn, public_url, readers))
        door = Door(dsn, _ANSWERS_CONNECTIONS)
        ending.callback(door.close)
        answers = Answers(door, publisher)
        answers.start()
        ending.callback(answers.close)
        given = partial(sources, answers, store.settings.ocpi_session_push_s)
        thread = threading.Thread(target=push_forever, args=(surface, dsn, given, stop), name="pushes")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _decision_keys(settings: Settings) -> list[tuple[str, bool]]:
    """The keys whose signatures count, and which of them signs here; none where they cannot be read."""
    from wattledger.decision_keys import public_keys, signing_key_id

    signs = signing_key_id(settings)
    try:
        return [(str(key["kid"]), key["kid"] == signs) for key in public_keys(settings)]
    except ApplicationError as error:
        _log.error("the keys of decisions cannot be read: %s", error)
        return []


def _sign_by(settings: Settings) -> "Sign":
    """What signs decisions: looked up for each, since keys change while a server runs, and reads need none."""
    from wattledger.decision_keys import signer

    def sign(type_: str, data: Mapping[str, Any], message: str) -> str:
        try:
            return signer(settings).sign(type_, data, message)
        except ApplicationError as error:
            _log.error("nothing can be decided: %s", error)
            raise MachineryFault("this server has no key that decisions are signed by; its log says why") from error

    return sign


def _metrics(monitor: Monitor) -> Callable[[], tuple[bytes, str]]:
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    from wattledger.monitoring.metrics import registry_of

    registry = registry_of(monitor)
    return lambda: (generate_latest(registry), CONTENT_TYPE_LATEST)


def _follow_alone(store: Store, stop: threading.Event) -> None:
    """Keep the read models up for as long as no piece `project` does."""
    from projections.freshness import ON_DEMAND
    from projections.registry import KEPT_UP
    from projections.roaming.feed import follow_roaming
    from projections.runner import follow_forever

    dsn = store.dsn
    while not stop.is_set():
        try:
            if not may_act_as(dsn, Role.PROJECTOR):
                _log.info("this login may not follow the events: `wattledger project` does, as another one")
                return
        except MachineryFault:
            stop.wait(_LOOK_S)
            continue
        if _somebody_follows(dsn):
            stop.wait(_LOOK_S)
            continue
        over = threading.Event()
        # Those that nobody waits for are followed beside the others, which would wait until they have caught up.
        following = [
            threading.Thread(target=follow_forever, args=(dsn, over, names), name="projections", daemon=True)
            for names in (KEPT_UP, ON_DEMAND)
        ]
        roaming = partial(follow_roaming, dsn, over, power_max_kw=store.settings.power_max_kw)
        following.append(threading.Thread(target=roaming, name="roaming", daemon=True))
        for each in following:
            each.start()
        while all(each.is_alive() for each in following) and not stop.wait(_LOOK_S) and not _somebody_follows(dsn):
            pass
        over.set()
        for each in following:
            each.join()


def _somebody_follows(dsn: str) -> bool:
    """Whether a `project` lives; a database that is away tells nothing, and nothing can be followed then."""
    try:
        with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
            return is_alive(cursor, "project")
    except MachineryFault:
        return True
