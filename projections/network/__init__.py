"""The read model `network`: use, load and uptime of chargers, made of the events of sessions, chargers and sites.

`parts` says what it is put together of, `batch` what each part is handed; `session_uses` is read first.
"""
