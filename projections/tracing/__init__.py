"""The rooms behind `projections.trace`: what a trace is made of, what has an id, and what it is linked to."""
