"""Runbooks of backups, followed as they stand: archiving, another version, erasures, upgrades."""

import json
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx2
import psycopg
import pytest
from typer.testing import CliRunner

from onrecord.client import Client, writes
from onrecord.client.parameters import AtSize
from onrecord.entrypoints.cli import app
from onrecord.ingest.schemas import ActorIn
from onrecord.kit.postgres.binaries import server_account
from onrecord.kit.postgres.home import prepare_home
from onrecord.kit.sql import migrations
from tests.support import bodies, keys, postgres
from tests.support.clusters import silent
from tests.support.commands import empty_folder
from tests.support.own_server import DEBIAN_15, OWNER, OwnServer, run_own_server
from tests.support.processes import (
    BROKER,
    FORKED,
    Forked,
    free_port,
    run_entrypoint,
    until,
)
from tests.support.recording import can_read_actor
from tests.support.runbooks import FOLDER, commands_of, run_commands
from tests.support.signing import register
from tests.support.store import SECRETS_KEY, Store, assert_equals_replay, open_store, run_api


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    with run_own_server() as server:
        migrations.upgrade(server.url)
        yield server


def test_a_server_is_recovered_to_a_point_in_time(own_server: OwnServer) -> None:
    archive = own_server.folder / "archive"
    settings = {
        "PGDATA": str(own_server.data),
        "ARCHIVE": str(archive),
        "PGHOST": str(own_server.folder),
        "PGUSER": OWNER,
    }

    def follow(commands: str, **more: str) -> str:
        return run_commands(
            commands,
            own_server.folder,
            settings | more,
            account=server_account(),
            programs=own_server.binaries,
        )

    _, archiving, copying, looking, _, recovering, comparing = commands_of(
        "continuous-archiving.md"
    )
    follow(archiving)
    with open_store(own_server.url) as store:
        register(store)
        follow(copying)
        (base,) = (archive / "base").iterdir()
        register(store)
        store.sweep()
    with psycopg.connect(own_server.url, autocommit=True) as conn:
        row = conn.execute("SELECT clock_timestamp()::text, root FROM ledger.commits").fetchall()[
            -1
        ]
        conn.execute("DROP TABLE projections.steps CASCADE")  # the accident
        conn.execute("SELECT pg_switch_wal()")
    until(lambda: "00000001" in follow(looking), "a segment is archived", pause=0.2)
    follow(recovering, BASE=str(base), TARGET=row[0])
    assert follow(comparing).startswith("2|")
    with open_store(own_server.url) as store:
        assert_equals_replay(store)
        register(store)  # it is a primary
        assert 3 == len(store.events())


@pytest.mark.skipif(
    not DEBIAN_15.exists(), reason="needs the older PostgreSQL of Debian's package postgresql-15"
)
def test_a_database_moves_to_another_major_version_and_back() -> None:
    backing_up, restoring = commands_of("a-new-postgresql-version.md")
    with run_own_server(DEBIAN_15) as old, empty_folder() as folder:
        given = {"ONRECORD_DATABASE_URL": old.url, "ONRECORD_SECRETS_KEY": SECRETS_KEY}
        migrations.upgrade(old.url)
        with open_store(old.url) as store, run_api(store.url) as client:
            bodies.register_all(client)
            bodies.post(client, "/v1/statements", bodies.statement())
            store.sweep()
            events = store.events()
        run_commands(backing_up, folder, given)
        data = folder / ".onrecord"
        (prepare_home(data, server_account(), silent) / "cluster").mkdir()  # the older files
        replayed = run_commands(restoring, folder, {})
        assert "the projections are what the ledger says" in " ".join(replayed.split())
        back = str(folder / "back.backup")
        assert 0 == CliRunner().invoke(app, ["backup", back, "--data", str(data)]).exit_code
        # as a user who may do no more than the one who migrates
        old.run("createuser", "-h", old.folder, "-U", OWNER, "--createrole", "migrant")
        old.run("createdb", "-h", old.folder, "-U", OWNER, "--owner", "migrant", "back")
        url = postgres.named(old.url, "back").replace(f"//{OWNER}@", "//migrant@")
        given["ONRECORD_DATABASE_URL"] = url
        assert 0 == CliRunner().invoke(app, ["restore", back], env=given).exit_code
        with open_store(given["ONRECORD_DATABASE_URL"]) as restored:
            assert events == restored.events()
            assert_equals_replay(restored)


