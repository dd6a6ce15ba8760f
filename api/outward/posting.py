"""One attempt at a webhook: the signed request, and what its answer means."""

import re
from collections.abc import Sequence
from datetime import datetime

import httpx

from api.outward.client import TOTAL_S, Outward
from api.outward.pauses import retry_after_s
from api.outward.sealing import Seal, SealBroken
from api.outward.sending import Outcome
from api.outward.signature import headers
from api.outward.targets import TargetRefused

_GONE = 410
_RETRY_AFTER_S_MAX = 24 * 3600


async def post_signed(
    outward: Outward, seal: Seal, url: str, id_: str, body: bytes, sealed: Sequence[bytes | None], now: datetime
) -> Outcome:
    """Send `body` under the webhook-id `id_`, signed with each of the sealed secrets; raises nothing."""
    try:
        secrets = [seal.opened(each) for each in sealed if each is not None]
        signed = headers(id_, now, body, secrets)
        said = {"Content-Type": "application/json", "User-Agent": "WattLedger-Webhooks", **signed}
        answer = await outward.post(url, body, said)
    except SealBroken as error:
        return Outcome(None, str(error))
    except TargetRefused as error:
        return Outcome(None, _without_query(str(error)))
    except TimeoutError:
        return Outcome(None, f"no answer within {TOTAL_S:.0f} s")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fault = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
        return Outcome(None, _without_query(fault))
    status = answer.status_code
    return Outcome(
        status,
        retry_after_s=retry_after_s(answer.headers.get("retry-after", ""), _RETRY_AFTER_S_MAX),
        is_taken=answer.is_success,
        gone="it answered 410 Gone" if status == _GONE else None,
    )


def _without_query(said: str) -> str:
    """What is said of a URL, without its query: some receivers are let in by a word in it."""
    return re.sub(r"\?[^\s'\"]+", "?...", said)
