"""Headers of Kafka records that we set ourselves."""

# Which line of which text a record was published from, so that the same line published again is known.
ORIGIN_HEADER = "wattledger_origin"
