"""OCPI objects on the wire, as the standard has them: locations and tariffs that come in, CDRs that go out.

Here belong fields, types and limits of OCPI 2.2.1 and 2.3.0, one module an object; what they cost or mean is
`domain.tariff` and `domain.cdr`. The other modules of `contracts` build on these. Read `values` first, then `tariff`.
"""
