"""Each SQL statement of the package can be planned on the migrated schema.

Statements are discovered, not listed: every `.sql` file, every module constant that is a statement
(a `text()`, a `FilteredQuery`, or a string that begins with a verb of SQL), and every such literal
within a function.
"""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy import TextClause, text

import onrecord
from onrecord.kit.celery import QUEUES
from onrecord.kit.pgmq_transport import create_queues
from onrecord.kit.sql import db
from onrecord.kit.sql.sql_files import FilteredQuery
from tests.support import postgres

PACKAGE: Final = Path(onrecord.__file__).parent
NOT_IMPORTED: Final = "onrecord.entrypoints."
"""Processes, whose modules read settings when they are imported; none has a statement."""
VERB: Final = re.compile(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\s")
PLACEHOLDER: Final = re.compile(r"%%|%(?:\((\w+)\))?[sbt]")
"""Of psycopg."""
FIELDS: Final = {
    "schema": "projections",
    "table": "projections.steps",
    "of": "uuid",
    "id_type": "uuid",
    "seqs": "SELECT 0::bigint AS seq",
}
"""Values for the fields of statements that are templates: a replay folds into other schemas, and
the statements for temporal tables are the same for every table.
"""


@cache
def statements() -> dict[str, str]:
    """All statements by name."""
    by_name = {}
    for path in PACKAGE.rglob("*.sql"):
        by_name[str(path.relative_to(PACKAGE))] = numbered(text(path.read_text()))
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text()
        if "import sqlite3" in source:
            continue  # its statements are for SQLite: how far an import came
        for n, (function, literal) in enumerate(literals(ast.parse(source))):
            by_name[f"{path.relative_to(PACKAGE)} {function}() {n}"] = literal
    for module in pkgutil.walk_packages(onrecord.__path__, "onrecord."):
        if not module.name.startswith(NOT_IMPORTED):
            path_name = module.name.removeprefix("onrecord.").replace(".", "/")
            for name, value in vars(importlib.import_module(module.name)).items():
                for n, statement in enumerate(statements_in(value)):
                    by_name[f"{path_name}.py {name} {n}"] = statement
    unique = {statement: name for name, statement in by_name.items()}
    return {name: statement for statement, name in unique.items()}


def literals(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Statements in strings within functions, parts of f-strings aside, with the function."""
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            constants = (node for node in ast.walk(function) if isinstance(node, ast.Constant))
            for node in constants:
                if not isinstance(node.value, str) or "{}" in node.value:
                    continue  # psycopg composes it of names that it reads from the catalog
                if id(node) not in parts and VERB.match(node.value):
                    yield function.name, node.value


def statements_in(value: Any) -> Iterator[str]:
    """The statements that a constant is or holds."""
    if isinstance(value, TextClause) and VERB.match(without_comments(value.text)):
        yield numbered(value)
    elif isinstance(value, FilteredQuery):
        yield numbered(value.given(()))
        yield numbered(value.given(value.filters))
    elif isinstance(value, str) and VERB.match(value):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from statements_in(item)


def without_comments(sql: str) -> str:
    return re.sub(r"--.*", "", sql)


def numbered(statement: TextClause) -> str:
    return db.numbered_query(statement)[0].decode()


def with_numbered_parameters(statement: str) -> str:
    """A string with `%(name)s` or `%b`, and perhaps fields of a template, as PREPARE takes it."""
    if "$1" in statement:
        return statement
    statement = re.sub(r"\{(\w+)\}", lambda field: FIELDS.get(field[1], field[0]), statement)
    if not PLACEHOLDER.search(statement):
        return numbered(text(statement))
    names: list[str] = []

    def number(placeholder: re.Match[str]) -> str:
        if placeholder[0] == "%%":
            return "%"
        name = placeholder[1] or str(len(names))
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return PLACEHOLDER.sub(number, statement)


@pytest.fixture(scope="module")
def connection(server_url: str, template: str) -> Iterator[psycopg.Connection[Any]]:
    with (
        postgres.database(server_url, template) as url,
        psycopg.connect(url, autocommit=True) as conn,
    ):
        create_queues(conn, QUEUES)
        conn.execute("SET plan_cache_mode = force_generic_plan")
        yield conn


def test_statements_of_every_package_are_discovered() -> None:
    packages = {name.partition("/")[0] for name in statements()}
    assert {"ledger", "projections", "audit", "webhooks"} <= packages


def test_each_statement_can_be_explained(connection: psycopg.Connection[Any]) -> None:
    """PREPARE finds the types of the parameters, so a plan needs no values."""
    refused = {}
    for name, statement in statements().items():
        try:
            assert explain(connection, with_numbered_parameters(statement))
        except psycopg.Error as error:
            refused[name] = str(error)
    assert refused == {}


def explain(connection: psycopg.Connection[Any], statement: str) -> list[Any]:
    count = max(map(int, re.findall(r"\$(\d+)", statement)), default=0)
    nulls = f"({', '.join(['NULL'] * count)})" if count else ""
    connection.execute(f"PREPARE statement AS {statement}".encode(), prepare=False)
    try:
        plan = f"EXPLAIN EXECUTE statement {nulls}".encode()
        return connection.execute(plan, prepare=False).fetchall()
    finally:
        connection.execute("DEALLOCATE statement", prepare=False)
