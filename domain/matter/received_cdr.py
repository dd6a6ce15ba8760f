"""CDRs that partners send: charging of our own drivers at foreign operators (J24), and at somebody's home (J24h).

What a driver took at home is owed by the partner and belongs to whom the charger is; it matures as the payee's own
terms say. A CDR that is told again with other content stands as it was told first.
"""

from collections.abc import Sequence

from domain.book.bookings import ShareMatured
from domain.book.findings import Finding, FindingKind
from domain.book.roaming_bookings import CdrReceived, HomeChargingEarned
from domain.exact import exact
from domain.matter.judgement import Head, Judgement, Surroundings
from domain.matter.told import Told, of_types
from domain.money import plain

RECEIVED = "roaming.cdr_received"
KEY = "received"
# As of a session's CDR that its own partner accepted, what matures names its share by its key alone.
SHARE, MATURING_KEY = "cdr:received", "maturing:received"


def judge_received_cdr(told: Sequence[Told], around: Surroundings) -> Judgement:
    """What should be of a CDR that was received, once."""
    first, *again = of_types(told, RECEIVED)
    judgement = Judgement()
    judgement.findings += [_told_otherwise(first, each) for each in again if each.data != first.data]
    data, net, vat = first.data, first.minor("net"), first.minor("vat")
    partner, payee_id = data["partner"].upper(), data.get("payee_id")
    head = _head(first, KEY)
    if payee_id is None:
        vat_code = f"{data['jurisdiction']}-{plain(exact(data['vat_percent']))}"
        about = {"cdr_id": data["cdr_id"], "partner": partner, "vat_code": vat_code}
        judgement.bookings.append(CdrReceived(**head, **about, net=net, vat=vat))
        return judgement
    earned = HomeChargingEarned(**head, share=SHARE, cdr_id=data["cdr_id"], partner=partner, amount=net + vat)
    judgement.bookings.append(earned)
    release = around.release_of(earned)
    if release is None:
        judgement.findings.append(_payee_unknown(first, payee_id, net + vat))
    elif around.has_come(MATURING_KEY, release.matures_at):
        matured = _head(first, MATURING_KEY) | {"effective_at": release.matures_at}
        judgement.bookings.append(ShareMatured(**matured, amount=net + vat))
    else:
        judgement.look_again(release.matures_at)
    return judgement


def _head(first: Told, key: str) -> Head:
    return {
        "key": key,
        "effective_at": first.at,
        "currency": first.data["net"]["currency"],
        "operator_id": first.data.get("payee_id") or "",
        "session_id": None,
    }


def _told_otherwise(first: Told, again: Told) -> Finding:
    cdr_id, partner = again.data["cdr_id"], again.data["partner"].upper()
    sentence = f"CDR {cdr_id} of {partner} was received again by message {again.id} with other content; message "
    return Finding(
        FindingKind.CDR_DOCUMENT_TOLD_OTHERWISE,
        f"told:{again.source}:{again.id}",
        cdr_id,
        again.data.get("payee_id") or "",
        again.at,
        f"{sentence}{first.id} came first and stands",
        again.data["net"]["currency"],
        again.minor("net") + again.minor("vat"),
    )


def _payee_unknown(first: Told, payee_id: str, amount: int) -> Finding:
    sentence = f"{payee_id} has earned CDR {first.data['cdr_id']} and is paid nothing: nothing is published of it"
    currency = first.data["net"]["currency"]
    return Finding(
        FindingKind.PAYEE_UNKNOWN, f"payee:{payee_id}", payee_id, payee_id, first.at, sentence, currency, amount
    )
