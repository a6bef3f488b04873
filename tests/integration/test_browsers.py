"""Tests that a page of another site can neither write nor, by a name of its own, read.

Requests are sent as browsers send them: with `Host`, `Origin` and `Sec-Fetch-Site`.
"""

import re
from collections.abc import Iterator
from typing import Final

import pytest
from httpx2 import Client, Response

from tests.support import bodies, postgres, raw_http
from tests.support.bodies import expect_problem
from tests.support.raw_http import AUTHORIZED, HOST
from tests.support.store import PUBLIC_URL, Store, open_store, run_api

CHARTS: Final = "https://charts.example.org"
WRITES: Final = [
    ("POST", "/v1/actors"),
    ("POST", "/v1/batch"),
    ("POST", "/v1/endpoints/6f1f1d0c-8f0e-4b57-9a39-0b8a3c1d2e4f/rotate"),
    ("PATCH", "/v1/endpoints/6f1f1d0c-8f0e-4b57-9a39-0b8a3c1d2e4f"),
    ("DELETE", "/v1/endpoints/6f1f1d0c-8f0e-4b57-9a39-0b8a3c1d2e4f"),
    ("PUT", "/v1/statements/6f1f1d0c-8f0e-4b57-9a39-0b8a3c1d2e4f"),
]


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


@pytest.fixture(scope="module")
def shared_client(store: Store) -> Iterator[Client]:
    with run_api(
        store.url, allowed_hosts="Reader.example.org, fd00::7", cors_origins=CHARTS
    ) as client:
        yield client


@pytest.fixture
def client(shared_client: Client, store: Store) -> Iterator[Client]:
    """A client of all APIs. Checks that the test has recorded nothing."""
    yield shared_client
    assert bodies.ledger_size(store.url) == 0


# Host


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:8000", "localhost.", "127.0.0.1", "127.0.0.2:1", "[::1]:8000"),
        *("record.example.org", "record.example.org:443", "reader.example.org", "[fd00::7]"),
    ],
)
def test_names_and_addresses_of_the_service_are_answered(client: Client, host: str) -> None:
    assert client.get("/v1/actors", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["attacker.example", "localhost.attacker.example", "10.0.0.1", "[fd00::8]", "1270.0.1"]
)
def test_other_hosts_are_refused_with_the_setting_named(client: Client, host: str) -> None:
    for method, path in [("GET", "/"), ("GET", "/v1/actors"), ("GET", "/readyz"), *WRITES]:
        answer = client.request(method, path, headers={"Host": host})
        problem = expect_problem(answer, 421, "foreign-host")
        assert "ONRECORD_ALLOWED_HOSTS" in problem["detail"]


def test_a_liveness_probe_may_use_any_host(client: Client) -> None:
    """A platform probes by IP address, and restarts what does not answer."""
    assert client.get("/healthz", headers={"Host": "10.0.0.1:8000"}).status_code == 200
    assert raw_http.statuses(raw_http.exchange(client, b"GET /healthz HTTP/1.0\r\n\r\n")) == [200]
    answer = client.post("/healthz", headers={"Host": "10.0.0.1:8000"})
    expect_problem(answer, 421, "foreign-host")


@pytest.mark.parametrize(
    "headers", [b"", HOST * 2, b"Host:\r\n", b"Host: a b\r\n", b"Host: user@localhost\r\n"]
)
def test_a_request_has_one_host(client: Client, headers: bytes) -> None:
    request = b"GET /v1/actors HTTP/1.1\r\n" + headers + b"Connection: close\r\n\r\n"
    assert raw_http.problem_in(raw_http.exchange(client, request)) == (400, "bad-host")


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (b"http://attacker.example/v1/actors", b"localhost", 421),
        (b"http://localhost:80/v1/actors", b"attacker.example", 200),
        (b"http://[::1]/v1/actors", b"attacker.example", 200),
    ],
)
def test_the_host_in_an_absolute_target_counts(
    client: Client, target: bytes, host: bytes, status: int
) -> None:
    headers = AUTHORIZED.replace(b"localhost", host) + b"Connection: close\r\n\r\n"
    request = b"GET %b HTTP/1.1\r\n" % target + headers
    assert raw_http.statuses(raw_http.exchange(client, request)) == [status]


