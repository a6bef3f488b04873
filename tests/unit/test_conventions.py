"""Checks of the repository's own rules: files, imports, links, and the import contracts."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from ops.identifiers import MAX_SHARE, Report, examine

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "services" / "onrecord"
SOURCES: Final = {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}
MAX_LINES: Final = 300
VAGUE_NAMES: Final = {"utils", "util", "helpers", "helper", "manager", "base", "common", "core"}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_file_is_longer_than_300_lines() -> None:
    files = [*SOURCES, *PACKAGE.rglob("*.sql"), *(ROOT / "tests").rglob("*.py")]
    too_long = [relative(path) for path in files if path.read_bytes().count(b"\n") > MAX_LINES]
    assert too_long == []


def test_every_module_has_a_docstring() -> None:
    assert [relative(path) for path, tree in SOURCES.items() if not ast.get_docstring(tree)] == []


def test_no_module_has_a_vague_name() -> None:
    vague = [relative(path) for path in SOURCES if VAGUE_NAMES & {path.stem, path.parent.name}]
    assert vague == []


def test_an_import_inside_a_function_is_explained() -> None:
    """By a comment on its line or on the line above."""
    unexplained = [
        f"{relative(path)}:{line}"
        for path, tree in SOURCES.items()
        if (lines := imports_inside_functions(tree))
        for line in sorted(lines - explained_lines(path))
    ]
    assert unexplained == []


def imports_inside_functions(tree: ast.Module) -> set[int]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        inner.lineno
        for outer in ast.walk(tree)
        if isinstance(outer, functions)
        for inner in ast.walk(outer)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }


def explained_lines(path: Path) -> set[int]:
    """Lines that have a comment, and the lines below them."""
    with path.open("rb") as file:
        comments = {
            token.start[0]
            for token in tokenize.tokenize(file.readline)
            if token.type == tokenize.COMMENT
        }
    return comments | {line + 1 for line in comments}


@pytest.fixture(scope="module")
def names() -> Report:
    """`python ops/identifiers.py services` prints it."""
    return examine(PACKAGE)


def test_private_words_are_rare_among_identifiers(names: Report) -> None:
    assert names.share < MAX_SHARE


def test_no_public_name_is_defined_twice(names: Report) -> None:
    assert names.duplicates == {}


def test_no_module_docstring_is_a_question(names: Report) -> None:
    assert [relative(path) for path in names.questions] == []


def test_links_between_documents_resolve() -> None:
    folders = ("services", "ops")
    documents = [*ROOT.glob("*.md"), *(path for f in folders for path in (ROOT / f).rglob("*.md"))]
    broken = [
        f"{relative(document)}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert broken == []


# Import contracts of pyproject.toml: each must report the breach that is planted against it


class Breach(NamedTuple):
    file: str
    """In the package."""
    imports: str
    reported: str | None = None
    """Text in the linter's report, if it is not `importer -> imported`."""


CONTRACTS: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
BREACHES: Final = {
    "Data flows one way: each package imports only packages below it": Breach(
        "kit/http/health.py", "onrecord.domain.ids"
    ),
    "Verification folds events by itself, and takes no code of those whom it checks": Breach(
        "verifying/__init__.py",
        "onrecord.ledger.read",
        "onrecord.verifying -> onrecord.ledger.read",
    ),
    "The write API does not know projections": Breach(
        "ingest/routes.py", "onrecord.projections.registry"
    ),
    "The read API reaches the ledger only through projections": Breach(
        "query/change_routes.py", "onrecord.ledger.read"
    ),
    "The domain does no I/O and knows no framework": Breach("domain/changes.py", "sqlalchemy"),
    "The projections' engine knows no projection": Breach(
        "projections/engine/versions.py", "onrecord.projections.changes.timeline"
    ),
    "Outgoing HTTP knows neither the webhooks API nor the deliverer": Breach(
        "webhooks/http/sender.py", "onrecord.webhooks.delivery.results"
    ),
    "The webhooks API and the deliverer do not know each other": Breach(
        "webhooks/api/feed.py", "onrecord.webhooks.delivery.results"
    ),
    "Packages and sub-packages form no cycles": Breach(
        "ledger/follow.py", "onrecord.projections.registry", ".ledger -> .projections"
    ),
}


def lint_imports(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            *(sys.executable, "-c"),
            "from importlinter.cli import lint_imports_command as run; run()",
            *("--no-cache", "--no-logo"),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "services"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The linter's report of each broken contract, in a copy with all breaches planted."""
    copy = tmp_path_factory.mktemp("sources")
    shutil.copy(ROOT / "pyproject.toml", copy)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "services", copy / "services", ignore=ignore)
    for breach in BREACHES.values():
        with (copy / "services" / "onrecord" / breach.file).open("a") as source:
            source.write(f"\nimport {breach.imports}\n")
    linted = lint_imports(copy)
    assert linted.returncode == 1, linted.stdout + linted.stderr
    details = linted.stdout.partition("Broken contracts\n")[2]
    parts = re.split(r"^(.+)\n-+\n\n", details, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_the_import_contracts_are_kept() -> None:
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_every_import_contract_has_a_planted_breach() -> None:
    assert set(BREACHES) == {contract["name"] for contract in CONTRACTS["contracts"]}


@pytest.mark.parametrize("contract", BREACHES)
def test_a_planted_breach_of_an_import_contract_is_reported(
    contract: str, reports: dict[str, str]
) -> None:
    breach = BREACHES[contract]
    importer = f"onrecord.{breach.file.removesuffix('.py').replace('/', '.')}"
    reported = breach.reported or f"{importer} -> {breach.imports}"
    assert reported in reports[contract]
