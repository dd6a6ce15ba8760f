"""Who asks and what they may: people and keys, sign-in, roles, limits, and the log of what was read and done."""
