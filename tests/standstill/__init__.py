"""The hunt for standstills: a whole live system, of which parts are killed, frozen and let go on at random moments.

`python -m tests.standstill --seed N --runs M`. Each run has to get everything done within a limit; one that does not
leaves the stacks of all processes and what the database says of its sessions.
"""
