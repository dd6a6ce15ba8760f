"""Other ledgers beside ours, on the same transfers and the same server: `python -m benchmarks.peers`."""
