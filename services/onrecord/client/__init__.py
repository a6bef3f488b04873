"""Typed client of the APIs of a running onrecord, sync and async.

Needs httpx2 and pydantic, and standardwebhooks to verify webhooks; nothing of the server.

    from onrecord.client import Client, reads
    from onrecord.client.parameters import AsOf

    with Client("http://127.0.0.1:8000", key="onrecord_...") as client:
        answer = client.send(reads.get_position("biden", "talks-with-putin", AsOf(as_of="2022")))
"""

from onrecord.client.async_client import AsyncClient
from onrecord.client.call import ApiUnavailable, Call, ProblemError
from onrecord.client.sync_client import Client

__all__ = ["ApiUnavailable", "AsyncClient", "Call", "Client", "ProblemError"]
