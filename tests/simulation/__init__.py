"""The whole engine in one process, seeded: real domain, intake, clock, relay and read models on a real PostgreSQL.

Kafka, time and every accident come from a seed: `plan` says what it means, `chaos` where it strikes. `broker` and
`actors` are the parts, `world` lets them act one at a time, and `invariants` are asked after each action. `running`
compares with the undisturbed run, `shrinking` finds the least that still fails. `python -m tests.simulation --help`.
"""