# Writes


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://attacker.example"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": CHARTS},
        {"Origin": "http://localhost:3000"},
    ],
    ids=str,
)
def test_pages_of_other_origins_write_nothing(
    client: Client, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = client.request(method, path, headers={"Host": "localhost:8000", **headers})
    expect_problem(answer, 403, "cross-origin")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8000"},
        {"Origin": PUBLIC_URL},
        {"Host": "reader.example.org", "Origin": "https://reader.example.org"},
    ],
    ids=str,
)
def test_programs_and_pages_of_the_service_may_write(
    client: Client, headers: dict[str, str]
) -> None:
    answer = client.post("/v1/actors", json={}, headers={"Host": "localhost:8000", **headers})
    expect_problem(answer, 422, "invalid")


# Reads by CORS


def preflight(client: Client, origin: str, method: str, headers: str = "") -> Response:
    asked = {"Access-Control-Request-Headers": headers} if headers else {}
    return client.options(
        "/v1/actors",
        headers={"Origin": origin, "Access-Control-Request-Method": method, **asked},
    )


def test_pages_of_allowed_origins_read(client: Client) -> None:
    answer = client.get("/v1/actors", headers={"Origin": CHARTS})
    assert answer.headers["Access-Control-Allow-Origin"] == CHARTS
    assert "Origin" in answer.headers["Vary"]
    assert {"ETag", "Link", "Retry-After"} <= {
        name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")
    }
    assert "Access-Control-Allow-Credentials" not in answer.headers
    for headers in ({}, {"Origin": "https://attacker.example"}):
        other = client.get("/v1/actors", headers=headers)
        assert "Access-Control-Allow-Origin" not in other.headers
        assert "Origin" in other.headers["Vary"]


def test_preflights_allow_reads_with_a_key_and_no_writes(client: Client) -> None:
    allowed = preflight(client, CHARTS, "GET", "authorization,if-none-match")
    assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (200, CHARTS)
    assert set(allowed.headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "HEAD"}
    assert "Origin" in allowed.headers["Vary"]
    for refused in (
        preflight(client, CHARTS, "POST", "content-type"),
        preflight(client, CHARTS, "DELETE"),
        preflight(client, CHARTS, "GET", "idempotency-key"),
        preflight(client, "https://attacker.example", "GET"),
    ):
        expect_problem(refused, 403, "cross-origin")
        assert "Access-Control-Allow-Origin" not in refused.headers


def test_all_origins_may_read_where_the_setting_says_so_and_none_without_it(
    store: Store,
) -> None:
    for setting, expected in (("*", "*"), ("", None)):
        with run_api(store.url, cors_origins=setting) as open_to:
            answer = open_to.get("/v1/actors", headers={"Origin": CHARTS})
            assert answer.headers.get("Access-Control-Allow-Origin") == expected
            written = open_to.post("/v1/actors", json={}, headers={"Origin": CHARTS})
            expect_problem(written, 403, "cross-origin")


# Pages


def test_pages_have_a_policy_that_loads_nothing_from_other_hosts(client: Client) -> None:
    for path in ("/", "/docs"):
        page = client.get(path)
        policy = dict(
            directive.split(" ", 1)
            for directive in page.headers["Content-Security-Policy"].split("; ")
        )
        assert {policy["default-src"], policy["frame-ancestors"], policy["base-uri"]} == {"'none'"}
        sources = {source for sources in policy.values() for source in sources.split()}
        allowed = {"'none'", "'self'", "data:"}
        assert [s for s in sources if s not in allowed and not s.startswith("'sha256-")] == []
        inline = re.findall(r"<(?:script|style)>", page.text)
        assert len(inline) == len([s for s in sources if s.startswith("'sha256-")])
        assert page.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/v1/actors", 200), ("/none", 404), ("/swagger/swagger-ui.css", 200)],
)
def test_no_answer_is_taken_for_another_type(client: Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["X-Content-Type-Options"]) == (status, "nosniff")


def test_nothing_redirects_to_the_host_of_the_request(client: Client) -> None:
    for path in ("/docs/", "/v1/actors/", "/v1"):
        answer = client.get(path, headers={"Host": "reader.example.org"})
        assert (answer.status_code, answer.headers.get("Location")) == (404, None)
    for path in ("/", "/docs"):
        assert "reader" not in client.get(path, headers={"Host": "reader.example.org"}).text
