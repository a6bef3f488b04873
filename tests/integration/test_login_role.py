"""The login role of all processes: what it may do itself, and which roles it may take.

Tried with the very connections of the processes: their URL, in the role of their package.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest

import onrecord
from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.commands import doctor
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db, migrations
from tests.support import postgres
from tests.support.ledgers import seed_ledger
from tests.support.store import Store, open_store

pytestmark = pytest.mark.skipif(
    bool(postgres.GIVEN), reason="logs in without a password, as on the embedded server"
)

PACKAGES: Final = (
    *("onrecord_ingest", "onrecord_projections", "onrecord_query"),
    *("onrecord_audit", "onrecord_webhooks"),
)
PROTECTED: Final = {
    "ledger": "SELECT * FROM ledger.entries",
    "sections": "SELECT * FROM ledger.payloads",
    "statements": "SELECT * FROM projections.statements",
    "secrets": "SELECT encrypted_secret FROM webhooks.endpoints",
    "write": "INSERT INTO ledger.commits DEFAULT VALUES",
    "change": "UPDATE projections.steps SET stance = stance",
    "drop": "DROP TABLE webhooks.endpoints",
    "triggers": "ALTER TABLE ledger.entries DISABLE TRIGGER ALL",
    "table": "CREATE TABLE public.mine ()",
    "program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "file": "SELECT pg_read_file('postgresql.conf')",
    "roles": "CREATE ROLE mine",
    "settings": "ALTER SYSTEM SET jit = on",
}
ESCAPES: Final = (
    *("SET ROLE onrecord", "SET ROLE onrecord_migrator", "SET SESSION AUTHORIZATION onrecord"),
    *("SET SESSION AUTHORIZATION onrecord_migrator", "SET ROLE pg_read_all_data"),
    *("GRANT onrecord_migrator TO onrecord_login", "ALTER ROLE onrecord_login SUPERUSER"),
)


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as new_store:
        yield new_store


def denied(conn: psycopg.Connection[tuple[object, ...]], *statements: str) -> list[str]:
    """The statements that are refused for want of a privilege. Others run, or fail later."""
    refused = []
    for statement in statements:
        try:
            conn.execute(statement.encode())
        except psycopg.errors.InsufficientPrivilege:
            refused.append(statement)
        except psycopg.Error:
            pass
    return refused


@pytest.mark.parametrize("role", PACKAGES)
@pytest.mark.parametrize(
    "escape", ["SET ROLE NONE", "SET SESSION AUTHORIZATION DEFAULT", "RESET SESSION AUTHORIZATION"]
)
def test_a_process_that_leaves_its_role_may_do_nothing(
    store: Store, role: str, escape: str
) -> None:
    with db.connect(postgres.login_url(store.url), role=role) as conn:
        conn.execute(escape.encode())
        if "AUTHORIZATION" in escape:
            conn.execute("SET ROLE NONE")
        assert ("onrecord_login",) == conn.execute("SELECT current_user::text").fetchone()
        assert [*PROTECTED.values()] == denied(conn, *PROTECTED.values())
        assert [*ESCAPES] == denied(conn, *ESCAPES)


@pytest.mark.parametrize("role", PACKAGES)
def test_no_process_becomes_the_owner_or_a_superuser(store: Store, role: str) -> None:
    with db.connect(postgres.login_url(store.url), role=role) as conn:
        assert [*ESCAPES] == denied(conn, *ESCAPES)
        conn.execute("RESET ROLE")
        assert (role,) == conn.execute("SELECT current_user::text").fetchone()
    for owner in ("onrecord", "onrecord_migrator"):
        with pytest.raises(psycopg.OperationalError, match="permission denied to set role"):
            db.connect(postgres.login_url(store.url), role=owner)


def test_a_role_reads_what_its_package_needs_and_nothing_else(store: Store) -> None:
    seed_ledger(store)
    reads = {name: PROTECTED[name] for name in ("ledger", "statements", "secrets")}
    allowed = {}
    for role in PACKAGES:
        with db.connect(postgres.login_url(store.url), role=role) as conn:
            refused = denied(conn, *reads.values())
        allowed[role] = {name for name, statement in reads.items() if statement not in refused}
    assert allowed == {
        "onrecord_ingest": {"ledger"},
        "onrecord_projections": {"ledger", "statements"},
        "onrecord_query": {"statements"},
        "onrecord_audit": {"ledger", "statements"},
        "onrecord_webhooks": {"ledger", "statements", "secrets"},
    }


def test_the_login_role_may_take_every_role_that_the_code_names(store: Store) -> None:
    files = Path(onrecord.__file__).parent.rglob("*.py")
    named = {role for file in files for role in re.findall(r'role="(\w+)"', file.read_text())}
    assert set(PACKAGES) <= named
    with db.connect(postgres.login_url(store.url)) as conn:
        refused = denied(conn, *(f"SET ROLE {role}" for role in sorted(named)))
    assert [] == refused


def test_the_login_role_sees_that_the_schema_is_up_to_date(store: Store) -> None:
    assert migrations.schema_problem(postgres.login_url(store.url)) is None


def test_the_login_role_cannot_migrate_and_is_told_who_can(server_url: str) -> None:
    with postgres.database(server_url, "template0") as url:
        login = postgres.login_url(url)
        settings = infrastructure.with_addresses(Settings(broker_url="amqp://nowhere//"), login)
        with pytest.raises(
            infrastructure.SchemaMissing, match="run `onrecord migrate` as its owner"
        ):
            infrastructure.prepare_database(settings, login)


def test_doctor_warns_of_a_login_that_may_change_the_schema(store: Store) -> None:
    healthy = {
        url: diagnosis.healthy
        for url in (store.url, postgres.login_url(store.url))
        for diagnosis in doctor.diagnose_database(url)
        if diagnosis.subject == "login role"
    }
    assert {store.url: False, postgres.login_url(store.url): True} == healthy
