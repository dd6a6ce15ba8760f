"""The wire: CloudEvents envelope, strict models of messages in and out, the table of message types, upcasters.

Here belongs what a message may look like and why one is refused; what follows from it is the domain's. It imports
nothing of the project, `domain` neither, and every package above may import it. Read `messages` first (which types
there are), then `sessions` (what one looks like) and `decode` (how it is accepted).
"""
