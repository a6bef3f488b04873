"""The requests of README, sent in order over the seeds: the answers are those that README shows."""

import json
import re
import shlex
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from tests.support import seeds
from tests.support.bodies import NDJSON
from tests.support.keys import HEADERS, TOKEN
from tests.support.store import PUBLIC_URL, Store

README: Final = (Path(__file__).parents[2] / "README.md").read_text()
INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?")
RECORDED_BY: Final = re.compile(r'(?<="recorded_by": ")[0-9a-f-]{36}(?=")')
TODAY: Final = re.compile(r"(?<=at size \d\d, )\d{1,2} [A-Z][a-z]+ \d{4}")


def _blocks() -> list[tuple[str, str]]:
    """Language and text of each fenced block."""
    return re.findall(r"^```(sh|json)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def _send(client: httpx2.Client, command: str) -> httpx2.Response:
    """A curl command of README, sent to the service under test."""
    command = command.replace("\\\n", " ").replace("$ONRECORD_KEY", TOKEN)
    program, *arguments = shlex.split(command)
    assert program == "curl"
    url = urlsplit(next(part for part in arguments if part.startswith("http")))
    path = f"{url.path}?{url.query}"
    if "-d" not in arguments:
        return client.get(path)
    given = [arguments[n + 1] for n, option in enumerate(arguments) if option == "-H"]
    headers = dict(header.split(": ") for header in given)
    assert HEADERS.items() <= headers.items()
    return client.post(path, content=arguments[arguments.index("-d") + 1], headers=headers)


def _commands(block: str) -> list[str]:
    _, *commands = re.split(r"^curl ", block, flags=re.MULTILINE)
    return [f"curl {rest}" for rest in commands]


def _without_time(answer: Any) -> str:
    text = json.dumps(answer, sort_keys=True, ensure_ascii=False)
    text = text.replace(PUBLIC_URL, "http://127.0.0.1:8000")
    text = RECORDED_BY.sub("KEY", text)
    return TODAY.sub("TODAY", INSTANT.sub("INSTANT", text))


def test_readme_shows_what_comes_back(client: httpx2.Client, store: Store) -> None:
    key = {"name": "onrecord up", "scopes": ["read"]}  # the first entry, as in the demo
    client.post("/v1/keys", json=key).raise_for_status()
    lines = "\n".join(map(json.dumps, seeds.lines()))
    client.post("/v1/batch", content=lines, headers=NDJSON).raise_for_status()
    answers: list[Any] = []
    shown = 0
    for language, text in _blocks():
        if language == "json":
            assert _without_time(json.loads(text)) == _without_time(answers[-1])
            shown += 1
            continue
        for command in _commands(text):
            answers.append(_send(client, command).raise_for_status().json())
            store.catch_up()
    assert shown == 2
