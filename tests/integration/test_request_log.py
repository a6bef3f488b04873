"""The log line and the metrics of each request.

`e2e/test_up.py` follows one through all processes.
"""

import re
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import Client
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from tests.support.processes import until

ACTOR = "/v1/actors/{actor}"
SEARCH = {"q": "wordsofthesearch"}


def lines_of(client: Client, method: str, path: str, **options: Any) -> list[dict[str, Any]]:
    with capture_logs() as entries:
        client.request(method, path, **options)
        # it is written once the answer is sent
        until(lambda: "request" in [entry["event"] for entry in entries], "there is a line")
    return [dict(entry) for entry in entries if entry["event"] == "request"]


@pytest.mark.parametrize(
    ("method", "path", "route", "status", "problem"),
    [
        ("GET", "/v1/statements", "/v1/statements", 200, None),
        ("GET", "/v1/actors/a-name", ACTOR, 404, "unknown-actor"),
        ("HEAD", "/v1/actors/a-name", ACTOR, 404, "unknown-actor"),
        ("PUT", "/v1/actors/a-name", "/v1/actors/{id}", 405, "append-only"),
        ("POST", "/v1/actors", "/v1/actors", 422, "invalid"),
        ("GET", "/a-name", None, 404, "not-found"),
    ],
)
def test_a_request_is_one_line_with_its_template_and_the_code_of_its_problem(
    client: Client, method: str, path: str, route: str, status: int, problem: str | None
) -> None:
    options: dict[str, Any] = {"json": {"id": "a-name"}} if method == "POST" else {}
    options |= {"params": SEARCH} if status == 200 else {}
    (line,) = lines_of(client, method, path, **options)
    assert (method, route, status) == (line["method"], line["route"], line["status"])
    assert problem == line.get("problem")
    assert re.fullmatch(r"[0-9a-f-]{36}", line["key"])
    assert line["ms"] > 0
    assert "a-name" not in str(line)
    assert SEARCH["q"] not in str(line)


def test_a_request_that_is_refused_before_its_route_has_the_template_and_no_key(
    client: Client,
) -> None:
    headers = {"Authorization": "Bearer nonsense"}
    (line,) = lines_of(client, "GET", "/v1/actors/a-name", headers=headers)
    assert (ACTOR, 401, None, "key-invalid") == (
        *(line["route"], line["status"], line["key"]),
        line["problem"],
    )


def test_a_write_names_the_entries_that_it_made(client: Client) -> None:
    body = {"id": f"actor-{uuid4().hex}", "kind": "person"}
    (first,) = lines_of(client, "POST", "/v1/actors", json=body)
    (again,) = lines_of(client, "POST", "/v1/actors", json=body)
    (dry,) = lines_of(client, "POST", "/v1/actors", json=body, params={"dry_run": "1"})
    assert first["seq"] == again["seq"] == first["last_seq"]
    assert (1, 1, True) == (first["recorded"], again["repeated"], dry["dry_run"])
    assert "seq" not in dry


def test_a_batch_names_its_entries_and_counts_refused_lines(client: Client) -> None:
    slugs = [f"actor-{uuid4().hex}" for _ in range(2)]
    bodies = [f'{{"op":"actor","id":"{slug}","body":{{"kind":"person"}}}}' for slug in slugs]
    content = "\n".join((bodies[0], "nonsense", bodies[1], '{"op":"actor"}'))
    headers = {"Content-Type": "application/x-ndjson"}
    (line,) = lines_of(client, "POST", "/v1/batch", content=content, headers=headers)
    assert (2, line["seq"] + 1) == (line["recorded"], line["last_seq"])
    assert {"bad-json": 1, "invalid": 1} == line["refused"]


def test_requests_are_counted_by_template_and_a_method_of_the_client_is_no_label(
    client: Client,
) -> None:
    def count(method: str) -> float:
        labels = {"method": method, "route": ACTOR, "status": status[method]}
        return REGISTRY.get_sample_value("onrecord_http_requests_total", labels) or 0

    status = {"GET": "404", "other": "405"}
    before = {method: count(method) for method in status}
    for method in ("GET", "PROPFIND"):  # one that the parser of HTTP knows
        lines_of(client, method, "/v1/actors/a-name")
    assert {method: n + 1 for method, n in before.items()} == {m: count(m) for m in status}
