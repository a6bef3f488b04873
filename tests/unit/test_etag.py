"""The ETag of an answer: over what it says and cites, and not over the clocks of the request."""

from typing import Any

from fastapi import Request

from onrecord.query.responses import with_etag

ANSWER = {
    "stance": "support",
    "as_of": "2022",
    "permalink": "https://x/?as_of=2022",
    "cite": "Emma",
}
CITED = ("Emma", "Talks", "https://record.example.org")


def etag(cited: tuple[str, ...] = CITED, **over: Any) -> str:
    request = Request({"type": "http", "headers": []})
    return with_etag(request, {**ANSWER, **over}, cited=cited).headers["ETag"]


def test_the_clocks_of_a_request_do_not_change_the_etag() -> None:
    assert etag() == etag(as_of="2023", permalink="https://x/?2023", cite="Emma, 2023")


def test_what_is_said_and_each_name_and_address_that_is_cited_changes_the_etag() -> None:
    others = {etag((*CITED[:n], "other", *CITED[n + 1 :])) for n in range(len(CITED))}
    assert 5 == len({etag(), etag(stance="oppose"), *others})
