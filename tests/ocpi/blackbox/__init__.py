"""A black-box eMSP that judges a platform of charge point operators by what OCPI says, from outside alone.

It knows where the platform's versions are, a token A for each of two partners, and the brokers that the gateways'
events go to. Nothing here is taken from the platform's code: what OCPI 2.2.1 and 2.3.0 say is written down a second
time. By hand: `python -m tests.ocpi.blackbox --help`.
"""
