"""Tests that run the examples of `ops/examples` against the APIs, with real deliveries."""

import os
import runpy
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any, Final

import pytest
from httpx2 import Client

from tests.support import bodies, generators, postgres, seeds
from tests.support.bodies import ndjson
from tests.support.keys import TOKEN
from tests.support.npm_verifier import FOLDER as NPM
from tests.support.processes import free_port, until
from tests.support.store import Store, open_store, run_api
from tests.support.webhooks import (
    create_endpoint,
    deliveries,
    run_delivery,
    wait_until_settled,
)

EXAMPLES: Final = Path(__file__).parents[2] / "ops" / "examples"
TOPIC: Final = "talks-with-putin"


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    """The seeds."""
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        with run_api(url) as client:
            client.post("/v1/batch", content=ndjson(seeds.lines()), headers=bodies.NDJSON)
        new_store.catch_up()
        yield new_store


@pytest.fixture
def client(store: Store) -> Iterator[Client]:
    with run_api(store.url) as new_client:
        yield new_client


@contextmanager
def running(output: Path, *command: str | Path, **environment: str) -> Iterator[None]:
    """A process whose output goes to this file, from when it listens until the end of the block."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*map(str, command)],
            env={**os.environ, **environment},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            until(lambda: "port" in output.read_text() or bool(process.poll()), "it listens")
            assert process.poll() is None, output.read_text()
            yield
        finally:
            process.terminate()
            process.wait()


@pytest.mark.parametrize("language", ["Python", "Node"])
def test_a_receiver_handles_each_real_delivery_once(
    client: Client, store: Store, tmp_path: Path, language: str
) -> None:
    command: tuple[str | Path, ...] = (sys.executable, EXAMPLES / "receiver.py")
    if language == "Node":
        (tmp_path / "node_modules").symlink_to(NPM / "node_modules")
        command = (generators.node(), shutil.copy(EXAMPLES / "receiver.mjs", tmp_path))
    port, output = free_port(), tmp_path / "output"
    endpoint = create_endpoint(client, f"http://127.0.0.1:{port}/", topics=[TOPIC])
    other = create_endpoint(client, f"http://127.0.0.1:{port}/", topics=[TOPIC])
    with (
        running(output, *command, str(port), ONRECORD_SECRET=endpoint["secret"]),
        run_delivery(store) as deliver,
    ):
        for stance in ("support", "oppose"):
            body = bodies.position(actor="biden", topic=TOPIC, stance=stance, effective="2090")
            bodies.post(client, "/v1/positions", body)
        deliver()
        wait_until_settled(client, endpoint["id"])
        sent_again = deliveries(client, endpoint["id"])[0]["id"]
        assert client.post(f"/v1/deliveries/{sent_again}/resend").status_code < 300
        deliver()
        until(lambda: {401} == {attempt_status(client, other["id"])}, "the other's were refused")
        wait_until_settled(client, endpoint["id"])
        until(lambda: sorted_attempts(client, endpoint["id"]) == [1, 2], "one was delivered again")
    lines = output.read_text().splitlines()
    changes = [line for line in lines if line.startswith("Joe Biden on ")]
    assert ["oppose", "support"] == sorted(line.split()[-1] for line in changes)
    assert [line for line in lines if line.startswith("refused: ")]


def attempt_status(client: Client, endpoint: str) -> int | None:
    """The status that the first delivery of an endpoint last got."""
    attempts = deliveries(client, endpoint)[0]["attempts"]
    return attempts[-1]["status"] if attempts else None


def sorted_attempts(client: Client, endpoint: str) -> list[int]:
    """How many attempts the deliveries of an endpoint have, the fewest first."""
    log = deliveries(client, endpoint)
    return sorted(len(delivery["attempts"]) for delivery in log)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The folder of the page, compiled."""
    node = generators.node()
    folder = Path(shutil.copytree(EXAMPLES / "page", tmp_path / "page"))
    options = ("--strict", "--target", "es2022", "--lib", "es2022,dom")
    compiler = NPM / "node_modules" / "typescript" / "bin" / "tsc"
    generators.run(node, compiler, *options, "page.ts", cwd=folder)
    return folder


def dump_dom(address: str, profile: Path) -> str:
    """The document at an address, as Chromium has it once its scripts ran."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not on this machine: apt-get install chromium")
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}")
    budget = "--virtual-time-budget=10000"
    return unescape(generators.run(chromium, *options, budget, "--dump-dom", address))


def test_the_page_shows_who_stands_where_in_a_browser(
    store: Store, page: Path, tmp_path: Path
) -> None:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    server = (sys.executable, "-um", "http.server", str(port), "--bind", "127.0.0.1")
    with (
        running(tmp_path / "output", *server, "--directory", page),
        run_api(store.url, cors_origins=(origin,), public_reads=True) as client,
    ):
        query = f"topic={TOPIC}&as_of=2022-12-31"
        dom = dump_dom(f"{origin}/index.html?api={client.base_url}&{query}", tmp_path / "profile")
        items = bodies.get(client, f"/v1/topics/{TOPIC}/positions", as_of="2022-12-31")["items"]
        elsewhere = f"http://localhost:{port}/index.html?api={client.base_url}&{query}"
        refused = dump_dom(elsewhere, tmp_path / "profile")
    assert len(items) > 1
    assert len(items) == dom.count("<tr class=")
    for item in items:
        assert f"<td>{item['actor_label']}</td>" in dom
        assert f"<td>{item['summary']}</td>" in dom
    assert "As of 2022-12-31, as known at size" in dom
    assert "It could not be read: " in refused


def test_the_notebook_runs_to_its_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_api(store.url) as client:
        monkeypatch.setenv("ONRECORD_URL", str(client.base_url))
        monkeypatch.setenv("ONRECORD_KEY", TOKEN)
        cells: dict[str, Any] = runpy.run_path(str(EXAMPLES / "notebook.py"))
        grid = bodies.get(client, "/v1/positions", as_of="2022-12-31", limit=500)["items"]
        changes = bodies.get(client, "/v1/changes", limit=500)["items"]
        timeline = bodies.get(client, f"/v1/actors/biden/topics/{TOPIC}/timeline")["items"]
    stances = {
        (actor, topic): stance
        for topic, column in cells["stances"].items()
        for actor, stance in column.dropna().items()
    }
    assert {
        (item["actor_label"], item["topic_label"]): item["stance"]
        for item in grid
        if item["stance"]
    } == stances
    assert Counter(change["kind"] for change in changes) == cells["kinds"].to_dict()
    assert [step["stance"] for step in timeline] == [*cells["timeline"]["stance"]]
    assert -1 in [*cells["timeline"]["value"]] or 1 in [*cells["timeline"]["value"]]
    assert all(cells["words"])
