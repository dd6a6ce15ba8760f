"""Whom a client of a test believes, read once: httpx reads all authorities anew for each client that is not told.

That takes a fortieth of a second of a processor, which is more than most questions do.
"""

import httpx

BELIEVED = httpx.create_ssl_context()
