"""The key of `onrecord up` in its data folder, `onrecord keys`, and starts beyond loopback."""

import asyncio
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from onrecord.access.tokens import new_token
from onrecord.domain.events import KeyCreated, KeyRevoked
from onrecord.domain.ids import new_id
from onrecord.domain.scopes import ALL_SCOPES
from onrecord.entrypoints import ingest_api, local_api, read_api, server
from onrecord.entrypoints.cli import app
from onrecord.entrypoints.commands.options import api_key
from onrecord.entrypoints.local_key import LocalKeyUnusable, ensure_local_key
from onrecord.kit import logs
from onrecord.kit.secret_file import read_or_create
from onrecord.kit.settings import load_settings
from onrecord.kit.sql import db
from tests.support import postgres
from tests.support.keys import HEADERS, TOKEN, give_key
from tests.support.store import SECRETS_KEY, Store, open_store, run_api


@pytest.fixture(autouse=True)
def printed_logs() -> Iterator[None]:
    """Logs are printed, as a process does: they say why it does not start."""
    before = structlog.get_config()["logger_factory"]
    structlog.configure(logger_factory=structlog.PrintLoggerFactory())
    yield
    structlog.configure(logger_factory=before)


class Data:
    """A data folder, and what was printed about its key."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "data" / "key"
        self.printed: list[str] = []

    def key(self, url: str) -> str:
        return asyncio.run(ensure_local_key(url, self.file, self.printed.append))


@pytest.fixture
def data(tmp_path: Path) -> Data:
    return Data(tmp_path)


def test_the_first_start_makes_a_key_and_prints_it_once(data: Data, store: Store) -> None:
    token = data.key(store.url)
    assert data.file.read_text() == f"{token}\n"
    assert stat.S_IMODE(data.file.stat().st_mode) == 0o600
    assert [data.file] == list(data.file.parent.iterdir())
    (printed,) = data.printed
    assert str(data.file) in printed
    assert printed.endswith(token)
    (event,) = store.events()
    assert event.event == KeyCreated(name="onrecord up", scopes=ALL_SCOPES)
    assert event.recorded_by == "local"
    with run_api(store.url) as client:
        me = client.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).json()
    assert me["id"] == str(event.id)

    assert data.key(store.url) == token
    assert len(data.printed) == len(store.events()) == 1


def test_a_key_that_the_database_does_not_know_becomes_its_key(
    data: Data, store: Store, server_url: str, template: str
) -> None:
    """As after a kill between the file and the database, and with a new database."""
    token = data.key(store.url)
    with postgres.database(server_url, template) as url, open_store(url) as other:
        assert data.key(url) == token
        assert [type(event.event) for event in other.events()] == [KeyCreated]


def test_a_key_that_cannot_be_used_is_reported_with_what_to_do(data: Data, store: Store) -> None:
    token = data.key(store.url)
    delete = f"Delete {re.escape(str(data.file))} for a new key, or set ONRECORD_KEY"
    data.file.write_text(token[:-1] + ("0" if token[-1] != "0" else "1"))
    with pytest.raises(LocalKeyUnusable, match=f"is another one here. {delete}"):
        data.key(store.url)
    data.file.write_text("secret")
    with pytest.raises(LocalKeyUnusable, match=f"holds no key. {delete}"):
        data.key(store.url)
    data.file.write_text(token)
    with db.connect(store.url, role="onrecord_access") as conn:
        conn.execute("UPDATE access.keys SET revoked_at = now()")
    with pytest.raises(LocalKeyUnusable, match=f"was revoked. {delete}"):
        data.key(store.url)
    id_ = new_id()
    give_key(store.url, id_=id_, expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    data.file.write_text(TOKEN.replace(TOKEN[9:41], id_.hex))
    with pytest.raises(LocalKeyUnusable, match="Delete"):
        data.key(store.url)


def test_a_key_that_another_user_may_know_becomes_no_key(data: Data, store: Store) -> None:
    data.file.parent.mkdir()
    elsewhere = data.file.with_name("elsewhere")
    elsewhere.write_text(TOKEN)
    data.file.symlink_to(elsewhere)
    with pytest.raises(LocalKeyUnusable, match="cannot be read"):
        data.key(store.url)
    elsewhere.replace(data.file)
    data.file.chmod(0o644)
    with pytest.raises(LocalKeyUnusable, match="chmod 600"):
        data.key(store.url)
    assert store.events() == []


def test_a_folder_that_cannot_be_written_is_reported(store: Store, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(tmp_path / "nowhere")
    with pytest.raises(LocalKeyUnusable, match=r"No key can be kept in .*--data.*ONRECORD_KEY"):
        Data(tmp_path).key(store.url)
    (tmp_path / "data").unlink()
    (tmp_path / "data").write_text("a file, and no folder")
    with pytest.raises(LocalKeyUnusable, match=r"cannot be read .*ONRECORD_KEY"):
        Data(tmp_path).key(store.url)
    assert store.events() == []


def test_commands_send_the_key_of_the_data_folder_to_this_machine_only(tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path)
    assert api_key(settings, None) is None
    read_or_create(tmp_path / "key", lambda: TOKEN)
    for url in (None, "http://127.0.0.1:9000", "http://localhost", "http://[::1]:8000"):
        assert api_key(settings, url) == TOKEN
    for url in ("https://record.example.org", "http://127.0.0.1@evil.example", "evil"):
        assert api_key(settings, url) is None
    other = new_token(new_id())
    with_key = load_settings(data=tmp_path, key=other)
    assert api_key(with_key, None) == api_key(with_key, "https://record.example.org") == other
    assert other not in repr(with_key)


def test_a_key_that_others_may_have_read_is_not_used(tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path)
    read_or_create(settings.key_file, lambda: TOKEN)
    settings.key_file.chmod(0o644)
    with pytest.raises(LocalKeyUnusable, match=r"readable for other OS users.*ONRECORD_KEY"):
        api_key(settings, None)


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["keys", *arguments])
    return result.exit_code, result.stdout.strip(), result.stderr


def test_keys_are_created_listed_and_revoked_on_the_command_line(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONRECORD_DATABASE_URL", store.url)
    scopes = ("--scope", "read", "--scope", "write")
    code, token, error = run("create", "--name", "Desk", *scopes, "--expires", "90d")
    assert (code, "shown only now" in error) == (0, True)
    with run_api(store.url) as client:
        me = client.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).json()
    assert (me["name"], me["scopes"]) == ("Desk", ["read", "write"])
    days = (datetime.fromisoformat(me["expires_at"]) - datetime.now(UTC)).days
    assert days in (89, 90)
    code, listed, _ = run("list")
    assert code == 0
    assert me["id"] in listed
    assert token[-64:] not in listed
    for _ in range(2):
        assert run("revoke", me["id"])[0] == 0
    assert "revoked" in run("list")[1]
    code, _, error = run("revoke", str(new_id()))
    assert (code, "keys list" in error) == (1, True)
    assert [type(event.event) for event in store.events()] == [KeyCreated, KeyRevoked]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--name", " ", "--scope", "read"], "--name"),
        (["--name", "\udcff", "--scope", "read"], "--name"),  # a byte that is no UTF-8
        (["--name", "x", "--scope", "root"], "none of read, write, webhooks, admin"),
        (["--name", "x", "--scope", "read", "--expires", "soon"], "90d"),
        (["--name", "x", "--scope", "read", "--expires", "2020"], "does not lie ahead"),
        (["--name", "x"], "--scope"),
        (["--scope", "read"], "--name"),
    ],
)
def test_a_key_that_cannot_be_is_a_usage_error(arguments: list[str], problem: str) -> None:
    code, _, error = run("create", *arguments)
    assert (code, problem in error) == (2, True), error


@pytest.mark.parametrize("process", [ingest_api, read_api, local_api])
def test_a_process_that_others_reach_does_not_start_without_a_key(
    process: Any, store: Store, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    served: list[Any] = []
    monkeypatch.setattr(logs, "configure", lambda _: None)  # of this process, which runs on
    monkeypatch.setattr(server, "serve", lambda *arguments, **_: served.append(arguments))
    monkeypatch.setenv("ONRECORD_DATABASE_URL", store.url)
    monkeypatch.setenv("ONRECORD_BROKER_URL", "memory://")
    monkeypatch.setenv("ONRECORD_SECRETS_KEY", SECRETS_KEY)
    process.main()
    monkeypatch.setenv("ONRECORD_HOST", "0.0.0.0")
    give_key(store.url, id_=new_id(), expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    for public_reads in ("false", "true"):
        monkeypatch.setenv("ONRECORD_PUBLIC_READS", public_reads)
        if public_reads == "true" and process is read_api:
            process.main()
            continue
        with pytest.raises(SystemExit) as exit_:
            process.main()
        assert exit_.value.code == 3
        assert "onrecord keys create --name admin" in capfd.readouterr().out
    give_key(store.url)
    process.main()
    assert len(served) == (3 if process is read_api else 2)


def test_a_process_that_others_reach_does_not_start_while_keys_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logs, "configure", lambda _: None)
    monkeypatch.setenv("ONRECORD_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    monkeypatch.setenv("ONRECORD_BROKER_URL", "memory://")
    monkeypatch.setenv("ONRECORD_SECRETS_KEY", SECRETS_KEY)
    monkeypatch.setenv("ONRECORD_HOST", "::")
    with pytest.raises(SystemExit):
        ingest_api.main()
    assert "the API keys cannot be read" in capfd.readouterr().out


def test_a_key_is_not_in_logs(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"), run_api(store.url) as client:
        for headers in (HEADERS, {"Authorization": f"Bearer {new_token(new_id())}"}):
            client.get("/v1/me", headers=headers)
            client.post("/v1/keys", json={"name": "x", "scopes": ["read"]}, headers=headers)
    assert not re.search(r"onrecord_[0-9a-f]{32}_", caplog.text)
