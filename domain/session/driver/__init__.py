"""The book of a session that its driver pays: ratings, captures, refunds and disputes, in order of time.

One walk (`book`) over the facts, and a module for each part that remembers something; they share the operator's
`share`. Sessions that a partner pays are `session.roaming_book`'s. `session.judging` alone imports it. Read `book`
first.
"""
