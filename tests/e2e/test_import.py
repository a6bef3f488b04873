"""Imports of files in each format: every line recorded once, and every fault reported."""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from onrecord.client import ApiUnavailable, Client, reads
from onrecord.client.parameters import StatementSearch
from onrecord.entrypoints.cli import app
from onrecord.importing.files import NothingToImport, UnreadableFile
from onrecord.importing.run import import_files
from tests.support import postgres
from tests.support.bodies import actor, ledger_size, line, ndjson, topic
from tests.support.imports import (
    CSV,
    counts,
    fixed_response_server,
    memory_console,
    printed,
    run_dry_run,
    run_import,
    statement_lines,
    write_lines,
)
from tests.support.keys import TOKEN
from tests.support.processes import free_port
from tests.support.recording import register
from tests.support.store import Store, open_store, run_typed_api

CSV_FAULTS = [
    (4, "422 The request names things that are not on record. speaker: no actor 'nobody' is on"),
    (5, "said_at: "),
    (5, "lang: "),
    (6, "422 The row has 2 cells, the header 8."),
    (7, "/body/evidence/0: give at least one of url, archive_url, reference, sha256"),
]


@pytest.fixture(scope="module")
def store(server_url: str, template: str) -> Iterator[Store]:
    with postgres.database(server_url, template) as url, open_store(url) as database:
        yield database


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[Client]:
    with run_typed_api(store.url) as client:
        register(client)
        yield client


# Formats


def test_folder_of_all_formats_is_recorded_once(
    store: Store, client: Client, tmp_path: Path
) -> None:
    slug = f"i{tmp_path.name.replace('_', '-')}".lower()
    write_lines(tmp_path / "1.ndjson", line("actor", slug, actor(slug)))
    two = ndjson([line("topic", slug, topic(slug)), *statement_lines(tmp_path, 0, 3)])
    (tmp_path / "2.jsonl.gz").write_bytes(gzip.compress(two[:90]) + gzip.compress(two[90:]))
    rows = (
        f"id,speaker,said_at,text,lang,coder,url,topics\n,{slug},2022,Yes.,en,t,http://a.b,{slug}"
    )
    (tmp_path / "3.csv").write_text(f"{rows}\n", encoding="utf-8-sig")
    (tmp_path / "4.csv.gz").write_bytes(gzip.compress(rows.replace("Yes.", "No.").encode()))
    (tmp_path / "5.md").write_text("Not read.")
    before = ledger_size(store.url)
    assert (7, 0, 0) == counts(run_import(client.address, tmp_path)[0])
    assert (0, 7, 0) == counts(run_import(client.address, tmp_path)[0])
    assert before + 7 == ledger_size(store.url)
    store.catch_up()
    statements = client.items(reads.list_statements(StatementSearch(actor=[slug])))
    assert {"Yes.", "No."} == {statement.content.text for statement in statements}


def test_csv_faults_are_reported_by_line_and_column_and_other_rows_are_recorded(
    store: Store, client: Client, tmp_path: Path
) -> None:
    path, before = tmp_path / "a.csv", ledger_size(store.url)
    path.write_text(CSV)
    summary, output = run_import(client.address, path)
    assert (2, 0, 4) == counts(summary)
    for number, fault in CSV_FAULTS:
        assert any(
            printed_line.startswith(f"{path}:{number}: ") and fault in printed_line
            for printed_line in output.splitlines()
        ), output
    assert 4 == len(output.splitlines())
    assert before + 2 == ledger_size(store.url)
    store.catch_up()
    statements = client.items(reads.list_statements(StatementSearch(topic=["tariffs"])))
    assert "We are\nready." in [statement.content.text for statement in statements]


def test_csv_with_wrong_columns_is_refused_before_anything_is_sent(
    store: Store, client: Client, tmp_path: Path
) -> None:
    before = ledger_size(store.url)
    write_lines(tmp_path / "1.ndjson", *statement_lines(tmp_path, 0, 3))
    (tmp_path / "2.csv").write_text("speaker,words\nemma,Yes.\n")
    for attempt in (run_import, run_dry_run):
        with pytest.raises(NothingToImport, match=r"2\.csv:1: .*'words' not known.*'coder' miss"):
            attempt(client.address, tmp_path)
    assert before == ledger_size(store.url)


