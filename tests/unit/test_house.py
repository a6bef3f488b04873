"""Are the rules of the house kept, and would a breach of the import law be seen?"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path
from typing import Final

import pytest

TOP: Final = Path(__file__).parents[2]
SOURCES: Final = sorted((TOP / "services").rglob("*.py"))
MOST_LINES: Final = 300
SAYS_NOTHING: Final = {"utils", "util", "helpers", "helper", "manager", "base", "common", "core"}


def _name(path: Path) -> str:
    return str(path.relative_to(TOP))


def test_no_file_is_longer_than_300_lines() -> None:
    both = [*SOURCES, *(TOP / "tests").rglob("*.py")]
    long = [_name(one) for one in both if len(one.read_text().splitlines()) > MOST_LINES]
    assert long == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [_name(one) for one in SOURCES if not ast.get_docstring(ast.parse(one.read_text()))]
    assert silent == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = [_name(one) for one in SOURCES if SAYS_NOTHING & {one.stem, one.parent.name}]
    assert names == []


def test_an_import_within_a_function_says_why() -> None:
    """In a comment on its line or the one above."""
    unexplained: list[str] = []
    for path in SOURCES:
        with path.open("rb") as file:
            said = {
                one.start[0]
                for one in tokenize.tokenize(file.readline)
                if one.type == tokenize.COMMENT
            }
        unexplained += [
            f"{_name(path)}:{line}"
            for line in _inner_imports(ast.parse(path.read_text()))
            if not {line, line - 1} & said
        ]
    assert unexplained == []


def _inner_imports(tree: ast.Module) -> list[int]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        inner.lineno
        for outer in ast.walk(tree)
        if isinstance(outer, functions)
        for inner in ast.walk(outer)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]


def test_every_link_between_documents_leads_somewhere() -> None:
    documents = [*TOP.glob("*.md"), *(TOP / "services").rglob("*.md"), *(TOP / "ops").rglob("*.md")]
    lost = [
        f"{_name(document)}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert lost == []


# The import law: contracts in pyproject.toml, each of which must catch a breach

LAW: Final = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]
BREACHES: Final = {
    "Data flows one way: each package imports only packages below it": (
        "kit/http/health.py",
        "import onrecord.domain.ids",
    ),
    "The write API does not know projections": (
        "ingest/routes.py",
        "import onrecord.projections.registry",
    ),
    "The read API reaches the ledger only through projections": (
        "query/routes.py",
        "import onrecord.ledger.read",
    ),
    "The domain does no I/O and knows no framework": ("domain/changes.py", "import sqlalchemy"),
    "The projections' engine knows no projection": (
        "projections/engine/versions.py",
        "import onrecord.projections.changes.timeline",
    ),
    "Outgoing HTTP knows neither the webhooks API nor the deliverer": (
        "webhooks/http/sender.py",
        "import onrecord.webhooks.delivery.results",
    ),
    "Packages and sub-packages form no cycles": (
        "ledger/follow.py",
        "import onrecord.projections.registry",
    ),
}


def _lint_imports(where: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            *(sys.executable, "-c"),
            "from importlinter.cli import lint_imports_command as run; run()",
            *("--no-cache", "--no-logo"),
        ],
        cwd=where,
        env={**os.environ, "PYTHONPATH": str(where / "services"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources and their law, free to be broken."""
    shutil.copy(TOP / "pyproject.toml", tmp_path)
    shutil.copytree(
        TOP / "services", tmp_path / "services", ignore=shutil.ignore_patterns("__pycache__")
    )
    return tmp_path


def test_the_import_law_is_kept() -> None:
    done = _lint_imports(TOP)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_contract_has_a_breach_planted_against_it() -> None:
    assert set(BREACHES) == {one["name"] for one in LAW["contracts"]}


@pytest.mark.parametrize("contract", BREACHES)
def test_a_planted_breach_is_caught(contract: str, copy: Path) -> None:
    file, line = BREACHES[contract]
    with (copy / "services" / "onrecord" / file).open("a") as source:
        source.write(f"\n{line}\n")
    done = _lint_imports(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout
