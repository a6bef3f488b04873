"""`onrecord erase`: it says what will be gone, asks, and erases nothing until told to."""

import json
from collections.abc import Iterator
from typing import get_args
from uuid import uuid4

import httpx2
import pytest
from typer.testing import CliRunner, Result

from onrecord.entrypoints.cli import app
from onrecord.entrypoints.commands.erase import ErasableSection
from onrecord.ingest.schemas import ErasureIn
from tests.support import bodies, keys, postgres
from tests.support.store import open_store, run_api

WORDS = "We are ready to talk."


@pytest.fixture(scope="module")
def client(server_url: str, template: str) -> Iterator[httpx2.Client]:
    with postgres.database(server_url, template) as url, open_store(url), run_api(url) as http:
        bodies.register_all(http)
        yield http


@pytest.fixture
def statement(client: httpx2.Client) -> str:
    made = bodies.post(client, "/v1/statements", bodies.statement(note="A note."))
    return str(made["id"])


def erase(client: httpx2.Client, statement: str, *options: str, answer: str = "") -> Result:
    command = ["erase", statement, "--ground=gdpr-17", f"--url={client.base_url}", *options]
    return CliRunner().invoke(app, command, input=answer, env={"ONRECORD_KEY": keys.TOKEN})


def sections(client: httpx2.Client, statement: str) -> set[str]:
    """Those that are still on record."""
    return set(bodies.get(client, f"/v1/events/{statement}")["payload"])


def test_every_section_of_the_api_can_be_named() -> None:
    (of_api, *_) = get_args(ErasureIn.model_fields["sections"].annotation)
    assert {*get_args(of_api)} == {*ErasableSection}


def test_nothing_is_erased_without_a_yes(client: httpx2.Client, statement: str) -> None:
    for answer in ("", "n\n", "\n"):
        done = erase(client, statement, "--section", "content", answer=answer)
        assert (1, True) == (done.exit_code, "Gone for ever" in done.output)
    assert {"content", "evidence", "note"} == sections(client, statement)
    done = erase(client, statement, "--section", "content", "--section", "note", answer="y\n")
    assert 0 == done.exit_code
    for text in ("what was said", "the coder's note", "proofs given before", "Erased by event"):
        assert text in done.output
    assert {"evidence"} == sections(client, statement)


def test_a_dry_run_says_what_would_be_gone(client: httpx2.Client, statement: str) -> None:
    size = bodies.get(client, "/v1/ledger")["size"]
    done = erase(client, statement, "--section", "evidence", "--dry-run")
    assert (0, True) == (done.exit_code, "addresses, titles, outlets" in done.output)
    assert "Nothing was erased" in done.output
    assert size == bodies.get(client, "/v1/ledger")["size"]


def test_json_is_one_document(client: httpx2.Client, statement: str) -> None:
    done = erase(client, statement, "--section", "content", "--json", "--yes")
    assert 0 == done.exit_code
    event = bodies.get(client, f"/v1/events/{json.loads(done.stdout)['event']}")["entry"]
    assert ["payload.erased", "gdpr-17"] == [event["type"], event["data"]["ground"]]


@pytest.mark.parametrize(
    ("code", "text", "options"),
    [
        (1, "on record", ["--section", "content", "--yes"]),
        (2, "words", ["--section", "words", "--yes"]),
        (2, "ground", ["--section", "content", "--ground", "because she asked", "--yes"]),
        (2, "section", ["--yes"]),
        (3, "onrecord up", ["--section", "content", "--yes", "--url", "http://127.0.0.1:1"]),
    ],
)
def test_an_error_is_one_sentence_with_its_exit_code(
    client: httpx2.Client, code: int, text: str, options: list[str]
) -> None:
    done = erase(client, str(uuid4()), *options)
    assert (code, True) == (done.exit_code, text in done.output.lower()), done.output
    assert "Gone for ever" not in done.output
    assert "Traceback" not in done.output


def test_a_key_that_may_not_write_is_refused(client: httpx2.Client, statement: str) -> None:
    done = CliRunner().invoke(
        app,
        ["erase", statement, "--section=note", "--ground=gdpr-17", f"--url={client.base_url}"],
        env={"ONRECORD_KEY": keys.token_of(uuid4())},
    )
    assert (1, True) == (done.exit_code, "ONRECORD_KEY" in done.output)
