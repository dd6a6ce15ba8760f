"""PostgreSQL, room by room: `events`, `book`, `intake` and `access` are its schemas, `audit` checks them.

Here belong tables, migrations, locks, connections and how rows are written fast; a set of rows in, a set of rows out.
What is written, and when, is the engine's. It imports `domain` and `contracts`; `engine` and `projections` build on
it, and the packages above open connections and audits by it. Read `database` and `locks` first, then `book.journal`.
"""
