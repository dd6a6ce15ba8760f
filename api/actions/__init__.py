"""Actions: what people and programs do over HTTP becomes an event, published once, and acts by the intake.

The process that answers writes neither to the book nor to the event store nor to a read model. Read `desk` first: it
takes an action from its Idempotency-Key to its answer. What may be done is checked by `four_eyes` and `conditions`;
resources and pages say in `api.v1` and `api.pages` what an action is about.
"""
