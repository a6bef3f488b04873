"""Tests of lists as JSON, NDJSON and CSV: by suffix or `Accept`, page by page or streamed."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import orjson
import pandas
import pytest
from httpx2 import Client, Response

from tests.support import postgres
from tests.support.bodies import expect_problem, get
from tests.support.lists import LISTS, PAIR, fill
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


def check_cells(value: Any, name: str, row: dict[str, str]) -> None:
    """Check that a row has a member of an item, in a cell or in several."""
    if name in row:
        parts = value if isinstance(value, list) else [value]
        nested = any(isinstance(part, dict) for part in parts)
        if isinstance(value, bool):
            assert row[name] == str(value).lower()
        elif isinstance(value, list) and not nested:
            assert "; ".join(map(str, value)) == row[name]
        elif nested:
            assert value == json.loads(row[name])
        else:
            assert row[name] == ("" if value is None else str(value))
    elif value is None:
        assert {""} == {cell for column, cell in row.items() if column.startswith(f"{name}_")}
    else:
        for key, member in value.items():
            check_cells(member, f"{name}_{key}", row)


@pytest.mark.parametrize("path", LISTS)
def test_csv_has_all_that_the_json_has(client: Client, endpoint: str, path: str) -> None:
    address = path.format(endpoint=endpoint)
    page = get(client, address, **LISTS[path])
    rows = items_of(client.get(f"{address}.csv", params=LISTS[path]))
    assert len(page["items"]) == len(rows)
    for item, row in zip(page["items"], rows, strict=True):
        if "known" in page:
            assert str(page["known"]["size"]) == row["record_size"]
        assert page.get("as_of") == row.get("as_of")
        for name, value in item.items():
            check_cells(value, name, row)


def test_pandas_reads_csv_and_ndjson(client: Client) -> None:
    params = {**LISTS["/v1/changes"], "stream": 1}
    answer = client.get("/v1/changes.csv", params=params)
    frame = pandas.read_csv(io.BytesIO(answer.content))
    assert ["Emma"] * 4 == list(frame["actor_label"])
    assert pandas.to_datetime(frame["effective_latest"]).is_monotonic_decreasing
    assert 1 == frame["record_size"].nunique()
    ndjson = client.get("/v1/changes.ndjson", params=params)
    assert list(frame["id"]) == list(pandas.read_json(io.BytesIO(ndjson.content), lines=True)["id"])


def test_a_file_has_a_name_and_a_page_of_it_leads_to_the_next(client: Client) -> None:
    answer = client.get(f"{PAIR}/timeline.csv", params={"limit": 1})
    size = get(client, f"{PAIR}/timeline")["known"]["size"]
    name = f"onrecord-actors-emma-topics-talks-timeline-size-{size}.csv"
    assert f'attachment; filename="{name}"' == answer.headers["content-disposition"]
    assert "text/csv; charset=utf-8; header=present" == answer.headers["content-type"]
    assert answer.links["next"]["url"].startswith(f"{PAIR}/timeline.csv?")
    assert "Accept, Accept-Encoding" == answer.headers["vary"]
    again = client.get(
        f"{PAIR}/timeline.csv",
        params={"limit": 1},
        headers={"If-None-Match": answer.headers["etag"]},
    )
    assert 304 == again.status_code
    assert answer.headers["etag"] != client.get(f"{PAIR}/timeline").headers["etag"]


ACCEPTED = {
    "": JSON,
    "*/*": JSON,
    "text/html, */*;q=0.1": JSON,
    "text/csv": CSV,
    "text/*": CSV,
    "application/ndjson": NDJSON,
    "Text/CSV; charset=utf-8": CSV,
    "application/json;q=0.5, text/csv": CSV,
    "application/json;q=0.5, text/csv;q=0.4": JSON,
    "text/csv, application/json": CSV,
    "*/*, application/json;q=0, text/csv;q=0.1": NDJSON,
    "application/json;q=0, */*": NDJSON,
}


@pytest.mark.parametrize("accept", ACCEPTED)
def test_accept_chooses_the_format(client: Client, accept: str) -> None:
    answer = client.get("/v1/changes", headers={"Accept": accept})
    assert ACCEPTED[accept] == answer.headers["content-type"].split(";")[0]


@pytest.mark.parametrize("accept", ["text/html", "application/xml, image/*", "*/*;q=0", "x"])
@pytest.mark.parametrize("path", LISTS)
def test_an_accept_that_nothing_fits_is_406_and_names_what_there_is(
    client: Client, endpoint: str, path: str, accept: str
) -> None:
    address = path.format(endpoint=endpoint)
    problem = expect_problem(client.get(address, headers={"Accept": accept}), 406, "not-acceptable")
    assert {JSON, NDJSON, CSV} <= set(problem["available"])
    assert 200 == client.get(f"{address}.csv", headers={"Accept": accept}).status_code


def test_only_lists_have_suffixes(client: Client) -> None:
    for path in ("/v1/projections.csv", f"{PAIR}/position.csv", "/v1/statements.xml"):
        expect_problem(client.get(path), 404, "not-found")
    assert client.get("/v1/actors/emma.csv").status_code in (404, 422)


def test_an_empty_list_of_csv_is_a_header(client: Client) -> None:
    answer = client.get("/v1/statements.csv", params={"topic": "slug-3"})
    assert 1 == answer.content.count(b"\r\n")
    assert answer.content.startswith(b'"id",')
