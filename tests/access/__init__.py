"""People, keys, sessions and the audit log: as they are kept, and as somebody meets them who wants to come in."""
