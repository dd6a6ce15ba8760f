"""What a long-running piece says of itself over HTTP: `/livez`, `/readyz` and `/metrics`, for probes and Prometheus.

The piece counts its own work (`signs`); the database and the brokers are asked beside it every few seconds
(`sampling`), so that no request waits for them. Read `monitor` first. Nothing here is loaded where no port is set.
"""
