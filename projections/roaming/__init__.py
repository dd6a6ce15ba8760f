"""What roaming partners see: OCPI objects made of the events, kept as they are sent, each since when it is visible.

`feed` follows the event store and stores objects, a module for each kind says what they are, `pages` reads them.
"""
