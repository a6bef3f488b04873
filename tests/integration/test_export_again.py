"""Tests of repeated exports: what is added, what is written anew, and what is refused."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from httpx2 import Client
from typer.testing import CliRunner

from onrecord.entrypoints import cli
from onrecord.entrypoints.commands import export as export_command
from onrecord.exporting.errors import FolderInUse, SizeNotReached, UnusableFolder
from onrecord.exporting.parquet_files import locked_folder
from tests.support import bodies, bulk, exports, postgres
from tests.support.exports import export, footer, visible_files
from tests.support.store import Store, open_store

WORDS = "zanzibar"


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    exports.use_small_files(monkeypatch.setattr)


def say(client: Client, store: Store, count: int) -> list[str]:
    """Record statements; their ids."""
    made = []
    for n in range(count):
        statement = bodies.statement(id=str(uuid4()), content=bodies.content(text=f"{WORDS} {n}"))
        made.append(str(bodies.post(client, "/v1/statements", statement)["id"]))
    store.catch_up()
    return made


def test_a_second_export_adds_what_is_new_and_keeps_full_files(
    client: Client, store: Store, tmp_path: Path
) -> None:
    bodies.register_all(client)  # five entries
    say(client, store, 13)
    first = export(store.url, tmp_path)
    before = visible_files(tmp_path)
    assert 3 == first.files_written
    say(client, store, 12)  # 30 entries
    second = export(store.url, tmp_path)
    after = visible_files(tmp_path)
    full = [f"events/{start:012}-{start + 7:012}.parquet" for start in (0, 8)]
    assert [before[name] for name in full] == [after[name] for name in full]
    assert (2, 2) == (second.files_kept, second.files_written)
    assert ["8", "16", "24", "30"] == [
        footer(path)["size"] for path in sorted((tmp_path / "events").iterdir())
    ]
    third = export(store.url, tmp_path)
    assert (4, 0) == (third.files_kept, third.files_written)
    again = tmp_path / "again"
    export(store.url, again)
    events = {name: data for name, data in after.items() if name.startswith("events/")}
    assert events.items() <= visible_files(again).items()  # the bytes follow from the ledger


def test_an_older_size_leaves_newer_events_in_place(
    client: Client, store: Store, tmp_path: Path
) -> None:
    bodies.register_all(client)
    say(client, store, 13)
    export(store.url, tmp_path)
    before = visible_files(tmp_path)
    summary = export(store.url, tmp_path, known_size=7)
    after = visible_files(tmp_path)
    assert (0, {"statements": 2}) == (
        summary.files_written,
        {name: n for name, n in summary.table_rows.items() if name == "statements"},
    )
    assert {name for name in before if before[name] != after[name]} <= {
        *("actors.parquet", "topics.parquet", "statements.parquet"),
        *("positions.parquet", "changes.parquet"),
    }
    with pytest.raises(SizeNotReached):
        export(store.url, tmp_path, known_size=19)
    assert after == visible_files(tmp_path)


def test_files_with_words_that_were_erased_since_are_written_anew(
    client: Client, store: Store, tmp_path: Path
) -> None:
    bodies.register_all(client)
    made = say(client, store, 13)
    export(store.url, tmp_path)
    before = visible_files(tmp_path)
    erasure = {"sections": ["content"], "ground": "gdpr-17"}
    bodies.post(client, f"/v1/statements/{made[0]}/erasure", erasure)
    store.catch_up()
    summary = export(store.url, tmp_path)
    first = "events/000000000000-000000000007.parquet"
    assert [tmp_path / first] == summary.files_erased
    after = visible_files(tmp_path)
    assert before[first] != after[first]
    assert 1 == int(footer(tmp_path / first)["erased_sections"])
    second = "events/000000000008-000000000015.parquet"
    assert before[second] == after[second]
    assert [] == export(store.url, tmp_path).files_erased


def test_a_folder_of_something_else_is_refused_and_left_alone(
    client: Client, store: Store, tmp_path: Path
) -> None:
    bodies.register_all(client)
    store.catch_up()
    ours, event_file = tmp_path / "ours", "events/000000000000-000000000007.parquet"
    export(store.url, ours)
    cut, foreign = tmp_path / "cut", tmp_path / "foreign"
    (cut / "events").mkdir(parents=True)
    (cut / event_file).write_bytes((ours / event_file).read_bytes()[:-9])
    with pytest.raises(UnusableFolder, match="is no whole Parquet file"):
        export(store.url, cut)
    export(store.url, foreign)
    with psycopg.connect(store.url) as conn:
        conn.execute("UPDATE webhooks.installation SET id = gen_random_uuid()")
    before = visible_files(foreign)
    with pytest.raises(UnusableFolder, match="is of urn:uuid:"):
        export(store.url, foreign)
    assert before == visible_files(foreign)
    with locked_folder(tmp_path / "busy"), pytest.raises(FolderInUse):
        export(store.url, tmp_path / "busy")


def test_a_folder_of_a_ledger_that_went_another_way_is_refused(
    client: Client, store: Store, server_url: str, template: str, tmp_path: Path
) -> None:
    """As when a backup was restored: the installation is the same, its entries are not."""
    bodies.register_all(client)
    store.catch_up()
    export(store.url, tmp_path)
    before = visible_files(tmp_path)
    with postgres.database(server_url, template) as url, open_store(url) as other:
        with psycopg.connect(store.url) as conn:
            installation = conn.execute("SELECT id FROM webhooks.installation").fetchone()
        with psycopg.connect(url) as conn:
            conn.execute("UPDATE webhooks.installation SET id = %s", installation)
        for is_longer in (False, True):
            if is_longer:
                bulk.register_cast(other)
                other.catch_up()
            with pytest.raises(UnusableFolder, match="that this ledger does not have"):
                export(url, tmp_path)
    assert before == visible_files(tmp_path)


def test_an_export_killed_at_any_step_leaves_whole_files_and_goes_on(
    client: Client, store: Store, tmp_path: Path
) -> None:
    bodies.register_all(client)
    say(client, store, 6)
    bodies.post(client, "/v1/positions", bodies.position())
    store.catch_up()
    run = subprocess.run(
        [sys.executable, "-m", "tests.support.exports", store.url, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert int(run.stdout) >= 8
    assert [] == list(tmp_path.rglob("*.tmp"))
    fresh = tmp_path / "fresh"
    export(store.url, fresh)
    events = [name for name in visible_files(fresh) if name.startswith("events/")]
    assert [visible_files(fresh)[name] for name in events] == [
        visible_files(tmp_path)[name] for name in events
    ]


def test_an_interrupted_export_leaves_no_temporary_file(
    client: Client, store: Store, tmp_path: Path
) -> None:
    bodies.register_all(client)
    store.catch_up()

    def interrupt(name: str, done: int, total: int | None = None) -> None:
        if name == "actors" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(store.url, tmp_path, interrupt)
    assert ["events", "events/000000000000-000000000007.parquet"] == sorted(
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")
    )


def test_the_command_says_what_it_wrote_and_answers_with_exit_codes(
    client: Client, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies.register_all(client)
    store.catch_up()
    monkeypatch.setenv("ONRECORD_DATABASE_URL", store.url)
    monkeypatch.setenv("COLUMNS", "200")
    run = CliRunner().invoke
    done = run(cli.app, ["export", str(tmp_path / "x")])
    assert 0 == done.exit_code, done.output
    assert "the record at size 5, root " in done.stdout
    assert "files of events: 1 written, 0 kept" in done.stdout
    assert "0 statements, 3 actors, 2 topics" in done.stdout
    assert 3 == run(cli.app, ["export", str(tmp_path / "x"), "--known-size", "6"]).exit_code
    assert 2 == run(cli.app, ["export", str(tmp_path / "x"), "--as-of", "soon"]).exit_code
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.parquet").write_bytes(b"none")
    assert 2 == run(cli.app, ["export", str(tmp_path / "other")]).exit_code
    assert "Example: onrecord export record" in run(cli.app, ["export", "--help"]).stdout
    monkeypatch.setattr(export_command, "find_spec", lambda _: None)
    missing = run(cli.app, ["export", str(tmp_path / "y")])
    assert 3 == missing.exit_code
    assert "python -m pip install 'onrecord[parquet]'" in missing.output
    assert not (tmp_path / "y").exists()
