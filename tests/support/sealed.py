"""What people and keys are sealed with in the tests' own process."""

from base64 import b64encode

from ledger.access.seals import Seals

SEAL_KEY = b64encode(b"a key of tests: 32 bytes of it..").decode()
SEALS = Seals.of(SEAL_KEY)
