"""Use cases, each a transaction or a set of them: take in, judge, follow up, move the clock, pay out, ask what if."""
