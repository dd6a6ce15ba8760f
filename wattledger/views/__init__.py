"""What people see: tables, progress, logs and errors; one module a subject. Programs get `projections.documents`.

A view prints what it is given and asks nothing itself; Rich is loaded when something is printed. Commands and the
demo import it. Read `tables` first.
"""