def test_erasures_are_applied_again_after_a_restore(
    store: Store, server_url: str, tmp_path: Path
) -> None:
    _, keeping, applying = commands_of("erasures-after-a-restore.md")
    database = {"ONRECORD_SECRETS_KEY": SECRETS_KEY, "ONRECORD_BROKER_URL": "amqp://nowhere//"}
    given = {"ONRECORD_KEY": keys.TOKEN}

    def erase(client: httpx2.Client, statement: str, *sections: str) -> None:
        body = {"sections": sections, "ground": "gdpr-17"}
        bodies.post(client, f"/v1/statements/{statement}/erasure", body)

    def add(client: httpx2.Client) -> str:
        return str(bodies.post(client, "/v1/statements", bodies.statement(note="A note."))["id"])

    with run_api(store.url) as client:
        bodies.register_all(client)
        before, after = add(client), add(client)
        erase(client, before, "note")
        url = {"ONRECORD_DATABASE_URL": store.url}
        run_commands("onrecord backup record.backup", tmp_path, database | url)
        later = add(client)
        erase(client, after, "content", "note")
        erase(client, later, "content")
        run_commands(keeping, tmp_path, given | {"ONRECORD_URL": str(client.base_url)})
    with postgres.empty_database(server_url) as restored_url:
        url = {"ONRECORD_DATABASE_URL": restored_url}
        run_commands("onrecord restore record.backup", tmp_path, database | url)
        with open_store(restored_url) as restored, run_api(restored_url) as client:
            payload = bodies.get(client, f"/v1/events/{after}")["payload"]
            assert {"content", "note"} <= set(payload)  # the words are back
            size = len(restored.events())
            api = given | {"ONRECORD_URL": str(client.base_url)}
            said = run_commands(applying, tmp_path, api)
            assert (1, 1) == (
                said.count("Erased by event"),
                said.count("recorded after the backup"),
            )
            assert size + 1 == len(restored.events())
            assert {"evidence"} == set(bodies.get(client, f"/v1/events/{after}")["payload"])
            # nothing leaves the list when it is kept on the restored record
            run_commands(keeping, tmp_path, api)
    lines = (tmp_path / "erasures.ndjson").read_text().splitlines()
    targets = [json.loads(line)["entry"]["data"]["target"] for line in lines]
    assert sorted([before, after, after, later]) == sorted(targets)


IN_ORDER = {
    "workers": ("worker",),
    "read APIs": ("read_api",),
    "deliverers, beat, signer": ("deliverer", "beat", "signer"),
    "write APIs": ("ingest_api",),
}


@pytest.mark.skipif(bool(postgres.GIVEN), reason="its user may do all, of which doctor warns")
def test_the_processes_of_a_new_release_start_in_the_order_of_the_page(
    server_url: str, tmp_path: Path
) -> None:
    before, after = commands_of("upgrading.md")
    page = (FOLDER / "upgrading.md").read_text()
    places = [page.index(f"| {names}") for names in IN_ORDER]
    assert places == sorted(places)
    ports = {"read_api": free_port(), "ingest_api": free_port()}
    processes: list[Forked] = []
    with postgres.empty_database(server_url) as url:
        postgres.upgrade_to(url, "keys")  # an older release's
        keys.give_key(url)
        login = postgres.login_url(url)
        of_process = {
            "ONRECORD_DATABASE_URL": login,
            "ONRECORD_BROKER_URL": BROKER or f"pgmq{login.removeprefix('postgresql')}",
            "ONRECORD_SECRETS_KEY": SECRETS_KEY,
            "ONRECORD_KEY": keys.TOKEN,
            "ONRECORD_DATA": str(tmp_path / "data"),
        }
        run_commands(before, tmp_path, of_process | {"ONRECORD_DATABASE_URL": url})
        assert 1 == len(list(tmp_path.glob("before-*.backup")))
        try:
            for names in IN_ORDER.values():
                for name in names:
                    environment = {"ONRECORD_PORT": str(ports.get(name, 1)), **of_process}
                    arguments = (name, environment, tmp_path / f"{name}.log")
                    processes.append(Forked(FORKED.Process(target=run_entrypoint, args=arguments)))
            for port in ports.values():
                until(partial(is_ready, port), "the API is ready", pause=0.2)
            with Client(f"http://127.0.0.1:{ports['ingest_api']}", keys.TOKEN) as client:
                size = client.send(writes.register_actor(ActorIn(id="emma", kind="person"))).size
            with Client(f"http://127.0.0.1:{ports['read_api']}", keys.TOKEN) as client:
                at = AtSize(min_size=size)
                until(lambda: can_read_actor(client, "emma", at), "the actor is readable")
            environment = {"ONRECORD_PORT": str(ports["ingest_api"]), **of_process}
            run_commands(after, tmp_path, environment)
        finally:
            for process in processes:
                process.send_signal(signal.SIGKILL)
                process.wait()


def is_ready(port: int) -> bool:
    try:
        # `verify=False` saves loading the certificates on each poll
        url = f"http://127.0.0.1:{port}/readyz"
        return httpx2.get(url, timeout=10, verify=False).status_code == 200
    except httpx2.TransportError:
        return False
