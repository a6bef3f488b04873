"""`onrecord backup` and `restore`: all of one moment, byte for byte, and never over anything."""

import json
import stat
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import psycopg
import pytest
from typer.testing import CliRunner, Result

from onrecord.backup.archive import create_archive
from onrecord.backup.dump import write_backup
from onrecord.entrypoints.cli import app
from onrecord.kit.sql import migrations
from tests.support import keys, postgres
from tests.support.sample_record import ERASED_WORDS, SampleRecord
from tests.support.signing import register
from tests.support.store import SECRETS_KEY, Store

Manifest = dict[str, Any]


def run(url: str, *arguments: str) -> Result:
    settings = {"ONRECORD_DATABASE_URL": url, "ONRECORD_SECRETS_KEY": SECRETS_KEY}
    return CliRunner().invoke(app, arguments, env=settings | {"ONRECORD_BROKER_URL": "memory://"})


def back_up(url: str, file: Path) -> Manifest:
    done = run(url, "backup", str(file))
    assert 0 == done.exit_code, done.output
    return read_manifest(file)


def read_manifest(file: Path) -> Manifest:
    with ZipFile(file) as archive:
        manifest: Manifest = json.loads(archive.read("manifest.json"))
    return manifest


def change(file: Path, edit: Callable[[dict[str, bytes]], None]) -> None:
    """Write the members of a backup anew."""
    with ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    edit(members)
    with ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.fixture
def empty_url(server_url: str) -> Iterator[str]:
    with postgres.empty_database(server_url) as url:
        yield url


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "record.backup"


def table_names(url: str) -> set[str]:
    schemas = ["access", "ledger", "projections", "signing", "webhooks"]
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname = ANY (%s)",
            [schemas],
        )
        return {row[0] for row in rows}


def test_a_restored_database_is_the_same_byte_for_byte(
    sample: SampleRecord, empty_url: str, file: Path
) -> None:
    manifest = back_up(sample.store.url, file)
    restored = run(empty_url, "restore", str(file))
    assert (0, True) == (restored.exit_code, manifest["root_hash"] in restored.output)
    again = back_up(empty_url, file.with_name("again.backup"))
    for part in ("size", "root_hash", "revision", "tables", "sequences"):
        assert manifest[part] == again[part]
    rows = {
        f"{copied['table']['schema_name']}.{copied['table']['name']}": copied["rows"]
        for copied in manifest["tables"]
    }
    assert table_names(empty_url) == set(rows)
    assert manifest["size"] == rows["ledger.entries"] == len(sample.store.events())
    filled = ("ledger.payloads", "ledger.erased", "access.keys", "webhooks.endpoints")
    assert all(rows[table] for table in filled)
    assert 0 == run(empty_url, "replay").exit_code


def test_a_backup_is_readable_for_its_owner_alone_and_has_no_erased_words(
    sample: SampleRecord, file: Path
) -> None:
    back_up(sample.store.url, file)
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    with ZipFile(file) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            assert ERASED_WORDS.encode() not in content
            assert ERASED_WORDS.encode().hex().encode() not in content


def test_a_restore_never_overwrites(store: Store, empty_url: str, file: Path) -> None:
    register(store)
    back_up(store.url, file)
    register(store)
    before = back_up(store.url, file.with_name("before.backup"))
    refused = run(store.url, "restore", str(file))
    assert (1, True) == (refused.exit_code, "never overwrites" in refused.output)
    assert before["tables"] == back_up(store.url, file.with_name("after.backup"))["tables"]
    # nor over a single key
    migrations.upgrade(empty_url)
    keys.give_key(empty_url)
    refused = run(empty_url, "restore", str(file))
    assert (1, True) == (refused.exit_code, "rows in access.keys" in refused.output)


def test_a_backup_never_overwrites(store: Store, file: Path) -> None:
    file.write_text("mine")
    refused = run(store.url, "backup", str(file))
    assert (2, "mine") == (refused.exit_code, file.read_text())


