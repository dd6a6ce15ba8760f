"""The key that signs anchors: its owner's alone, rotated by itself, and said to be lost where it is."""

import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from ledger.audit import Outside
from ledger.audit.anchors import check_anchors
from ledger.audit.report import Tally
from ledger.audit.snapshot import open_snapshot
from ledger.book.anchor_keys import known_keys
from ledger.book.anchors import Anchor, Reason, anchor
from ledger.gateway import Gateway
from wattledger.anchor_keys import PrivateKey, anchor_signer, outside_keys, rotate, signing_key_id
from wattledger.errors import ApplicationError, SettingsError
from wattledger.settings import Settings, load_settings


@pytest.fixture
def gateway(database_url: str) -> Iterator[Gateway]:
    """The way to an empty store."""
    gateway = Gateway(database_url)
    yield gateway
    gateway.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data directory in which there is no key yet."""
    return Settings(data_dir=tmp_path)


def _anchor(gateway: Gateway, settings: Settings) -> Anchor:
    made = anchor(gateway, Reason.CLOSE, partial(anchor_signer, settings), "UTC")
    assert made is not None
    return made


def _found(dsn: str, settings: Settings) -> list[str]:
    tally = Tally()
    with open_snapshot(dsn) as snapshot:
        check_anchors(snapshot, Outside((), outside_keys(settings)), tally)
    return [finding.sentence for finding in tally.findings]


def _file(settings: Settings) -> Path:
    return settings.data_dir / "anchor-keys" / "signing.pem"


def test_the_first_anchor_makes_a_key_that_its_owner_alone_reads(
    gateway: Gateway, settings: Settings, database_url: str
) -> None:
    assert signing_key_id(settings) is None
    made = _anchor(gateway, settings)
    assert signing_key_id(settings) == made.key_id
    assert set(outside_keys(settings)) == {made.key_id}
    assert stat.S_IMODE(_file(settings).stat().st_mode) == 0o600
    assert stat.S_IMODE(_file(settings).parent.stat().st_mode) == 0o700
    assert _anchor(gateway, settings).key_id == made.key_id
    assert _found(database_url, settings) == []


def test_a_key_that_others_may_read_signs_nothing(gateway: Gateway, settings: Settings) -> None:
    _anchor(gateway, settings)
    for mode in (0o640, 0o604, 0o666):
        _file(settings).chmod(mode)
        with pytest.raises(ApplicationError, match="may be read by others than its owner"):
            _anchor(gateway, settings)


def test_a_rotated_key_is_introduced_by_the_one_before(
    gateway: Gateway, settings: Settings, database_url: str
) -> None:
    first = _anchor(gateway, settings)
    old = _file(settings).read_bytes()
    made, before = rotate(settings, gateway, lost=False)
    assert before == made.introduced_by == first.key_id
    assert _anchor(gateway, settings).key_id == made.key_id == signing_key_id(settings)
    assert stat.S_IMODE(_file(settings).stat().st_mode) == 0o600
    kept = b"".join(path.read_bytes() for path in _file(settings).parent.iterdir())
    assert old.splitlines()[1] not in kept, "the private key of before is destroyed"
    assert set(outside_keys(settings)) == {first.key_id, made.key_id}
    assert _found(database_url, settings) == []


@pytest.mark.parametrize("lost", [False, True])
def test_a_rotation_that_is_killed_at_its_end_leaves_the_key_of_before_signing(
    lost: bool, gateway: Gateway, settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _anchor(gateway, settings)
    if lost:
        _file(settings).unlink()

    def killed(_path: Path, _target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            rotate(settings, gateway, lost=lost)
    with gateway.transaction() as cursor:
        known = known_keys(cursor)
    # Before its file was written the book does not know the new one.
    assert [each.key_id for each in known] == [first.key_id]
    made, _ = rotate(settings, gateway, lost=lost)
    assert _anchor(gateway, settings).key_id == made.key_id
    assert _found(database_url, settings) == []


def test_a_key_that_is_gone_stops_anchors_until_it_is_back_or_said_to_be_lost(
    gateway: Gateway, settings: Settings, database_url: str
) -> None:
    first = _anchor(gateway, settings)
    kept = _file(settings).read_bytes()
    _file(settings).unlink()
    with pytest.raises(ApplicationError, match="put it back, or name its file"):
        _anchor(gateway, settings)
    with pytest.raises(ApplicationError, match="put it back, or name its file"):
        rotate(settings, gateway, lost=False)
    _file(settings).write_bytes(kept)
    _file(settings).chmod(0o600)
    assert _anchor(gateway, settings).key_id == first.key_id
    with pytest.raises(ApplicationError, match="is not lost"):
        rotate(settings, gateway, lost=True)
    _file(settings).unlink()
    made, before = rotate(settings, gateway, lost=True)
    assert (made.introduced_by, before) == (None, first.key_id)
    assert _anchor(gateway, settings).key_id == made.key_id
    assert _found(database_url, settings) == []


def test_nothing_is_lost_where_nothing_was_signed(gateway: Gateway, settings: Settings) -> None:
    with pytest.raises(ApplicationError, match="no key has signed anything yet"):
        rotate(settings, gateway, lost=True)


def _garbage(path: Path) -> None:
    path.write_text("hello\n")


def _of_another_book(path: Path) -> None:
    path.write_bytes(PrivateKey.new().pem())


def _another_kind(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = X25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_garbage, "it is no private key in PEM"),
        (_of_another_book, "is none of this book's"),
        (_another_kind, "is no Ed25519 key"),
    ],
)
def test_a_file_that_is_no_key_of_the_book_is_refused_in_a_sentence(
    spoil: Callable[[Path], None], said: str, gateway: Gateway, settings: Settings
) -> None:
    _anchor(gateway, settings)
    spoil(_file(settings))
    with pytest.raises(ApplicationError, match=said):
        _anchor(gateway, settings)


def test_a_key_says_nothing_of_its_private_part() -> None:
    key = PrivateKey.new()
    secret = key.pem().splitlines()[1].decode()
    for told in (repr(key), str(key), f"{key!r}"):
        assert secret not in told
    assert key.key_id not in secret


def test_anchors_are_not_kept_in_the_folder_of_the_database(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^WATTLEDGER_ANCHORS_FILE is .*, in the folder of the database"):
        load_settings(data_dir=tmp_path, anchors_file=tmp_path / "other" / ".." / "postgresql" / "anchors.jsonl")
