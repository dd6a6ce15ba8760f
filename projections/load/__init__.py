"""What the service that steers sites has written, read: who gets what and why, commands, what was missed."""
