"""Tests of the conventions that hold at every address: methods, compression, request ids, problems.

The addresses are those of the application itself, so a new route is tested too.
"""

import gzip
import json
import re
import socket
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, Final

import pytest
import structlog
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from fastapi.routing import iter_route_contexts
from httpx2 import Client

from onrecord.kit.http.problem_types import PROBLEM_TYPES
from tests.support import bodies, postgres, seeds, signed_log
from tests.support.bodies import expect_problem, ndjson
from tests.support.keys import KEY_ID, TOKEN
from tests.support.signed_ledgers import sign_ledger
from tests.support.store import described_app, open_store, run_api

STATEMENT: Final = "b0f1051d-b22b-5f37-9f14-11a0ac56cb7f"
PROBES: Final = APIRouter()
STARTED: list[str] = []


@PROBES.get("/probe/fault", include_in_schema=False)
async def fault() -> None:
    raise RuntimeError("A fault of the service.")


@PROBES.get("/probe/stream", include_in_schema=False)
async def stream() -> StreamingResponse:
    async def lines() -> Any:
        STARTED.append("stream")
        yield b"{}\n" * 1_000

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@pytest.fixture(scope="module")
def client(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(url, PROBES) as new_client,
    ):
        new_client.post("/v1/batch", content=ndjson(seeds.lines()), headers=bodies.NDJSON)
        store.sweep()
        sign_ledger(url, tmp_path_factory.mktemp("log"), signed_log.KEY)
        yield new_client


def methods_by_path() -> dict[str, set[str]]:
    """The methods that each path of the application offers, by its template."""
    methods: dict[str, set[str]] = {}
    for route in iter_route_contexts(described_app().routes):
        if route.path and getattr(route, "status_code", None) != 405:
            methods.setdefault(re.sub(r"\{.*?\}", "{}", route.path), set()).update(
                route.methods or ()
            )
    return methods


def concrete(template: str) -> str:
    """A path that there is, for GET; `{}` of `/v1/actors/{}/...` and the like filled in."""
    for prefix, value in (
        ("/v1/actors/", "biden"),
        ("/actors/", "biden"),
        ("/v1/topics/", "talks-with-putin"),
        ("/v1/positions/", "f5f47c3a-dad5-5c30-879c-16c9a47eca45"),
        ("/problems/", "invalid"),
        ("/v1/keys/", str(KEY_ID)),
        ("/log/tile/", "0/000.p/1"),
    ):
        if template.startswith(prefix):
            template = template.replace("{}", value, 1)
    return template.replace("/topics/{}", "/topics/talks-with-putin").replace("{}", STATEMENT)


METHODS: Final = {
    path: methods
    for path, methods in methods_by_path().items()
    if path != "/swagger"  # files
}
QUERIES: Final = {"/v1/names": "?kind=actor&name=biden", "/v1/quotes/check": "?text=talks"}


def is_api(path: str) -> bool:
    """Whether it is no page of `onrecord.pages`."""
    return path.startswith(("/v1", "/log", "/docs", "/problems", "/healthz", "/readyz", "/metrics"))


READABLE: Final = sorted(
    concrete(path) + QUERIES.get(path, "")
    for path, methods in METHODS.items()
    if "GET" in methods and not re.match(r"(/v1/(endpoints|deliveries)|/static)/\{\}", path)
)


def without_changing(headers: Any) -> dict[str, str]:
    return {name: headers[name] for name in headers if name not in ("date", "x-request-id")}


