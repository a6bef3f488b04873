"""Scopes that requests need: every route of every API, as the table in `ops/docs/keys.md` says."""

import re
from pathlib import Path
from typing import Final

import pytest
from fastapi.routing import iter_route_contexts

from onrecord.access.required_scopes import required_scope
from onrecord.entrypoints.app_factory import create_app
from onrecord.kit.settings import Settings

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "ops" / "docs" / "keys.md").read_text()
SETTINGS: Final = Settings(database_url="postgresql://nowhere/x", broker_url="amqp://nowhere//")
APP: Final = create_app(SETTINGS, frozenset({"write", "read", "audit", "webhooks", "editing"}))
READS: Final = {"GET", "HEAD"}


def documented_scope(method: str, path: str) -> str:
    """The scope of the first row of the table that names the path, or every other one."""
    table = PAGE.partition("## Scopes")[2].partition("## ")[0]
    for requests, cell in re.findall(r"^\| (.+) \| (.+) \|$", table, re.MULTILINE):
        scope = str(cell).strip("`")
        if requests.startswith("every other method"):
            return scope
        if "`OPTIONS`" in requests:
            if method == "OPTIONS":
                return scope
            continue
        methods = READS if "`GET` and `HEAD`" in requests else {method}
        names = re.findall(r"`(/\S*)`", requests)
        others = requests.startswith("every other")
        if method in methods and (others or any(is_named(path, name) for name in names)):
            return scope
    raise AssertionError(f"the table does not say what {method} {path} needs")


def is_named(path: str, name: str) -> bool:
    """Whether a name of the table, with `…` for what may follow, names a path."""
    pattern = re.escape(name).replace(re.escape("/…"), "/.+").replace("…", r"(?:[-/.].+)?")
    return re.fullmatch(pattern, path) is not None


ROUTES: Final = sorted(
    {
        (method, route.path)
        for route in iter_route_contexts(APP.routes)
        for method in route.methods or {"GET"}
    }
)


def test_all_routes_are_walked() -> None:
    assert len(ROUTES) > 60
    assert {("POST", "/v1/batch"), ("GET", "/metrics"), ("GET", "/docs")} <= set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_route_needs_the_scope_that_the_table_says(method: str, path: str) -> None:
    needed = {"open": "none"}.get(scope := required_scope(method, path), scope)
    assert documented_scope(method, path) == needed


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/endpointsx", "webhooks"),
        ("GET", "/v1/endpoints/", "webhooks"),
        ("DELETE", "/v1/keys/1", "admin"),
        ("POST", "/v1/me/x", "write"),
        ("POST", "/", "write"),
        ("POST", "/docs", "write"),
        ("GET", "//v1/keys", "read"),
        ("GET", "/nowhere", "read"),
        ("TRACE", "/v1/actors", "write"),
        ("FOO", "/nowhere", "write"),
        ("OPTIONS", "/v1/actors", "open"),
        ("GET", "/openapi-3.2.json", "open"),
        ("GET", "/problems/rate-limited", "open"),
        ("GET", "/metrics", "read"),
    ],
)
def test_what_is_not_named_is_not_open(method: str, path: str, scope: str) -> None:
    assert required_scope(method, path) == scope


@pytest.mark.parametrize("suffix", [".csv", ".ndjson", ".json"])
def test_a_list_needs_the_same_scope_with_the_suffix_of_a_format(suffix: str) -> None:
    for path in ("/v1/endpoints", "/v1/deliveries", "/v1/keys", "/v1/statements"):
        assert required_scope("GET", path) == required_scope("GET", path + suffix)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_address_that_a_route_matches_too_needs_no_smaller_scope(method: str, path: str) -> None:
    if method == "OPTIONS" or required_scope(method, path) in ("open", "any key"):
        return
    for spelling in (f"{path}\n", f"{path}\n.csv", f"{path}.csv"):
        assert required_scope(method, spelling) == required_scope(method, path)
