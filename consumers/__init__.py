"""The door in: FastStream app, intake, quarantine and the outbox relay."""