def test_lines_before_the_place_where_a_file_breaks_off_are_recorded(
    store: Store, client: Client, tmp_path: Path
) -> None:
    before = ledger_size(store.url)
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(ndjson(statement_lines(path, 0, 3)))[:-4])
    console = memory_console()
    with pytest.raises(UnreadableFile) as raised:
        import_files(
            [path], key=TOKEN, address=client.address, console=console, data=tmp_path / "data"
        )
    assert str(raised.value).startswith(f"{path}:4: the gzip file is cut off")
    assert before + 3 == ledger_size(store.url)
    assert f"So far up to line 3 of {path}: 3 recorded" in printed(console)


def test_unreachable_api_is_reported_with_the_remedy(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.ndjson", *statement_lines(tmp_path, 0, 1))
    with pytest.raises(ApiUnavailable, match=r"does not answer .* `onrecord up`"):
        import_files(
            [path], key=TOKEN, address=f"http://127.0.0.1:{free_port()}", console=memory_console()
        )


@pytest.mark.parametrize(
    "body", [b"<html>Hello</html>", b"", b"1", b'{"op": "statement"}', b'{"status": 201}\n' * 2]
)
def test_server_that_is_no_onrecord_is_reported_as_a_wrong_address(
    tmp_path: Path, body: bytes
) -> None:
    path = write_lines(tmp_path / "a.ndjson", *statement_lines(tmp_path, 0, 1))
    with fixed_response_server(body) as address:
        with pytest.raises(ApiUnavailable, match=f"^{address} is no onrecord .* --url"):
            import_files([path], key=TOKEN, address=address, console=memory_console())
        assert f"{address} does not answer as an onrecord does" in run_dry_run(address, path)[1]


# Output


def test_progress_bar_is_shown_on_a_terminal_only(client: Client, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.ndjson", *statement_lines(tmp_path, 0, 3))
    terminal = Console(file=io.StringIO(), width=120, force_terminal=True)
    import_files([path], key=TOKEN, address=client.address, console=terminal)
    assert "100%" in printed(terminal)
    assert "3 lines" in printed(terminal)
    assert "" == run_import(client.address, path)[1]


@pytest.mark.parametrize(
    ("name", "content", "options", "code", "output"),
    [
        ("a.ndjson", b"# Nothing.\n", [], 0, "0 recorded, 0 on record before, 0 refused"),
        ("a.ndjson", b"# Nothing.\n", ["--dry-run"], 0, "0 would be on record, 0 would be refused"),
        ("a.ndjson", b"{\n", ["--dry-run"], 1, "a.ndjson:1: 400 "),
        ("a.ndjson", b"{\n", [], 1, "a.ndjson:1: 400 "),
        ("a.csv.gz", b"speaker", [], 1, "a.csv.gz:1: the gzip file is broken"),
        ("a.csv", b"speaker\n", [], 2, "'coder' missing"),
        ("a.ndjson", b"{\n", ["--encoding", "hex"], 2, "'hex' is no encoding of text"),
        ("a.txt", b"{\n", [], 2, "a.txt is neither a file nor a folder"),
        ("a.ndjson", b"{\n", ["--url", "http://127.0.0.1:1"], 3, "does not answer"),
    ],
)
def test_exit_code_and_message(
    client: Client,
    tmp_path: Path,
    name: str,
    content: bytes,
    options: list[str],
    code: int,
    output: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ONRECORD_KEY", TOKEN)
    (tmp_path / name).write_bytes(content)
    options = ["--data", str(tmp_path / "data"), "--url", client.address, *options]
    done = CliRunner().invoke(app, ["import", str(tmp_path / name), *options])
    assert code == done.exit_code, done.output
    assert output in " ".join(done.output.split())
    assert not (tmp_path / "data").exists()
