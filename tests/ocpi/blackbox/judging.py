"""All tables, in the order in which a partner lives with a platform."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.ocpi.blackbox.box import Box
from tests.ocpi.blackbox.cdr_push_checks import CDRS
from tests.ocpi.blackbox.change_checks import CHANGES
from tests.ocpi.blackbox.emsp import Emsp
from tests.ocpi.blackbox.feeding import PER_PARTNER, Network
from tests.ocpi.blackbox.handshake_checks import HANDSHAKE, LEAVING, SLOW
from tests.ocpi.blackbox.isolation_checks import ISOLATION
from tests.ocpi.blackbox.object_checks import OBJECTS
from tests.ocpi.blackbox.page_checks import PAGES
from tests.ocpi.blackbox.push_checks import IN_THE_END, PUSHES
from tests.ocpi.blackbox.transport_checks import EVERY_ANSWER, LIMITS, TRANSPORT
from tests.ocpi.blackbox.verdicts import Failed, Finding, Table, run

ARRIVING = Table("arriving")
_ARRIVES_S = 240.0


@ARRIVING.check("what gateways tell is there for partners", "locations, tariffs, CDRs")
def arrives(box: Box, _: str) -> None:
    for emsp in box.partners:
        for module, enough in (("cdrs", PER_PARTNER), ("locations", 5), ("tariffs", 3)):
            found = box.awaited(emsp, "2.2.1", module, enough, _ARRIVES_S)
            if len(found) < enough:
                raise Failed(f"{emsp.party} sees {len(found)} {module} after {_ARRIVES_S:.0f} s, and had {enough}")


TABLES = (
    *(HANDSHAKE, ARRIVING, TRANSPORT, PAGES, OBJECTS, ISOLATION, CHANGES),
    *(PUSHES, CDRS, IN_THE_END, SLOW, LIMITS, LEAVING, EVERY_ANSWER),
)


def judge(
    versions_url: str,
    partners: tuple[Emsp, Emsp],
    brokers: Mapping[str, Any],
    rate: int,
    told: Callable[[Finding], None] = lambda _: None,
) -> list[Finding]:
    """What a platform comes to; each of the partners has its token A, and nothing is known of them but that."""
    box = Box(versions_url, partners, Network(brokers), rate)
    box.network.tell(box.network.all((partners[0].party, partners[1].party)))
    try:
        return run(TABLES, box, told)
    finally:
        box.asking.close()
