"""The black box by hand: a table of findings, and exit status 1 where any of them is no PASS."""

import argparse
import sys

from tests.ocpi.blackbox.emsp import listening
from tests.ocpi.blackbox.judging import judge
from tests.ocpi.blackbox.verdicts import Verdict


def main() -> int:
    """Judge a platform; 0 where all is PASS."""
    words = argparse.ArgumentParser(prog="python -m tests.ocpi.blackbox", description=__doc__)
    words.add_argument("versions_url", help="where the platform's versions are")
    words.add_argument(
        "--partner",
        action="append",
        required=True,
        metavar="PARTY=TOKEN_A",
        help="two of them, each invited as an eMSP; the platform has to reach 127.0.0.1",
    )
    words.add_argument("--kafka", required=True, metavar="HOST:PORT", help="the brokers of the gateways' events")
    words.add_argument(
        "--kafka-setting",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="how they let one in, by librdkafka's names, such as security.protocol=SASL_SSL",
    )
    words.add_argument("--rate", type=int, default=3_000, help="requests a minute of a partner (3000)")
    given = words.parse_args()
    parties = dict(each.split("=", 1) for each in given.partner)
    if len(parties) != 2:
        words.error("--partner is given for two partners")
    (one, token_one), (two, token_two) = parties.items()
    brokers = {"bootstrap.servers": given.kafka, **dict(each.split("=", 1) for each in given.kafka_setting)}
    with listening(one, ("2.2.1",)) as first, listening(two, ("2.2.1", "2.3.0")) as second:
        first.token_a, second.token_a = token_one, token_two
        found = judge(given.versions_url, (first, second), brokers, given.rate, lambda each: print(each))  # noqa: T201
    return int(any(each.verdict is not Verdict.PASS for each in found))


if __name__ == "__main__":
    sys.exit(main())
