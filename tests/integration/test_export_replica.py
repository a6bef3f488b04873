"""Exports and backups from a streaming standby: the files are those of the primary."""

import json
from pathlib import Path
from zipfile import ZipFile

import psycopg
import pytest
from httpx2 import Client
from typer.testing import CliRunner

from onrecord.entrypoints import cli
from onrecord.exporting.columns import TABLE_SCHEMAS
from tests.support import bodies, postgres
from tests.support.exports import visible_files
from tests.support.standby import Standby
from tests.support.store import Store


def digests(file: Path) -> dict[str, str]:
    """Of each table in a backup."""
    with ZipFile(file) as archive:
        tables = json.loads(archive.read("manifest.json"))["tables"]
    return {json.dumps(copied["table"]): copied["sha256"] for copied in tables}


def test_an_export_and_a_backup_of_a_standby_are_those_of_the_primary(
    standby: Standby,
    client: Client,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bodies.register_all(client)
    for effective in ("2021", "2022", "2022-06-15", "../2022-11"):
        said = bodies.post(client, "/v1/statements", bodies.statement(said_at=effective))
        position = bodies.position(effective=effective, basis=[said["id"]])
        size = bodies.post(client, "/v1/positions", position)["size"]
    store.catch_up()
    erasure = {"sections": ["content"], "ground": "gdpr-17"}
    bodies.post(client, f"/v1/statements/{said['id']}/erasure", erasure)
    standby.catch_up()

    exported = []
    for name, url in {"primary": store.url, "standby": standby.database(store.url)}.items():
        monkeypatch.setenv("ONRECORD_DATABASE_URL", postgres.login_url(url))
        folder = tmp_path / name
        options = ["--known-size", str(size), "--as-of", "2022-12-31"]
        done = CliRunner().invoke(cli.app, ["export", str(folder), *options])
        assert 0 == done.exit_code, done.output
        exported.append(visible_files(folder))
    assert {f"{name}.parquet" for name in TABLE_SCHEMAS} < exported[0].keys()
    assert exported[0] == exported[1]

    backups = []
    for name, url in {"primary": store.url, "standby": standby.database(store.url)}.items():
        monkeypatch.setenv("ONRECORD_DATABASE_URL", url)  # of a user who may read all
        file = tmp_path / f"{name}.backup"
        done = CliRunner().invoke(cli.app, ["backup", str(file)])
        assert 0 == done.exit_code, done.output
        backups.append(digests(file))
    assert backups[0] == backups[1]

    replica = psycopg.connect(standby.database(store.url))
    with replica, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        replica.execute("CREATE TABLE written (n int)")
