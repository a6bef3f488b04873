"""`onrecord verify URL` of a server that misbehaves: each way ends with a named error, exit code 3.

What the server could send is bounded, and so is the memory that it can take.
"""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from onrecord.entrypoints.cli import app
from onrecord.entrypoints.commands import verify_url
from onrecord.verifying import bounded_answers, download
from tests.support import keys
from tests.support.hostile_servers import KEY, HostileHandler, HostileServer, hostile_server

LIMIT: Final = 1 << 16
"""Of what may have any length, in these tests."""
BUFFERS: Final = 16 << 20
"""What sockets and four threads may take beyond the limits of answers."""


def endless(handler: HostileHandler) -> None:
    handler.answer(b"")
    handler.write_for_ever(b"x" * 65_536)


def bomb(handler: HostileHandler) -> None:
    handler.answer(gzip.compress(bytes(8 << 20)), Content_Encoding="gzip")


def silent(handler: HostileHandler) -> None:
    handler.answer(b"{")
    handler.server.stop.wait(60)


def trickle(handler: HostileHandler) -> None:
    handler.answer(b"")
    handler.write_for_ever(b" ", pause=0.05)


def cut(handler: HostileHandler) -> None:
    """Part of a line, then the end of the connection, again and again."""
    handler.answer(b'{"entry":', Content_Length="1000")


def empty_pages(handler: HostileHandler) -> None:
    handler.answer(b'{"items":[],"next":"%d"}' % len(handler.server.requests))


def same_page(handler: HostileHandler) -> None:
    handler.answer(b'{"items":[{"id":"a"}],"next":"again"}')


def endless_pages(handler: HostileHandler) -> None:
    items = b",".join([b'{"id":"a"}'] * 500)
    handler.answer(b'{"items":[%b],"next":"%d"}' % (items, len(handler.server.requests)))


def no_items(handler: HostileHandler) -> None:
    handler.answer(b'{"items":[1],"next":null}')


def strange_cursor(handler: HostileHandler) -> None:
    handler.answer(b'{"items":[{"id":"a"}],"next":{"a":1}}')


def nested(handler: HostileHandler) -> None:
    handler.answer(b"[" * 10_000)


def strange_problem(handler: HostileHandler) -> None:
    handler.send_error(400)
    handler.write(b'{"type":"a","detail":"b","errors":[1]}')


def no_utf_8(handler: HostileHandler) -> None:
    handler.answer(b"\xff", Content_Type="text/plain; charset=zlib")


def verify(server: HostileServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    if server.misbehave is silent:
        monkeypatch.setattr(verify_url, "SILENCE_SECONDS", 0.2)
    if server.misbehave is trickle:
        monkeypatch.setattr(bounded_answers, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(download, "RETRIES", 1)
    for name in ("LINE_BYTES", "PAGE_BYTES"):
        monkeypatch.setattr(download, name, LIMIT)
    arguments = ["verify", server.url, "--key", str(KEY.verifier), "--state", str(folder)]
    return CliRunner().invoke(app, arguments, env={"ONRECORD_KEY": keys.TOKEN, "COLUMNS": "500"})


CHECKPOINT, POLICY, EVENTS = "/log/checkpoint", "/log/log.policy", "/v1/events"
BUNDLE, TILE = "/log/tile/entries/000.p/3", "/log/tile/0/000.p/3"


@pytest.mark.parametrize(
    ("target", "misbehave", "message"),
    [
        (CHECKPOINT, endless, "answered more than 1048576 bytes"),
        (CHECKPOINT, bomb, "answered in the encoding 'gzip', which was not asked for"),
        (CHECKPOINT, silent, "does not answer"),
        (CHECKPOINT, trickle, "did not complete its answer within 1 seconds"),
        (CHECKPOINT, no_utf_8, "is not UTF-8"),
        (CHECKPOINT, strange_problem, "is no onrecord of this version: it answered 400"),
        (POLICY, endless, "answered more than 262144 bytes"),
        (BUNDLE, endless, "answered more than 196611 bytes"),
        (TILE, endless, "answered more than 96 bytes"),
        (EVENTS, endless, f"answered more than {LIMIT} bytes"),
        (EVENTS, bomb, "answered in the encoding 'gzip'"),
        (EVENTS, trickle, "did not complete its answer within 1 seconds"),
        (EVENTS, silent, "does not answer"),
        (EVENTS, cut, "does not answer"),
        ("/v1/changes", endless, f"answered more than {LIMIT} bytes"),
        ("/v1/changes", empty_pages, "answered with a page that leads no further"),
        ("/v1/changes", same_page, "answered with a page that leads no further"),
        ("/v1/changes", no_items, "answered with no list"),
        ("/v1/changes", strange_cursor, "answered with no list"),
        ("/v1/changes", nested, "answered with no list"),
        ("/v1/positions", endless_pages, "answered more than 1000 items, and more are to follow"),
    ],
)
def test_a_server_that_misbehaves_is_named_and_takes_no_more_than_its_bounds(
    target: str,
    misbehave: Callable[[HostileHandler], None],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with hostile_server(target, misbehave) as server:
        result = verify(server, tmp_path, monkeypatch)
    output = " ".join(result.output.split())  # of a terminal, which wraps lines
    assert (3, True) == (result.exit_code, message in output), result.output
    assert target in server.requests
    assert server.sent < BUFFERS


def test_the_same_server_is_verified_where_it_behaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile_server("/nowhere", endless) as server:
        result = verify(server, tmp_path, monkeypatch)
    assert 0 == result.exit_code, result.output
    assert {"identity"} == server.encodings
