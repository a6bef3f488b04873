"""Tests of the client's shape: a call for each operation, few imports, two clients of one text."""

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from pydantic import BaseModel

from onrecord.client import call, endpoints, keys, reads, writes
from onrecord.client.call import Call
from onrecord.entrypoints.app_factory import create_app
from onrecord.kit.settings import Settings

FOLDER: Final = Path(call.__file__).parent
WITHOUT_CALL: Final = {
    *("getMetrics", "getHealth", "getReadiness", "listProjections"),
    *("getCheckpoint", "getTile", "getLogPolicy", "getEventProof"),
}
"""What operators watch and auditors check, with tools of their own."""
ID: Final = UUID("01939a3c-0000-7000-8000-000000000001")
TO_SYNC: Final = (
    ("import asyncio\n", "import time\n"),
    ("asyncio.sleep", "time.sleep"),
    ("AsyncClient", "Client"),
    (r"AsyncGenerator\[(\w+), None\]", r"Generator[\1, None, None]"),
    ("AsyncGenerator", "Generator"),
    (r"an `async ", "a `"),
    (r"\basync (?=def|with|for)", ""),
    (r"\bawait (?!`)", ""),
    (r"__aenter__", "__enter__"),
    (r"__aexit__", "__exit__"),
    (r"\.a(?=close|read|iter_)", "."),
    (r"for item in (.+):\n +yield item\n", r"yield from \1\n"),
)
"""What makes the text of the sync client of that of the async one."""


def operations() -> dict[str, str]:
    """Method and path of each operation in the OpenAPI document, by its id in snake case."""
    url: Any = "postgresql://nowhere"
    settings = Settings(database_url=url, broker_url="memory://")
    document = create_app(settings, frozenset({"write", "read", "audit", "webhooks"})).openapi()
    return {
        re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", operation["operationId"]): (
            f"{method.upper()} {re.sub('{[^}]+}', '{}', path)}"
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["operationId"] not in WITHOUT_CALL
    }


def example_call(function: Any) -> Call[Any]:
    """The call of a function, with an id for each part of the path, and models for the rest."""
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.annotation is str:
            arguments[name] = "{}"
        elif parameter.annotation in (UUID, int):
            arguments[name] = parameter.annotation(int=7) if parameter.annotation is UUID else 7
        elif parameter.default is inspect.Parameter.empty:
            arguments[name] = (
                parameter.annotation.model_construct(id=ID)
                if isinstance(parameter.annotation, type)
                and issubclass(parameter.annotation, BaseModel)
                else []
            )
    result = function(**arguments)
    assert isinstance(result, Call)
    return result


def calls() -> dict[str, str]:
    """Method and path of each call, by the name of its function."""
    places = {}
    for module in (reads, writes, endpoints, keys):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                example = example_call(function)
                where = re.sub(rf"%7B%7D|{UUID(int=7)}|(?<=/)7(?=/|$)", "{}", example.path)
                assert name not in places
                places[name] = f"{example.method} {where}"
    return places


def test_every_operation_has_a_call_of_its_name_method_and_path() -> None:
    assert operations() == calls()


def test_an_import_of_the_client_loads_httpx2_pydantic_and_standardwebhooks_only() -> None:
    program = (
        "import importlib, json, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "modules = sys.modules.items()\n"
        "files = {name: str(vars(module).get('__file__')) for name, module in modules}\n"
        "print(json.dumps([name for name, file in files.items() if 'site-packages' in file]))"
    )

    def installed(*names: str) -> set[str]:
        """The installed packages that an import of these modules loads."""
        output = subprocess.check_output([sys.executable, "-c", program, *names])
        return {name.partition(".")[0] for name in json.loads(output)}

    modules = [f"onrecord.client.{path.stem}" for path in FOLDER.glob("*.py")]
    needed = ("httpx2", "pydantic.main", "annotated_types", "standardwebhooks")  # pydantic's second
    assert installed(*modules) <= installed(*needed)


def test_the_two_clients_are_one_text_but_for_await() -> None:
    text = (FOLDER / "async_client.py").read_text().partition('"""\n')[2]
    for pattern, replacement in TO_SYNC:
        text = re.sub(pattern, replacement, text)
    assert sorted_imports(text) == sorted_imports(
        (FOLDER / "sync_client.py").read_text().partition('"""\n')[2]
    )


def sorted_imports(text: str) -> list[str]:
    """The lines of a module, its head sorted: the names of imports decide their order."""
    head, keyword, rest = text.partition("\nclass ")
    return [*sorted(filter(None, head.splitlines())), keyword, *rest.splitlines()]


@pytest.mark.parametrize("part", ["a/b", "ä ?", "%2F"])
def test_a_part_of_a_path_stays_one_part(part: str) -> None:
    assert 4 == reads.get_actor(part).path.count("/") + 1
