"""What is hunted for, one module a subject, each with `ROWS`."""
