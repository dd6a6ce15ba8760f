"""The schema `load`: sites and cars as the service that steers them knows them, commands with answers, alerts."""
