"""CDRs pushed: each until it is answered, in the order of its session, and the book learns what was answered."""

from contextlib import ExitStack
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from ledger.access import ocpi_partners
from ledger.audit import verify
from tests.ocpi.test_cdrs import of
from tests.support.aftermath import cdr_answer, cdr_id
from tests.support.events import corrected
from tests.support.partner import TestPartner, enveloped
from tests.support.roaming_cdrs import EXISTS, LATER, Roaming, first, ids, posted, refusing_what_is_there, roaming
from tests.support.waiting import wait_until

__all__ = ["roaming"]


def test_each_cdr_goes_once_to_its_payer_and_the_book_learns_the_answer(roaming: Roaming) -> None:
    with roaming.party(sessions=3) as abc, roaming.party() as other:
        roaming.platform.connected(abc)
        roaming.platform.connected(other)
        roaming.until(abc, *["ACCEPTED"] * 3)
        roaming.until(other, "ACCEPTED")
        assert sorted(posted(abc)) == sorted(ids(abc, 1, 2, 3))
        assert posted(other) == ids(other, 1)
        push = abc.pushed("cdrs")[0]
        sides = [push.headers[f"ocpi-{side}-party-id"] for side in ("from", "to")]
        assert sides == ["GRL", abc.party[3:]]
        assert push.body["total_cost"]["before_taxes"] > 0
        assert roaming.column("location_url", other) == f"{other.url}/2.3.0/cdrs/{ids(other, 1)[0]}"
        assert sorted(roaming.answers(abc)) == sorted(("accepted", each) for each in ids(abc, 1, 2, 3))
        roaming.learn()
        owed = roaming.engine.balances()
        assert owed[f"1200/{abc.party} EUR"] == 3 * owed[f"1200/{other.party} EUR"] > 0
        assert not verify(roaming.engine.dsn).failed


@pytest.mark.parametrize("status", [200, 400, 404])
def test_what_is_refused_is_not_sent_again_and_the_reason_is_the_partner_s_message(
    roaming: Roaming, status: int
) -> None:
    with roaming.party() as abc:
        abc.breaks["cdrs"] = first(enveloped(code=2001, status=status, message="contract\0\n ended"))
        roaming.platform.connected(abc)
        roaming.until(abc, "REFUSED")
        assert roaming.column("reason", abc) == "contract ended"
        (event,) = [each for each in roaming.broker.events("roaming.cdr_rejected") if each["subject"] == abc.party]
        assert event["data"]["reason"] == "contract ended"
        assert len(posted(abc)) == 1


def test_an_answer_that_was_given_by_another_way_is_not_asked_for(roaming: Roaming) -> None:
    with roaming.party(sessions=2) as abc:
        roaming.engine.feed([cdr_answer("accepted", abc.party, ids(abc, 1)[0], LATER)])
        roaming.platform.connected(abc)
        # It is stored, and followed only now.
        roaming.settle()
        roaming.until(abc, "ACCEPTED", "ACCEPTED")
        assert posted(abc) == ids(abc, 2)


def test_what_is_no_answer_is_asked_again(roaming: Roaming) -> None:
    no_answers = [
        enveloped(code=3000),
        enveloped(code=4003),
        enveloped(code=2000, status=503),
        enveloped(code=2000, status=429),
        JSONResponse({"status_code": "1000"}),
    ]
    with ExitStack() as ending:
        parties = [ending.enter_context(roaming.party()) for _ in no_answers]
        for abc, answer in zip(parties, no_answers, strict=True):
            abc.breaks["cdrs"] = first(answer)
            roaming.platform.connected(abc)
        for abc in parties:
            roaming.until(abc, "ACCEPTED")
            assert posted(abc) == ids(abc, 1, 1)
            assert roaming.column("attempts", abc) == 2


def test_one_that_breaks_the_partner_keeps_no_other_waiting(roaming: Roaming) -> None:
    with roaming.party(sessions=9) as abc:
        (poison,) = ids(abc, 1)
        abc.breaks_at = lambda body: enveloped(code=3000, status=500) if body["id"] == poison else None
        roaming.platform.connected(abc)
        wait_until(lambda: roaming.states(abc) == ["WAITING", *["ACCEPTED"] * 8])
        assert roaming.column("reason", abc).endswith("HTTP 500, status_code 3000")


def test_a_credit_goes_before_what_takes_the_place_of_its_cdr(roaming: Roaming) -> None:
    with roaming.party(sessions=2) as abc:
        roaming.engine.feed([corrected(f"S-{abc.party[3:]}-1", "2026-03-11T00:00:00Z", 25_000)])
        roaming.settle("2026-03-12T00:00:00Z")
        (cdr,) = ids(abc, 1)
        successor = cdr_id(f"S-{abc.party[3:]}-1", 2)
        failures = iter([True, True])
        abc.breaks_at = lambda body: (
            enveloped(code=3000) if body["id"] == f"{cdr}-C" and next(failures, False) else None
        )
        roaming.platform.connected(abc)
        roaming.until(abc, *["ACCEPTED"] * 4)
        of_session = [each for each in posted(abc) if each not in ids(abc, 2)]
        assert of_session == [cdr, f"{cdr}-C", f"{cdr}-C", f"{cdr}-C", successor]
        roaming.learn()
        assert not verify(roaming.engine.dsn).failed


