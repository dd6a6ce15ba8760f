"""Sessions: what sources report, what it comes to, and the decisions that bring book and CDRs in step with it."""
