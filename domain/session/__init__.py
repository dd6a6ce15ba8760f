"""Sessions: what sources report, what it comes to, and the decisions that bring book and CDRs in step with it.

Here belong facts about a session and all that follows from them: assessment, the book of a driver (`driver`) and of a
roaming partner, the chain of CDRs. It is the top wing: it may import every other, and none imports it. Read `session`
first, then `judging`.
"""