@pytest.mark.parametrize("says", [EXISTS, ""])
def test_a_lost_answer_is_found_out_by_reading_back(roaming: Roaming, says: str) -> None:
    """It took the CDR, said that it broke, and refuses the same again; a read-back is in a list, its id otherwise."""
    with roaming.party() as abc:
        (cdr,) = ids(abc, 1)
        abc.breaks_at = refusing_what_is_there(abc, loses=True, says=says)
        abc.broken[f"/2.3.0/cdrs/{cdr}"] = lambda _: enveloped([abc.objects["cdrs"][cdr,] | {"id": cdr.upper()}])
        roaming.platform.connected(abc)
        roaming.until(abc, "ACCEPTED")
        assert posted(abc) == [cdr, cdr]
        assert roaming.column("read_back", abc) is True
        assert roaming.answers(abc) == [("accepted", cdr)]


def test_another_cdr_of_the_same_id_is_refused(roaming: Roaming) -> None:
    with roaming.party() as abc:
        (cdr,) = ids(abc, 1)
        abc.objects["cdrs"][cdr,] = {"id": cdr, "currency": "EUR", "total_cost": {"before_taxes": 1}}
        abc.breaks_at = refusing_what_is_there(abc, loses=False)
        roaming.platform.connected(abc)
        roaming.until(abc, "REFUSED")
        assert "total_cost net 1 for" in roaming.column("reason", abc)


def test_who_does_not_know_our_token_is_left_alone_until_it_is_renewed(roaming: Roaming) -> None:
    with roaming.party(sessions=3) as abc:
        token_c = roaming.platform.connected(abc)
        roaming.until(abc, *["ACCEPTED"] * 3)
        abc.tokens.clear()
        roaming.engine.feed(of(("DE", abc.party[3:]), 4))
        roaming.settle()
        wait_until(lambda: roaming.states(abc)[-1] == "WAITING" and ("POST", "/2.3.0/cdrs") in abc.seen[-1:])
        abc.tokens.add("anew")
        answer = roaming.platform.ask("PUT", "/2.3.0/credentials", token_c, json=abc.credentials("anew"))
        assert answer.json()["status_code"] == 1000
        roaming.until(abc, *["ACCEPTED"] * 4)
        assert len(posted(abc)) == 4


def test_interfaces_that_are_elsewhere_by_now_are_looked_up(roaming: Roaming) -> None:
    with roaming.party() as abc:
        abc.broken["/2.3.0/cdrs"] = lambda _: _moved(abc)
        abc.broken["/2.3.0/elsewhere"] = lambda _: enveloped(status=201)
        roaming.platform.connected(abc)
        roaming.until(abc, "ACCEPTED")
        assert roaming.column("location_url", abc) is None


def _moved(of: TestPartner) -> Response:
    """From the first push on, its CDRs are elsewhere."""
    endpoints = [
        {"identifier": each, "role": "RECEIVER", "url": f"{of.url}/2.3.0/{at}"}
        for each, at in (("credentials", "credentials"), ("cdrs", "elsewhere"))
    ]
    of.broken["/2.3.0"] = lambda _: enveloped({"version": "2.3.0", "endpoints": endpoints})
    return enveloped(code=2000, status=404)


def test_who_comes_back_is_sent_nothing_twice_and_what_came_meanwhile(roaming: Roaming) -> None:
    with roaming.party() as abc:
        roaming.platform.connected(abc)
        roaming.until(abc, "ACCEPTED")
        with roaming.platform.surface.door.transaction() as cursor:
            ocpi_partners.leave(cursor, abc.party)
        roaming.engine.feed(of(("DE", abc.party[3:]), 2))
        roaming.settle()
        assert roaming.states(abc) == ["ACCEPTED", "WAITING"]
        roaming.platform.connected(abc)
        roaming.until(abc, "ACCEPTED", "ACCEPTED")
        assert posted(abc) == ids(abc, 1, 2)


def test_answers_are_kept_while_kafka_is_away_and_said_again_under_the_same_id(roaming: Roaming) -> None:
    with roaming.party() as abc:
        roaming.broker.away = roaming.broker.lost = True
        roaming.platform.connected(abc)
        wait_until(lambda: len(roaming.answers(abc)) >= 1)
        assert roaming.column("told", abc) is None
        roaming.broker.away = False
        roaming.until(abc, "ACCEPTED")
        said = [each for each in roaming.broker.events("roaming.cdr_accepted") if each["subject"] == abc.party]
        assert len(said) >= 2
        assert said.count(said[0]) == len(said)
        roaming.learn()
        assert not verify(roaming.engine.dsn).failed


@pytest.mark.parametrize("data", [[], {}, [{"id": "another"}, {"id": "more"}]])
def test_what_is_no_cdr_of_the_id_says_nothing_of_it(roaming: Roaming, data: Any) -> None:
    with roaming.party() as abc:
        (cdr,) = ids(abc, 1)
        abc.breaks_at = refusing_what_is_there(abc, loses=True)
        abc.broken[f"/2.3.0/cdrs/{cdr}"] = lambda _: enveloped(data)
        roaming.platform.connected(abc)
        roaming.until(abc, "ACCEPTED")
        assert roaming.column("read_back", abc) is False
        assert roaming.answers(abc) == [("accepted", cdr)]
