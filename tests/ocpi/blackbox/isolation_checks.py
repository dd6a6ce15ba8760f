"""One partner can neither read, write, count nor notice what is another's."""

from datetime import timedelta

from tests.ocpi.blackbox.box import Box
from tests.ocpi.blackbox.emsp import Emsp
from tests.ocpi.blackbox.feeding import LONG_AGO, PER_PARTNER, own_tariff
from tests.ocpi.blackbox.verdicts import VERSIONS, Failed, Table, require

ISOLATION = Table("isolation")
_ARRIVES_S = 80.0


def _pairs(box: Box) -> tuple[tuple[Emsp, Emsp], tuple[Emsp, Emsp]]:
    one, two = box.partners
    return (one, two), (two, one)


@ISOLATION.check("CDRs and sessions are its own alone", "mod_cdrs, trap 16", each_version=True)
def own(box: Box, version: str) -> None:
    for emsp in box.partners:
        for module in {"cdrs", "sessions"} & set(box.lists(version)):
            found = box.walk(emsp, version, module)
            foreign = [
                each["id"]
                for each in found
                if (each["cdr_token"]["country_code"], each["cdr_token"]["party_id"]) != (emsp.country, emsp.party_id)
            ]
            require(not foreign, f"{emsp.party} sees {module} of others: {foreign[:3]}")
            require(len(found) >= PER_PARTNER, f"{emsp.party} sees {len(found)} {module}, and had {PER_PARTNER}")


@ISOLATION.check("a tariff for one partner is nowhere for another", "trap 19, #433", each_version=True)
def tariffs(box: Box, version: str) -> None:
    for emsp, other in _pairs(box):
        answer = box.get(emsp, version, "tariffs", limit=100)
        ids = [each["id"] for each in answer.done()]
        require(own_tariff(emsp.party) in ids, f"{emsp.party} does not see its own tariff")
        require(own_tariff(other.party) not in ids, f"{emsp.party} sees the tariff of {other.party}")
        require(answer.headers["X-Total-Count"] == str(len(ids)), "X-Total-Count counts what is another's")
        text = box.get(emsp, version, "locations", limit=100).body
        require(own_tariff(other.party).encode() not in text, "a connector names the tariff of another")


@ISOLATION.check("who says to be another is not believed", "T § Message Routing, #548", each_version=True)
def forged(box: Box, version: str) -> None:
    for emsp, other in _pairs(box):
        forgery = {"OCPI-from-country-code": other.country, "OCPI-from-party-id": other.party_id}
        for module in box.lists(version):
            honest = box.get(emsp, version, module).done()
            answer = box.get(emsp, version, module, headers=forgery)
            if answer.code == 2001:
                continue
            require(answer.done() == honest, f"{module}: {emsp.party} as {other.party} gets something else")
        as_another = {"OCPI-to-country-code": other.country, "OCPI-to-party-id": other.party_id}
        box.get(emsp, version, "cdrs", headers=as_another).be(200, 2000)


@ISOLATION.check("what happens to one is not noticed by another", "X-Total-Count, last_updated")
def unnoticed(box: Box, _: str) -> None:
    emsp, other = box.partners
    before = {
        module: box.get(other, "2.2.1", module).body.partition(b'"timestamp"')[0] for module in box.lists("2.2.1")
    }
    totals = {module: box.get(other, "2.2.1", module).headers["X-Total-Count"] for module in before}
    known = len(box.walk(emsp, "2.2.1", "cdrs"))
    box.network.tell(box.network.session(emsp.party, "unnoticed", LONG_AGO + timedelta(days=1)))
    if len(box.awaited(emsp, "2.2.1", "cdrs", known + 1, _ARRIVES_S)) <= known:
        raise Failed(f"a session of {emsp.party} came to no CDR within {_ARRIVES_S:.0f} s")
    for module, document in before.items():
        answer = box.get(other, "2.2.1", module)
        require(answer.headers["X-Total-Count"] == totals[module], f"{module}: another total")
        require(answer.body.partition(b'"timestamp"')[0] == document, f"{module}: something has changed")


@ISOLATION.check(
    "what is written as another's is refused, and tokens of one are nowhere for another", "mod_tokens, #548"
)
def tokens(box: Box, _: str) -> None:
    one, two = box.partners
    for version in VERSIONS:
        if not box.has(version, "tokens", "RECEIVER"):
            raise Failed(f"{version} does not offer to receive tokens")
        base = box.url(version, "tokens", "RECEIVER").rstrip("/")
        uid = f"BB-{version}"
        token = {
            "country_code": one.country,
            "party_id": one.party_id,
            "uid": uid,
            "type": "RFID",
            "contract_id": f"{one.party}-C7",
            "issuer": "black box",
            "valid": True,
            "whitelist": "NEVER",
            "last_updated": "2026-03-01T00:00:00Z",
        }
        mine, theirs = (f"{base}/{each.country}/{each.party_id}/{uid}" for each in (one, two))
        box.asking.ask("GET", mine, one.token_c).be(404, 2004)
        box.asking.ask("PATCH", mine, one.token_c, json={"valid": False, "last_updated": token["last_updated"]}).be(
            404, 2004
        )
        answer = box.asking.ask("PUT", mine, one.token_c, json=token)
        require((answer.status, answer.code) in ((200, 1000), (201, 1000)), f"PUT of a token: {answer.body[:160]!r}")
        got = box.asking.ask("GET", mine, one.token_c).done()
        require({name: got.get(name) for name in token} == token, f"the token comes back as {got}")
        # The URL says one owner, and the body or who asks is another.
        for url, who in ((theirs, one), (mine, two), (theirs, two)):
            answer = box.asking.ask("PUT", url, who.token_c, json=token)
            refused = answer.status == 404 or (answer.status, answer.code) == (200, 2001)
            require(refused, f"{who.party} writes a token of {one.party} to {url}: {answer.body[:120]!r}")
        require(box.asking.ask("GET", mine, two.token_c).status == 404, f"{two.party} reads a token of {one.party}")
        box.asking.ask("GET", theirs, two.token_c).be(404, 2004)
        # What is older changes nothing; a PATCH has to say when.
        older = token | {"valid": False, "last_updated": "2026-02-01T00:00:00Z"}
        box.asking.ask("PUT", mine, one.token_c, json=older)
        require(box.asking.ask("GET", mine, one.token_c).done()["valid"] is True, "an older token took its place")
        box.asking.ask("PATCH", mine, one.token_c, json={"valid": False}).be(200, 2001)
        newer = {"valid": False, "last_updated": "2026-04-01T00:00:00Z"}
        box.asking.ask("PATCH", mine, one.token_c, json=newer).be(200, 1000)
        require(box.asking.ask("GET", mine, one.token_c).done()["valid"] is False, "a PATCH changed nothing")
        box.asking.ask("GET", mine, one.token_c, params={"type": "APP_USER"}).be(404, 2004)
