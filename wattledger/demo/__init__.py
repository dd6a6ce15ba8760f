"""A charging network that never was, for the demo and for measurements: the same messages for the same seed."""

from wattledger.demo.load import load
from wattledger.demo.network import FOLLOWED_SESSION, network

__all__ = ["FOLLOWED_SESSION", "load", "network"]
