"""Tests of clients that generators make from the OpenAPI document of the running service."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from httpx2 import Client

from tests.support import bodies, generators, postgres, seeds
from tests.support.bodies import ndjson
from tests.support.generators import PYTHON_GENERATOR, run
from tests.support.npm_verifier import FOLDER as NPM
from tests.support.store import open_store, run_api

STATEMENT: Final = bodies.statement(
    speakers=[{"actor": "biden"}], topics=["talks-with-putin"], content=bodies.content(text="No.")
)
EXPECTED: Final[dict[str, Any]] = {
    "words": "if in fact there is an interest in him deciding that he's looking for a way to end"
    " the war,",
    "outlets": ["The Hill"],
    "speaker": "biden",
    "page": 2,
    "problem": "/problems/unknown-actor",
}


@pytest.fixture(scope="module")
def client(server_url: str, template: str) -> Iterator[Client]:
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(url) as new_client,
    ):
        new_client.post("/v1/batch", content=ndjson(seeds.lines()), headers=bodies.NDJSON)
        store.catch_up()
        yield new_client


@pytest.fixture
def document(client: Client, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_bytes(client.get("/openapi.json").content)
    return path


def arguments(client: Client) -> list[str]:
    key = client.headers.get("Authorization", "none").removeprefix("Bearer ")
    return [str(client.base_url), key, json.dumps(STATEMENT)]


def check(output: str, **more: Any) -> None:
    """The program read the seeds, and recorded a statement and its correction."""
    read = json.loads(output)
    first, second = read.pop("seqs")
    assert second == first + 1
    assert {**EXPECTED, **more} == read


def test_typescript_compiles_and_calls_the_service(
    client: Client, document: Path, tmp_path: Path
) -> None:
    node = generators.node()
    packages = NPM / "node_modules"
    (tmp_path / "node_modules").symlink_to(packages)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(NPM / "program.ts", tmp_path)
    cli = packages / "openapi-typescript" / "bin" / "cli.js"
    run(node, cli, document, "-o", "schema.ts", cwd=tmp_path)
    compiler = packages / "typescript" / "bin" / "tsc"
    options = ("--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022")
    run(node, compiler, *options, "--types", "node", "program.ts", cwd=tmp_path)
    check(run(node, "program.js", *arguments(client), cwd=tmp_path))


def test_openapi_python_client_generates_without_a_warning_and_calls_the_service(
    client: Client, document: Path, tmp_path: Path
) -> None:
    python = generators.python_of_generator()
    config = PYTHON_GENERATOR / "config.yml"
    generate = ("generate", "--path", document, "--output-path", "onrecord_api", "--meta", "none")
    module = (python, "-m", "openapi_python_client")
    run(*module, *generate, "--config", config, "--fail-on-warning", cwd=tmp_path)
    shutil.copy(PYTHON_GENERATOR / "program.py", tmp_path)
    check(run(python, "program.py", *arguments(client), cwd=tmp_path), line=200)
