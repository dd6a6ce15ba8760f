"""OCPI over HTTP, 2.2.1 and 2.3.0: the platform as a charge point operator for each of its operators.

Plain Starlette routes below `/ocpi`, an application of its own beside the one that serves pages and `/v1`: OCPI has
an envelope, errors and headers of its own. Modules say what their objects are; `answers` has the envelope and the
table of errors, `bearing` who asks.
"""
