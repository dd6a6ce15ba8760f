"""Measurements of the engine on a real broker and a real database: `python -m benchmarks`."""
