"""What accounts hold and what entries mean, for somebody who does not know their numbers."""

from collections.abc import Mapping

# What each entry means, by its number in the chart of postings (docs/accounting.md).
MEANING_OF_KIND: Mapping[str, str] = {
    "J01": "session earned",
    "J01c": "card captured",
    "J01d": "discount funded",
    "J01f": "payment written off",
    "J02": "commission",
    "J02t": "commission by tiers",
    "J03": "provider's fee",
    "J04": "provider's fee recharged",
    "J05": "charge sold",
    "J06": "charge bought",
    "J06r": "charge bought, VAT reversed",
    "J07": "part of a share",
    "J08": "share matures",
    "J09": "provider settled",
    "J10": "provider's reserve",
    "J11": "wallet topped up",
    "J12": "paid out of a wallet",
    "J12c": "wallet paid back",
    "J12r": "refund to a wallet",
    "J13": "CDR accepted",
    "J13p": "charge sold to partner",
    "J14": "roaming commission",
    "J16": "CDR invoiced",
    "J17": "invoice paid",
    "J18": "CDR disputed",
    "J19": "CDR dispute won",
    "J20": "CDR dispute lost",
    "J21": "CDR taken back",
    "J22": "partner's debt written off",
    "J24": "CDR received",
    "J24h": "home charging",
    "J25": "refund",
    "J25x": "overpayment refunded",
    "J26": "commission given back",
    "J27": "dispute opened",
    "J28": "dispute fee",
    "J28r": "dispute fee recharged",
    "J29": "dispute won",
    "J30": "dispute lost",
    "J31": "reserve held",
    "J32": "reserve released",
    "J34": "tax withheld",
    "J35": "payout handed off",
    "J36": "payout executed",
    "J37": "bank charge",
    "J37b": "bank charges of a return",
    "J38": "payout failed",
    "J39": "payout returned",
    "J40": "paid again",
    "J40x": "paid twice",
    "J41": "instant payout fee",
    "J42": "service invoiced",
    "J43": "invoice netted",
    "J44": "service earned",
    "J45": "adjustment in favour",
    "J46": "adjustment against",
    "J48": "balance funded",
    "J49": "balance collected",
    "J50": "operator's debt written off",
    "J54": "difference written off",
    "J55": "receipt unallocated",
    "J56": "receipt allocated",
    "J59": "priced again",
    "J59r": "difference refunded",
}

# What each account holds, by its code (docs/accounting.md, "Accounts").
HELD_BY_CODE: Mapping[str, str] = {
    "1010": "client money at the bank",
    "1020": "the platform's own money at the bank",
    "1105": "what a driver owes for a session",
    "1110": "money that a payment provider owes us",
    "1120": "money that a payment provider keeps as its reserve",
    "1200": "accepted CDRs that are not invoiced",
    "1210": "invoiced CDRs that are not paid",
    "1220": "CDRs that partners dispute",
    "1230": "invoices for our service that operators have not paid",
    "1250": "money that a provider holds because of disputes",
    "1310": "VAT on what we buy",
    "2010": "owed to an operator, may be paid",
    "2011": "owed to an operator, not yet",
    "2020": "reserves and holds, kept of an operator's payouts",
    "2030": "held back because of disputes",
    "2050": "payouts on their way",
    "2060": "payouts that failed or came back",
    "2070": "drivers' money in wallets",
    "2080": "due back to drivers",
    "2110": "VAT on our commission and sales",
    "2310": "invoiced service that is not earned yet",
    "4010": "commission of sessions that drivers pay",
    "4020": "commission of roaming sessions",
    "4030": "service for operators",
    "4040": "charges that we sell",
    "4050": "provider fees recharged to operators",
    "5010": "provider fees",
    "5030": "what we buy charges for",
    "5040": "dispute fees",
    "5050": "what operators and drivers owed and was given up",
    "5055": "what partners owed and was given up",
    "5060": "adjustments, and refunds that the platform bears",
    "5065": "discounts that the platform funds",
    "5070": "differences too small to be looked into",
    "5090": "bank charges",
    "9100": "what meters counted",
    "9110": "energy to be billed",
    "9120": "energy billed",
}


def code_of(account: str) -> str:
    """The code of an account that may have a dimension: 2010 of `2010/OP-1`."""
    return account.partition("/")[0]


def held_by(account: str) -> str:
    """What an account holds; nothing for a code that is not in the chart."""
    return HELD_BY_CODE.get(code_of(account), "")


def meaning_of(kind: str, is_mirror: bool) -> str:
    """What an entry means; a mirror takes it back."""
    meaning = MEANING_OF_KIND.get(kind, kind)
    return f"{meaning}, taken back" if is_mirror else meaning