@pytest.mark.parametrize("path", READABLE)
def test_head_answers_the_headers_of_get_without_a_body(client: Client, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert (got.status_code, b"") == (head.status_code, head.content)
    # `/readyz` asks for a recent sweep, and some pages for parameters
    assert got.status_code == 200 or path == "/readyz" or not is_api(path)
    expected, answered = without_changing(got.headers), without_changing(head.headers)
    if "as_of" in got.text or path in ("/metrics", "/readyz") or not is_api(path):
        # the clock is in it
        assert expected.keys() == answered.keys()
    else:
        assert expected == answered


def test_head_of_a_problem_has_its_status(client: Client) -> None:
    assert 404 == client.head("/v1/actors/nobody").status_code
    assert 422 == client.head("/v1/actors?limit=0").status_code
    assert 405 == client.head("/v1/batch").status_code


def test_head_begins_no_stream(client: Client) -> None:
    head = client.head("/probe/stream")
    assert (200, "application/x-ndjson") == (head.status_code, bodies.media_type(head))
    assert [] == STARTED
    for accept in ("text/event-stream", "application/x-ndjson"):
        head = client.head("/v1/events", headers={"Accept": accept})
        assert (200, accept) == (head.status_code, bodies.media_type(head))
    client.get("/probe/stream")
    assert ["stream"] == STARTED


@pytest.mark.parametrize("pattern", METHODS)
def test_options_and_405_name_all_methods_of_an_address(client: Client, pattern: str) -> None:
    path = concrete(pattern)
    expected = {*METHODS[pattern], "OPTIONS"}
    if pattern == "/v1/endpoints/dry-run":  # might be an id, too
        expected |= METHODS["/v1/endpoints/{}"]
    expected |= {"HEAD"} if "GET" in expected else set()
    options = client.options(path)
    allowed = {*options.headers["Allow"].split(", ")}
    if re.fullmatch(r"/v1/(statements|positions|actors|topics)/\{\}", pattern):
        expected |= {"GET", "HEAD"}  # records: read here or in another process
    assert (204, expected, b"") == (options.status_code, allowed, options.content)
    refused = client.request("TRACE", path)
    expect_problem(refused, 405, "method-not-allowed")
    assert expected == {*refused.headers["Allow"].split(", ")}


def test_files_of_the_documentation_are_read_only(client: Client) -> None:
    options = client.options("/swagger/swagger-ui.css")
    assert (204, "GET, HEAD, OPTIONS") == (options.status_code, options.headers["Allow"])
    refused = client.post("/swagger/swagger-ui.css")
    assert (405, "GET, HEAD, OPTIONS") == (refused.status_code, refused.headers["Allow"])


def test_options_of_an_unknown_address_is_404(client: Client) -> None:
    expect_problem(client.options("/v1/nothing"), 404, "not-found")


def test_a_query_of_any_bytes_is_no_server_error(client: Client) -> None:
    port = client.base_url.port
    assert port
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(b"GET /v1/actors?q=\xc3\xff HTTP/1.1\r\nHost: localhost\r\n")
        connection.sendall(f"Authorization: Bearer {TOKEN}\r\n\r\n".encode())
        assert connection.recv(12) in (b"HTTP/1.1 422", b"HTTP/1.1 400")


def test_long_answers_are_compressed(client: Client) -> None:
    plain = client.get("/v1/statements", headers={"Accept-Encoding": "identity"})
    url = f"{client.base_url}/v1/statements"
    with client.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert "gzip" == answer.headers["Content-Encoding"]
    assert plain.content == gzip.decompress(raw)
    assert len(raw) < len(plain.content) / 2
    for response in (plain, answer):
        assert "Accept-Encoding" in response.headers["Vary"]
    assert plain.headers["ETag"] == answer.headers["ETag"]
    cached = client.get("/v1/statements", headers={"If-None-Match": answer.headers["ETag"]})
    assert (304, "Accept, Accept-Encoding") == (cached.status_code, cached.headers["Vary"])


def test_streams_short_answers_and_answers_to_writes_are_not_compressed(client: Client) -> None:
    gzip_ = {"Accept-Encoding": "gzip"}
    lines = {**gzip_, "Accept": "application/x-ndjson"}
    endpoint = {"url": "https://hooks.example/", "description": "x" * 500, "kinds": ["adopted"]}
    for answer in (
        client.get("/v1/events", headers=lines),
        client.get("/v1/statements.csv?stream=1", headers=gzip_),
        client.get("/v1/statements?stream=1", headers=gzip_),
        client.get("/healthz", headers=gzip_),
        client.post("/v1/endpoints", json={**endpoint, "topics": ["talks-with-putin"] * 50}),
    ):
        assert answer.status_code < 300, answer.text
        assert "Content-Encoding" not in answer.headers


REQUESTS: Final = (
    *(("GET", "/v1/actors"), ("GET", "/nothing"), ("GET", "/v1/actors?limit=x")),
    *(("PUT", "/v1/actors"), ("OPTIONS", "/v1/actors")),
    *(("HEAD", "/v1/actors"), ("POST", "/v1/statements"), ("GET", "/problems/invalid")),
)


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_every_answer_has_the_id_of_its_request(client: Client, method: str, path: str) -> None:
    kept = client.request(method, path, headers={"X-Request-ID": "desk:2022/12-01.a_b"})
    assert ["desk:2022/12-01.a_b"] == kept.headers.get_list("X-Request-ID")
    for unusable in ("", "x" * 129, "a b", "<b>", "a\tb", "-a"):
        answer = client.request(method, path, headers={"X-Request-ID": unusable})
        (id_,) = answer.headers.get_list("X-Request-ID")
        assert re.fullmatch("[0-9a-f]{32}", id_), id_


def test_an_unhandled_error_is_a_problem_with_the_id_of_its_request(client: Client) -> None:
    headers = {"X-Request-ID": "desk-1", "Connection": "close"}
    with structlog.testing.capture_logs():  # it takes seconds to render the traceback
        answer = client.get("/probe/fault", headers=headers)
    problem = expect_problem(answer, 500, "internal")
    assert "A fault" not in json.dumps(problem)
    assert ["desk-1"] == answer.headers.get_list("X-Request-ID")


class Page(HTMLParser):
    """The texts of a page by tag, and its links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name == "href" and value]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_problem_type_leads_to_a_page(client: Client) -> None:
    listed = {link for link in Page(client.get("/problems").text).links if "/problems/" in link}
    assert {f"/problems/{code}" for code in PROBLEM_TYPES} == listed
    for code, type_ in PROBLEM_TYPES.items():
        answer = client.get(f"/problems/{code}")
        assert (200, "text/html") == (answer.status_code, bodies.media_type(answer))
        page = Page(answer.text)
        for text in (type_.title, type_.meaning, type_.remedy, f'"type": "/problems/{code}"'):
            assert text in page.text, code
        assert not {"script", "style", "link", "img"} & {*page.tags}  # nothing for a CSP to allow


def test_an_unknown_problem_type_is_404(client: Client) -> None:
    expect_problem(client.get("/problems/%3Cscript%3E"), 404, "not-found")


def test_the_type_of_a_problem_is_an_address_of_the_same_host(client: Client) -> None:
    problem = expect_problem(client.get("/v1/actors/nobody"), 404, "unknown-actor")
    assert client.get(problem["type"]).status_code == 200


def test_a_parameter_that_takes_one_value_refuses_two_at_every_address(client: Client) -> None:
    """Those of the webhooks API and the audit API too."""
    refused = 0
    for path, item in described_app().openapi()["paths"].items():
        for parameter in item.get("get", {}).get("parameters", ()):
            name = parameter["name"]
            if parameter["in"] != "query" or parameter["schema"].get("type") == "array":
                continue
            url = concrete(re.sub(r"{.*?}", "{}", path))
            answer = client.get(f"{url}{'&' if '?' in url else '?'}{name}=1&{name}=1")
            problem = expect_problem(answer, 422, "invalid")
            assert name in bodies.error_places(problem), path
            refused += 1
    assert refused > 50
