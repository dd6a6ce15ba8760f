"""Pushes to partners (OCPI 2.2.1, transport_and_format § Push and § Client Owned Object Push).

`leading` decides which process pushes and keeps a worker for each partner, `working` asks its sources in turn and
backs off, `sources` has what a source is; the others are sources, one for each module.
"""
