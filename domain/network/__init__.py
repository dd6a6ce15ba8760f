"""What a network does: the use of its chargers and their load over time, by rules that know no store.

Read `session_use` first: what a session's facts say of its time and energy, which all else here is made of.
"""