def flip_a_bit(file: Path) -> None:
    """In the middle of the compressed entries."""
    with ZipFile(file) as archive:
        entries, after = (archive.getinfo(f"ledger.{name}.copy") for name in ("entries", "erased"))
    content = bytearray(file.read_bytes())
    content[after.header_offset - entries.compress_size // 2] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def remove_the_manifest(file: Path) -> None:
    def edit(members: dict[str, bytes]) -> None:
        del members["manifest.json"]

    change(file, edit)


def change_a_row(file: Path) -> None:
    def edit(members: dict[str, bytes]) -> None:
        members["access.keys.copy"] = members["access.keys.copy"].replace(b"write", b"admin")

    change(file, edit)


def drop_the_last_entry(file: Path) -> None:
    """With a digest that is right: only the root hash tells."""

    def edit(members: dict[str, bytes]) -> None:
        entries = b"".join(members["ledger.entries.copy"].splitlines(keepends=True)[:-1])
        members["ledger.entries.copy"] = entries
        manifest = json.loads(members["manifest.json"])
        for table in manifest["tables"]:
            if table["table"]["name"] == "entries":
                table["sha256"] = sha256(entries).hexdigest()
        members["manifest.json"] = json.dumps(manifest).encode()

    change(file, edit)


def change_an_entry(file: Path) -> None:
    """With a digest that is right: its leaf hash is wrong."""

    def edit(members: dict[str, bytes]) -> None:
        entries = members["ledger.entries.copy"].replace(b"\\\\x7b", b"\\\\x5b", 1)
        assert entries != members["ledger.entries.copy"]
        members["ledger.entries.copy"] = entries
        manifest = json.loads(members["manifest.json"])
        for table in manifest["tables"]:
            if table["table"]["name"] == "entries":
                table["sha256"] = sha256(entries).hexdigest()
        members["manifest.json"] = json.dumps(manifest).encode()

    change(file, edit)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (flip_a_bit, "damaged"),
        (cut, "no backup, or not whole"),
        (remove_the_manifest, "no manifest"),
        (change_a_row, "another digest"),
        (drop_the_last_entry, "root hash"),
        (change_an_entry, "has rows that entries refuses"),
    ],
)
def test_a_damaged_backup_restores_nothing(
    damage: Callable[[Path], None], text: str, store: Store, empty_url: str, file: Path
) -> None:
    keys.give_key(store.url)
    register(store)
    register(store)
    manifest = back_up(store.url, file)
    whole = file.read_bytes()
    damage(file)
    refused = run(empty_url, "restore", str(file))
    assert (1, True) == (refused.exit_code, text in " ".join(refused.output.split()))
    # and then the database is still empty
    file.write_bytes(whole)
    assert 0 == run(empty_url, "restore", str(file)).exit_code
    assert manifest["tables"] == back_up(empty_url, file.with_name("again"))["tables"]


def test_a_backup_is_of_one_moment_while_others_write(
    store: Store, empty_url: str, file: Path
) -> None:
    register(store)
    store.catch_up()

    def write_meanwhile(done: int, total: int) -> None:
        if done == 0:
            register(store)
            store.catch_up()

    with create_archive(file) as archive:
        write_backup(store.url, archive, write_meanwhile)
    assert (1, 2) == (read_manifest(file)["size"], len(store.events()))
    assert 0 == run(empty_url, "restore", str(file)).exit_code
    assert 0 == run(empty_url, "replay").exit_code


def test_an_interrupted_backup_leaves_no_file(store: Store, file: Path) -> None:
    register(store)

    def interrupt(done: int, total: int) -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), create_archive(file) as archive:
        write_backup(store.url, archive, interrupt)
    assert [] == list(file.parent.iterdir())


def test_a_ledger_whose_entries_do_not_give_its_root_is_not_backed_up(
    store: Store, file: Path
) -> None:
    register(store)
    with psycopg.connect(store.url) as conn:
        conn.execute("ALTER TABLE ledger.commits DISABLE TRIGGER USER")
        conn.execute("UPDATE ledger.commits SET root = sha256('')")
    refused = run(store.url, "backup", str(file))
    assert (1, True) == (refused.exit_code, "do not give the root" in refused.output)
    assert [] == list(file.parent.iterdir())


@pytest.mark.skipif(bool(postgres.GIVEN), reason="its user is the only one that is known")
def test_the_user_must_be_the_one_who_migrates(store: Store, file: Path) -> None:
    refused = run(postgres.login_url(store.url), "backup", str(file))
    assert (3, True) == (refused.exit_code, "onrecord migrate" in refused.output)


def test_a_backup_of_an_older_schema_is_restored_and_migrated(
    server_url: str, template: str, empty_url: str, file: Path
) -> None:
    with postgres.empty_database(server_url) as older:
        postgres.upgrade_to(older, "keys")
        keys.give_key(older)
        assert "keys" == back_up(older, file)["revision"]
    with postgres.database(server_url, template) as newer:
        refused = run(newer, "restore", str(file))
        assert (1, True) == (refused.exit_code, "has the schema" in refused.output)
    assert 0 == run(empty_url, "restore", str(file)).exit_code
    assert migrations.schema_problem(empty_url) is None
    with psycopg.connect(empty_url) as conn:
        assert [(keys.KEY_ID,)] == conn.execute("SELECT id FROM access.keys").fetchall()


def test_a_backup_of_a_newer_release_is_refused(store: Store, empty_url: str, file: Path) -> None:
    back_up(store.url, file)

    def edit(members: dict[str, bytes]) -> None:
        manifest = json.loads(members["manifest.json"]) | {"revision": "later", "release": "9.0"}
        members["manifest.json"] = json.dumps(manifest).encode()

    change(file, edit)
    refused = run(empty_url, "restore", str(file))
    assert (3, True) == (refused.exit_code, "use onrecord 9.0" in refused.output)
    assert set() == table_names(empty_url)


def test_without_a_schema_there_is_nothing_to_back_up(empty_url: str, file: Path) -> None:
    assert 3 == run(empty_url, "backup", str(file)).exit_code
    assert not file.exists()
