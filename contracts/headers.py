"""Headers of Kafka records that we set ourselves."""

# Which line of which text a record was published from, so that the same line published again is known.
ORIGIN_HEADER = "wattledger_origin"

# On a record that somebody edited after it was refused: the id of the dead letter, which keeps what was refused.
EDITED_HEADER = "wattledger_edited_from"
