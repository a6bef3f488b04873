"""Raw HTTP requests to an API, byte by byte, and what comes back.

Used by tests of the server's bounds and by `ops/faults/slow_clients.py`.
"""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from httpx2 import Client

from tests.support.keys import HEADERS

HOST = b"Host: localhost\r\n"
AUTHORIZED = HOST + f"Authorization: {HEADERS['Authorization']}\r\n".encode()
"""The headers of a client with a key."""


@contextmanager
def connected(client: Client, *, seconds: float = 30) -> Iterator[socket.socket]:
    """A connection to the API of this client."""
    port = client.base_url.port
    assert port
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        yield connection


def read_to_end(connection: socket.socket) -> bytes:
    """Everything that comes until the server closes the connection."""
    received = b""
    try:
        while chunk := connection.recv(65_536):
            received += chunk
    except ConnectionResetError:  # it closed while more was on its way
        pass
    return received


def exchange(client: Client, *parts: bytes) -> bytes:
    """Send these bytes, and return all that comes back until the server closes."""
    with connected(client) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except (ConnectionResetError, BrokenPipeError):
                break
        return read_to_end(connection)


def statuses(received: bytes) -> list[int]:
    """The statuses of answers without informational ones, in order."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([2-5]\d\d) ", received)]


def problem_in(received: bytes) -> tuple[int, str]:
    """Status and code of an answer that is a problem, and the last on its connection."""
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, received[:300]
    assert b"connection: close" in head.lower()
    problem: dict[str, Any] = json.loads(body)
    return problem["status"], problem["type"].rpartition("/")[2]
