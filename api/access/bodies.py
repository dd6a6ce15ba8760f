"""What every POST that changes something brings: a JSON body, and a key by which it acts once."""

from starlette.requests import Request

from api.problems import Problem

IDEMPOTENCY_HEADER = "Idempotency-Key"
_KEY_MAX = 255


def idempotency_key(request: Request) -> str:
    """The `Idempotency-Key` of a request. Raises Problem 400 without one of 1 to 255 printable characters.

    A form of a page has it among its fields, and who took them in has noted it at the request.
    """
    given = getattr(request.state, "once", None) or request.headers.get(IDEMPOTENCY_HEADER, "")
    if not (0 < len(given) <= _KEY_MAX and given.isascii() and given.isprintable()):
        detail = f"is missing or is not 1 to {_KEY_MAX} printable characters: send one that is new for each action"
        raise Problem(
            400,
            "no_idempotency_key",
            f"{IDEMPOTENCY_HEADER}: {detail}",
            [{"parameter": IDEMPOTENCY_HEADER, "detail": detail}],
        )
    return given


async def refuse_other_bodies(request: Request) -> None:
    """Raises Problem 415 unless the body is said to be JSON."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json" and not given.endswith("+json"):
        raise Problem(415, "not_json", f"Content-Type: is {given[:64]!r}; send the body as application/json")
