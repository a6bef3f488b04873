"""Commands over a record that is hostile to terminals; names as people write them; JSON."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import Client
from typer.testing import CliRunner, Result

from onrecord.entrypoints.cli import app
from tests.support import postgres
from tests.support.bodies import actor, content, line, ndjson, position, send, statement, topic
from tests.support.keys import TOKEN
from tests.support.store import Store, open_store, run_api

OSC = "\x1b]0;owned\x07"
HOSTILE = f"{OSC}\x9b31m\u202e\u2028\u200b"
SHOWN = r"\x1b]0;owned\x07"
RAW = frozenset("\x1b\x07\x9b\u202e\u2028\u200b")
STATEMENT, POSITION = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2))


def names_of(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "lang": "de"} for name in names]


RECORD = [
    line("actor", "anna", actor("anna", names=names_of(f"Anna {HOSTILE}", "Schmidt"))),
    line("actor", "otto", actor("otto", names=names_of("SCHMIDT"))),
    line("topic", "talks", topic(label=f"Talks with Russia {HOSTILE}")),
    line("topic", "wages", topic("wages", label="Minimum wage")),
    line(
        "statement",
        STATEMENT,
        statement(
            speakers=[{"actor": "anna", "role": HOSTILE}],
            content=content(text=f"Ready. {HOSTILE}\nAnd more."),
        ),
    ),
    line(
        "position",
        POSITION,
        position(
            actor="anna",
            topic="wages",
            stance="conditional_support",
            condition=f"If {HOSTILE}",
            summary=f"For {HOSTILE}",
            basis=[STATEMENT],
        ),
    ),
]


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as database:
        yield database


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    with run_api(store.url) as http:
        assert {201} == {result["status"] for result in send(http, ndjson(RECORD))}
        store.catch_up()
        yield http


@pytest.fixture
def environment(store: Store, tmp_path: Path) -> dict[str, str]:
    """Settings of the commands that read the database."""
    return {
        "ONRECORD_DATABASE_URL": store.url,
        "ONRECORD_BROKER_URL": "memory://",
        "ONRECORD_DATA": str(tmp_path / "data"),
    }


def run(*command: str, url: str = "", env: dict[str, str] | None = None) -> Result:
    with_key = {"ONRECORD_KEY": TOKEN, **(env or {})}
    return CliRunner().invoke(app, [*command, *(("--url", url) if url else ())], env=with_key)


@pytest.mark.parametrize(
    ("code", "shown", "command"),
    [
        (0, SHOWN, ["show", "anna", "Minimum wage"]),
        (0, r"\u001b]0;owned\u0007", ["show", "anna", "wages", "--json"]),
        (1, SHOWN, ["show", "anna", "Talks with Russi"]),
        (2, SHOWN, ["show", "schmidt", "wages"]),
        (1, SHOWN, ["show", HOSTILE, "wages"]),
        (2, SHOWN, ["show", "anna", "wages", "--as-of", HOSTILE]),
        (1, SHOWN, ["import", f"{OSC}bad.csv"]),
        (1, SHOWN, ["import", f"{OSC}bad.csv", "--dry-run"]),
        (1, SHOWN, ["import", f"{OSC}bad.ndjson"]),
        (2, SHOWN, ["import", "head.csv"]),
        (2, SHOWN, ["import", f"{OSC}none"]),
    ],
)
def test_no_command_prints_a_control_character_raw(
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    shown: str,
    command: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f'"{HOSTILE}x",2022,A.,en,lk,http://a.b', f'anna,"{HOSTILE}",A.,en,lk,http://a.b']
    Path(f"{OSC}bad.csv").write_text("\n".join(["speaker,said_at,text,lang,coder,url", *rows]))
    bad = line("statement", POSITION, statement(topics=[HOSTILE], **{HOSTILE: 1}))
    Path(f"{OSC}bad.ndjson").write_bytes(ndjson([bad]))
    Path("head.csv").write_text(f"{HOSTILE},words\n")
    result = run(*command, url=str(client.base_url))
    assert (code, []) == (result.exit_code, sorted({*result.output} & RAW)), result.output
    assert shown in result.output.replace("\n", "")


@pytest.mark.parametrize(
    ("command", "code"), [(["rebuild", HOSTILE], 2), (["replay"], 0), (["doctor"], 1)]
)
def test_commands_of_the_database_print_no_control_character_raw(
    client: Client, environment: dict[str, str], command: list[str], code: int
) -> None:
    result = run(*command, env=environment)
    assert (code, []) == (result.exit_code, sorted({*result.output} & RAW)), result.output


def test_show_takes_names_and_tells_the_candidates(client: Client) -> None:
    url = str(client.base_url)
    result = run("show", "Schmidt", "minimum WAGE", url=url)
    assert (2, True) == (
        result.exit_code,
        "'Schmidt' names 2 actors: anna (Anna" in " ".join(result.output.split()),
    )
    result = run("show", "ANNA", "minimum WAGE", url=url)
    assert (0, "anna on wages") == (result.exit_code, result.output[:13])
    result = run("show", "anna", "Minimum wages", url=url)
    words = " ".join(result.output.split())
    assert 1 == result.exit_code
    assert "no topic with the name 'Minimum wages' is on record; the nearest are wages" in words


def test_json_is_one_document_on_standard_output(
    client: Client, environment: dict[str, str]
) -> None:
    for command, url, code, keys in (
        (["show", "anna", "wages"], str(client.base_url), 0, {"stance", "statements"}),
        (["show", "nobody", "wages"], str(client.base_url), 1, None),
        (["replay"], "", 0, {"equal", "digest", "size", "tables"}),
        (["doctor"], "", 1, {"healthy", "checks"}),
    ):
        result = run(*command, "--json", url=url, env=environment)
        assert code == result.exit_code, result.output
        if keys:
            assert keys <= json.loads(result.stdout).keys()
        else:
            assert ("", True) == (result.stdout, "nobody" in result.stderr)


def test_version_is_printed() -> None:
    result = run("--version")
    assert (0, "onrecord ") == (result.exit_code, result.output[:9])
