"""Decisions, pure: no clock, no random source, no float, no library.

Its wings, from below: `book`, `tariff`, `rating` and `catalogue`, `cdr` and `payout`, `session`. Beside them stand
words that all use (money, exact numbers, facts, times) and `receipt`. Here belongs every rule of money; nothing that
reads, writes or waits. Any package may import it, but for the audit, which computes on its own. Read `fact` and
`money` first, then `session.judging`.
"""
