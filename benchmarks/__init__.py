"""Measurements of the engine on a real broker and a real database: `python -m benchmarks`.

One module a question, each told its figures by running what users run. They may import anything, and nothing imports
them but their tests. No code that the engine needs, and no figure that a page states without the run that gave it
(docs/performance.md). Read `__main__` first.
"""
