"""What is answered below `/ocpi` where a request never becomes one: no HTTP, too large a head, too slow."""

from collections.abc import Sequence

from starlette.responses import Response

from api.ocpi.answers import Code, OcpiFault, failed
from api.ocpi.app import HEAD_MAX, PREFIX, decent
from api.problems import Problem

_TOO_LARGE = 431


def refusal(problem: Problem, target: bytes, headers: Sequence[tuple[bytes, bytes]], id_: str) -> Response | None:
    """The answer in OCPI's envelope, with the ids that came; None where the target is none of OCPI's.

    `target` and `headers` are as much of the head as was read; names of headers are in small letters. `id_` is the
    request's in logs.
    """
    path = target.partition(b"?")[0]
    if path != PREFIX.encode() and not path.startswith(f"{PREFIX}/".encode()):
        return None
    status, message = problem.status, problem.detail
    if status == _TOO_LARGE:
        is_url = len(target) > HEAD_MAX
        status, message = (
            (414, "the URL has more than 8 KiB") if is_url else (431, "the headers have more than 8 KiB")
        )
    given = {name: value.decode("latin-1") for name, value in headers}
    answer = failed(OcpiFault(Code.CLIENT, message, status))
    answer.headers["X-Request-ID"] = decent(given.get(b"x-request-id"), id_)
    answer.headers["X-Correlation-ID"] = decent(given.get(b"x-correlation-id"))
    return answer
