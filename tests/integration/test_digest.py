"""The digest: what was recorded since a date, on its page and in the terminal."""

import json

from httpx2 import Client
from typer.testing import CliRunner

from onrecord.entrypoints.cli import app
from tests.support import bodies, keys
from tests.support.store import Store

HTML = {"Accept": "text/html"}
CHANGE = "Emma took a first position on “Talks”: support, effective on 30 November 2022."
CORRECTION = "The record on Emma and “Talks” now says opposition, on 30 November 2022;"


def record_and_correct(client: Client, store: Store) -> None:
    bodies.register_all(client)
    position = bodies.post(client, "/v1/positions", bodies.position())["id"]
    replacement = bodies.correction(bodies.position(stance="oppose"))
    bodies.post(client, f"/v1/positions/{position}/corrections", replacement)
    store.catch_up()


def test_the_page_tells_changes_and_corrections(client: Client, store: Store) -> None:
    record_and_correct(client, store)
    page = client.get("/digest", headers=HTML)
    assert page.status_code == 200
    assert CHANGE.replace("support", "opposition") in page.text
    assert CORRECTION in page.text
    assert "our mistake" in page.text
    later = client.get("/digest", params={"since": "2090-01-01"}, headers=HTML).text
    assert "Emma" not in later
    assert 422 == client.get("/digest", params={"since": "x"}, headers=HTML).status_code


def test_the_command_says_the_same(client: Client, store: Store) -> None:
    record_and_correct(client, store)
    address, environment = str(client.base_url), {"ONRECORD_KEY": keys.TOKEN}
    arguments = ["digest", "--since", "2026-01-01", "--url", address]
    said = CliRunner(env=environment).invoke(app, arguments, terminal_width=300)
    assert said.exit_code == 0, said.output
    assert CORRECTION in " ".join(said.output.split())
    data = json.loads(CliRunner(env=environment).invoke(app, [*arguments, "--json"]).output)
    assert [step["stance"] for step in data["changes"]] == ["oppose"]
    assert [item["type"] for item in data["corrections"]] == ["position.corrected"]
    nothing = CliRunner(env=environment).invoke(app, [*arguments[:2], "2090-01-01", *arguments[3:]])
    assert (nothing.exit_code, "Nothing was recorded." in nothing.output) == (0, True)
