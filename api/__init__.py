"""HTTP for people and programs: resources under `/v1` (FastAPI), pages (Starlette, Jinja2), and who may see what.

Web libraries are used here and nowhere else, and nothing here knows SQL: what is read is read by `projections`, in
one snapshot a request, by a database role that can see no more than who asks. Read `app` first, then `call`.
"""
