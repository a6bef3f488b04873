"""Signing in to pages: the cookie, where it counts, and how it is forgotten."""

from collections.abc import Iterator
from typing import Final

import pytest
from httpx2 import Client

from tests.support import bodies, keys
from tests.support.store import Store, run_api

HTML: Final = {"Accept": "text/html"}
COOKIE: Final = {"Cookie": f"onrecord_key={keys.TOKEN}"}


@pytest.fixture
def browser(store: Store) -> Iterator[Client]:
    """A client that sends no key by itself."""
    with run_api(store.url) as client:
        del client.headers["Authorization"]
        yield client


def origin_of(client: Client) -> str:
    return str(client.base_url).rstrip("/")


def test_a_valid_key_is_kept_in_a_cookie_that_no_script_reads(browser: Client) -> None:
    form = {"key": f" {keys.TOKEN}\n", "next": "/grid?stance=support"}
    answer = browser.post("/signin", data=form, headers={"Origin": origin_of(browser)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/grid?stance=support")
    attributes = answer.headers["Set-Cookie"].split("; ")
    assert attributes[0] == f"onrecord_key={keys.TOKEN}"
    assert {"HttpOnly", "Path=/", "SameSite=strict"} == set(attributes[1:])


def test_over_https_the_cookie_belongs_to_this_host_only(store: Store) -> None:
    with run_api(store.url, public_url="https://record.example.org") as client:
        origin = {"Origin": "https://record.example.org"}
        answer = client.post("/signin", data={"key": keys.TOKEN}, headers=origin)
    name, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert name.startswith("__Host-onrecord_key=")
    assert "Secure" in attributes


@pytest.mark.parametrize("next_", ["//evil.example/", "https://evil.example/", "/\\evil.example"])
def test_signing_in_leads_to_no_other_site(browser: Client, next_: str) -> None:
    form = {"key": keys.TOKEN, "next": next_}
    answer = browser.post("/signin", data=form, headers={"Origin": origin_of(browser)})
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("key", ["", "x", keys.TOKEN[:-1] + "8", keys.TOKEN + "0"])
def test_a_key_that_is_not_valid_is_kept_by_nobody(browser: Client, key: str) -> None:
    answer = browser.post("/signin", data={"key": key}, headers={"Origin": origin_of(browser)})
    assert answer.status_code in (401, 422)
    assert "Set-Cookie" not in answer.headers or keys.TOKEN not in answer.headers["Set-Cookie"]


def test_the_cookie_reads_and_writes_no_json(browser: Client) -> None:
    assert browser.get("/v1/actors", headers=COOKIE).status_code == 200
    origin = {"Origin": origin_of(browser)}
    answer = browser.post("/v1/actors", json=bodies.actor(), headers={**COOKIE, **origin})
    assert answer.status_code == 401


def test_a_key_that_is_valid_no_more_is_forgotten(browser: Client) -> None:
    old = {"Cookie": f"onrecord_key={keys.TOKEN[:-1]}8"}
    answer = browser.get("/", headers={**HTML, **old})
    assert answer.status_code == 401
    assert 'name="key"' in answer.text
    cookies = answer.headers.get_list("Set-Cookie")
    assert all("Max-Age=0" in cookie for cookie in cookies)
    assert len(cookies) == 2


def test_signing_out_forgets_the_key(browser: Client) -> None:
    answer = browser.post("/signout", headers={**COOKIE, "Origin": origin_of(browser)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert all("Max-Age=0" in cookie for cookie in answer.headers.get_list("Set-Cookie"))
