"""Tests of lists as JSON, NDJSON and CSV: by suffix or `Accept`, page by page or streamed."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from httpx2 import Client, Response

from tests.support import postgres
from tests.support.bodies import get
from tests.support.lists import LISTS, fill
from tests.support.store import open_store, run_api

JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"
SUFFIXES = {".json": JSON, ".ndjson": NDJSON, ".csv": CSV}


@pytest.fixture(scope="module")
def client(server_url: str, template: str) -> Iterator[Client]:
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(url) as new_client,
    ):
        fill(new_client, store)
        yield new_client


@pytest.fixture(scope="module")
def endpoint(client: Client) -> str:
    return str(get(client, "/v1/endpoints")["items"][0]["id"])


def items_of(answer: Response) -> list[Any]:
    """The items of an answer, those of CSV as rows of text."""
    assert 200 == answer.status_code, answer.text
    format_ = answer.headers["content-type"].split(";")[0]
    if format_ == JSON:
        return list(answer.json()["items"])
    if format_ == NDJSON:
        return [orjson.loads(line) for line in answer.content.splitlines()]
    assert format_ == CSV
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


def pages(client: Client, address: str, params: dict[str, Any]) -> Iterator[Response]:
    """Pages, as their `Link` leads from one to the next."""
    answer = client.get(address, params=params)
    yield answer
    while "next" in answer.links:
        answer = client.get(answer.links["next"]["url"])
        yield answer


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("path", LISTS)
def test_pages_joined_are_the_stream_and_the_items_of_json(
    client: Client, endpoint: str, path: str, suffix: str
) -> None:
    address = path.format(endpoint=endpoint)
    whole = client.get(address, params=LISTS[path])
    expected = items_of(whole)
    assert 4 == len(expected)
    address += suffix
    if path == "/v1/events" and suffix == ".ndjson":
        paged = items_of(client.get(address, params=LISTS[path]))  # always to the end
    else:
        answers = list(pages(client, address, {**LISTS[path], "limit": 3}))
        assert [3, 1] == [len(items_of(answer)) for answer in answers]
        paged = [item for answer in answers for item in items_of(answer)]
    streamed = client.get(address, params={**LISTS[path], "stream": 1})
    assert SUFFIXES[suffix] == streamed.headers["content-type"].split(";")[0]
    assert paged == items_of(streamed)
    if suffix == ".csv":
        assert len(expected) == len(paged)
    else:
        assert expected == paged
    if suffix == ".json":
        assert whole.json() == streamed.json()
