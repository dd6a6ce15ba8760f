"""Ledgers that are compared move the same transfers and end with the same balances."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.peers import contest, pgledger
from benchmarks.peers.__main__ import main
from benchmarks.peers.contest import Heat, WrongBalances
from benchmarks.peers.hordak import Hordak
from benchmarks.peers.ours import Ours
from benchmarks.peers.peer import Peer, Way, by_clients
from benchmarks.peers.pgledger import Pgledger, WrongSource
from benchmarks.peers.transfers import Field, Transfer, balances_after, transfers
from benchmarks.stage import Stage, open_stage

ACCOUNTS = 12


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A server to compare on."""
    with open_stage(1) as opened:
        yield opened


@pytest.fixture(scope="module")
def peers() -> dict[str, Peer]:
    """Every ledger that is here, by name: pgledger when its files can be had, hordak when it was installed before."""
    others: list[Peer] = [Pgledger()]
    found: dict[str, Peer] = {"ours": Ours(), **{peer.name: peer for peer in others if peer.missing() is None}}
    hordak = Hordak()
    return {**found, hordak.name: hordak} if hordak.installed() else found


@pytest.mark.parametrize("field", Field)
@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("name", ["ours", "pgledger", "hordak"])
def test_the_same_200_transfers_give_the_balances_that_arithmetic_gives(
    stage: Stage, peers: dict[str, Peer], name: str, way: Way, field: Field
) -> None:
    if name not in peers:
        pytest.skip(f"{name} cannot be had on this machine")
    # The measurement itself compares the balances of all accounts and raises when one differs.
    assert contest.measure(stage, peers[name], Heat(way, field, 200), ACCOUNTS) > 0


def test_a_ledger_that_ends_with_other_balances_is_found(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contest, "balances_after", lambda made, accounts: [1] * accounts)
    with pytest.raises(WrongBalances, match="ours ended"):
        contest.measure(stage, Ours(), Heat(Way.SETS, Field.SPREAD, 10), ACCOUNTS)


def test_figures_say_how_many_times_as_fast_the_first_is_as_each_other_one(stage: Stage) -> None:
    class Same(Ours):
        name = "same"

    told: list[str] = []
    found = contest.run(stage, [Ours(), Same()], [Heat(Way.SETS, Field.HOT, 50)], 2, told.append)
    by_name = {figure.name: figure for figure in found}
    ours, same = by_name["sets of 1,000, 1 client, hot: ours"], by_name["sets of 1,000, 1 client, hot: same"]
    assert by_name["sets of 1,000, 1 client, hot: ours over same"].values == tuple(
        a / b for a, b in zip(ours.values, same.values, strict=True)
    )
    # The order turns with each round.
    assert [sentence.split()[-3] for sentence in told] == ["ours", "same", "same", "ours"]


def test_the_same_transfers_are_given_to_everybody() -> None:
    spread, hot = (transfers(500, field, ACCOUNTS) for field in Field)
    assert spread == transfers(500, Field.SPREAD, ACCOUNTS)
    assert {account for each in spread for account in (each.payer, each.payee)} == set(range(ACCOUNTS))
    assert all(0 in (each.payer, each.payee) for each in hot)
    assert sum(balances_after(hot, ACCOUNTS)) == sum(balances_after(spread, ACCOUNTS)) == 0


def test_a_transfer_moves_something_between_two_accounts() -> None:
    for payer, payee, amount_minor in [(1, 1, 5), (1, 2, 0), (1, 2, -5)]:
        with pytest.raises(ValueError, match="moves nothing"):
            Transfer(0, payer, payee, amount_minor)


def test_what_breaks_a_client_is_raised_after_all_have_ended() -> None:
    def post(client: int, transfer: Transfer) -> None:
        if transfer.number == 9:
            raise KeyError(transfer.number)

    with pytest.raises(KeyError, match="9"):
        by_clients(transfers(20, Field.SPREAD, ACCOUNTS), post)


def write_files(folder: Path, content: bytes) -> None:
    """Files at the places of pgledger's, all with this content."""
    for path in pgledger.FILES:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def test_another_file_than_the_pinned_one_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgledger, "default_cache_dir", lambda: tmp_path / "cache")
    write_files(tmp_path, b"DROP TABLE book.entry;\n")
    with pytest.raises(WrongSource, match="SHA-256"):
        Pgledger(str(tmp_path)).missing()
    assert main(["--only", "pgledger", "--pgledger", str(tmp_path)]) == 1
    assert "SHA-256" in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()


def test_files_that_were_had_once_are_kept_for_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"SELECT 1;\n"
    sha256 = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(pgledger, "FILES", dict.fromkeys(pgledger.FILES, sha256))
    monkeypatch.setattr(pgledger, "default_cache_dir", lambda: tmp_path / "cache")
    write_files(tmp_path / "checkout", content)
    assert Pgledger(str(tmp_path / "checkout")).missing() is None
    assert Pgledger().missing() is None


def test_whoever_cannot_be_had_is_left_out_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--only", "pgledger", "--pgledger", str(tmp_path / "nowhere")]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "pgledger is left out" in said
    assert "--pgledger FOLDER-OR-URL" in said
