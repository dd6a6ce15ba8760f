"""A charging network that never was, for the demo and for measurements: the same messages for the same seed.

Here belong the cast, what they do and what befalls them, as messages that the contracts accept. Nothing that real
data needs: no command but `demo` imports it, and beside that benchmarks and tests. Read `network` first.
"""

from wattledger.demo.load import load
from wattledger.demo.network import FOLLOWED_SESSION, network

__all__ = ["FOLLOWED_SESSION", "load", "network"]
