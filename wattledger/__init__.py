"""The application: command line, settings, embedded services, and the verbs that put the packages to work.

Here belongs what a person or an operating system sees; no rule of money, no SQL, no consumer. It may import
everything, and no package below imports it. Read `cli` first, then one module of `commands`, then `verbs` (what
settling is made of) and `store`.
"""
