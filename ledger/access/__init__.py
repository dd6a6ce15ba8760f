"""Who may come in by HTTP: people, keys of programs, sessions of browsers, and the log of what they did.

Schema `access`, seen by the role `wattledger_door` alone. Here is what is kept and how it is asked; passwords,
cookies and what a role may do are the API's (`api.access`). Read `people` and `keys` first.
"""
