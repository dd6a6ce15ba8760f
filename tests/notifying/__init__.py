"""Notices as they go out: by webhook and by mail, in the language of their readers, until they are taken or ended."""
