"""Test that results of a batch which are not read are bounded, and that the client learns so."""

import json
import threading
from uuid import uuid4

import pytest
from httpx2 import Client

from onrecord.ingest import batch_lines
from onrecord.kit.http.spool import IN_MEMORY, PER_REQUEST_BYTE, ResponseSpool
from tests.support import raw_http
from tests.support.bodies import ledger_size, line, ndjson
from tests.support.raw_http import AUTHORIZED, connected
from tests.support.store import Store


def test_lines_after_unread_results_are_refused_and_the_good_ones_before_are_kept(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line of three bytes has a result of hundreds, and the client first sends all."""
    wait, is_refused, spooled = ResponseSpool.wait_until_read, threading.Event(), 0

    async def wait_until_read(spool: ResponseSpool, seconds: float) -> bool:
        nonlocal spooled
        is_read = await wait(spool, 0.2)
        spooled = spool._written
        if not is_read:
            is_refused.set()
        return is_read

    monkeypatch.setattr(ResponseSpool, "wait_until_read", wait_until_read)
    slug = f"b{uuid4().hex}"
    body = ndjson([line("actor", slug, {"kind": "group"})]) + b"{}\n" * 60_000
    body += ndjson([line("actor", f"{slug}-late", {"kind": "group"})])
    head = b"POST /v1/batch HTTP/1.1\r\n" + AUTHORIZED + b"Content-Type: application/x-ndjson\r\n"
    head += b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with connected(client) as connection:
        connection.sendall(head + body)
        assert is_refused.wait(60)
        answer = raw_http.read_to_end(connection).partition(b"\r\n\r\n")[2]
    texts = b"".join(answer.split(b"\r\n")[1::2]).splitlines()
    results = [json.loads(text) for text in texts]
    assert [result["line"] for result in results] == list(range(1, len(results) + 1))
    assert (results[0]["status"], results[-1]["status"]) == (201, 413)
    assert results[-1]["problem"]["type"].endswith("/unread-results")
    assert {result["status"] for result in results[1:-1]} == {422}
    assert len(results) < 60_000
    group = 4 * batch_lines.LINES_PER_GROUP * 1_000
    assert spooled < IN_MEMORY + PER_REQUEST_BYTE * len(body) + group
    assert ledger_size(store.url) == 1
