"""The schema `event_store`: events appended and read, how they are written as bytes, and the head of each stream.

Here belongs what is stored for ever: no topic and no stored form changes (`codec`). What an event means is the
domain's. It may import `book` below and not `intake`; `engine` appends, `projections` follows, and read models of
others come in by `library`. Read `store` first, then `codec` and `heads`.
"""
