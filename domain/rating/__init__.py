"""Rating: the exact price of a session, from charging periods, a tariff's elements and nothing else."""
