"""Load of sites in the loop: messages in, what cars are told out, each set of messages in one transaction."""
