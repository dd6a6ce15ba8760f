"""The HTTP server of a piece: requests are answered in threads of their own, beside its work."""

import errno
import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, TypeAlias
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from wattledger.errors import ApplicationError

Wsgi: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# An answer: whether all is well, and a sentence.
Answer: TypeAlias = Callable[[], tuple[bool, str]]

# A client that sends nothing is not waited for longer.
_REQUEST_S = 10.0


class MonitoringServer:
    """Serves `/livez`, `/readyz` and `/metrics` from `start` to `stop`."""

    def __init__(self, host: str, port: int, livez: Answer, readyz: Answer, metrics: Wsgi) -> None:
        """Takes the port, 0 being any that is free. Raises ApplicationError where it cannot be had."""
        self._server = _listen(host, port)
        self._server.set_app(_application(livez, readyz, metrics))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="monitoring", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it is found."""
        host, port = self._server.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def check_port(host: str, port: int) -> None:
    """Raises ApplicationError unless this port can be had now."""
    _listen(host, port).server_close()


def _listen(host: str, port: int) -> "_Server":
    try:
        return _Server(host, port)
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            reason = f"port {port} on {host} is taken by another process"
        else:
            reason = f"port {port} on {host} cannot be listened on ({getattr(error, 'strerror', None) or error})"
        raise ApplicationError(
            f"/metrics: {reason}; set WATTLEDGER_METRICS_PORT to a free one (0 takes any), or "
            "WATTLEDGER_METRICS_HOST to an address of this machine"
        ) from error


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = found[0][0]
        super().__init__((host, port), _Quiet)

    def server_bind(self) -> None:
        """Bind without asking a resolver for the machine's name, which may take long and is shown nowhere."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up early is no event."""


class _Quiet(WSGIRequestHandler):
    timeout = _REQUEST_S

    def log_message(self, format: str, *args: Any) -> None:
        """Probes come every few seconds; none of them is logged."""


def _application(livez: Answer, readyz: Answer, metrics: Wsgi) -> Wsgi:
    answers = {"/livez": livez, "/readyz": readyz}

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return metrics(environ, start_response)
        status, sentence = "404 Not Found", "there are /livez, /readyz and /metrics"
        if path in answers:
            if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
                status, sentence = "405 Method Not Allowed", "ask by GET"
            else:
                well, sentence = answers[path]()
                status = "200 OK" if well else "503 Service Unavailable"
        body = b"" if environ["REQUEST_METHOD"] == "HEAD" else f"{sentence}\n".encode()
        start_response(
            status,
            [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
            ],
        )
        return [body]

    return application
