"""Do files get on record once and only once, whatever their kind, and is what is wrong told?"""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import Client
from rich.console import Console
from typer.testing import CliRunner

from onrecord.entrypoints.cli import app
from onrecord.importing import run
from onrecord.importing.run import DoorClosed, NothingToImport, Unreadable
from tests.support import postgres
from tests.support.bodies import actor, ledger_size, line, ndjson, register_all, topic
from tests.support.imports import (
    CSV,
    answering,
    checked,
    imported,
    printed,
    quiet,
    said,
    sums,
    write,
)
from tests.support.processes import free_port
from tests.support.record import Record, record, serving

CSV_FAULTS = [
    (4, "422 The request names things that are not on record. speaker: no actor 'nobody' is on"),
    (5, "said_at: "),
    (5, "lang: "),
    (6, "422 The row has 2 cells, the header 8."),
    (7, "/body/evidence/0: give at least one of url, archive_url, reference, sha256"),
]


@pytest.fixture(scope="module")
def on_record(server_url: str, template: str) -> Iterator[Record]:
    with postgres.database(server_url, template) as url, record(url) as made:
        yield made


@pytest.fixture(scope="module")
def client(on_record: Record) -> Iterator[Client]:
    with serving(on_record.url) as made:
        register_all(made)
        yield made


# Kinds of files


def test_a_folder_of_every_kind_is_recorded_and_recorded_once(
    on_record: Record, client: Client, tmp_path: Path
) -> None:
    slug = f"i{tmp_path.name.replace('_', '-')}".lower()
    write(tmp_path / "1.ndjson", line("actor", slug, actor(slug)))
    two = ndjson([line("topic", slug, topic(slug)), *said(tmp_path, 0, 3)])
    (tmp_path / "2.jsonl.gz").write_bytes(gzip.compress(two[:90]) + gzip.compress(two[90:]))
    rows = (
        f"id,speaker,said_at,text,lang,coder,url,topics\n,{slug},2022,Yes.,en,t,http://a.b,{slug}"
    )
    (tmp_path / "3.csv").write_text(f"{rows}\n", encoding="utf-8-sig")
    (tmp_path / "4.csv.gz").write_bytes(gzip.compress(rows.replace("Yes.", "No.").encode()))
    (tmp_path / "5.md").write_text("Not read.")
    before = ledger_size(on_record.url)
    assert (7, 0, 0) == sums(imported(client, tmp_path)[0])
    assert (0, 7, 0) == sums(imported(client, tmp_path)[0])
    assert before + 7 == ledger_size(on_record.url)
    on_record.catch_up()
    found = client.get("/v1/statements", params={"actor": slug}).json()["items"]
    assert {"Yes.", "No."} == {one["content"]["text"] for one in found}


def test_a_csv_tells_faults_by_column_and_line_and_records_the_rest(
    on_record: Record, client: Client, tmp_path: Path
) -> None:
    path, before = tmp_path / "a.csv", ledger_size(on_record.url)
    path.write_text(CSV)
    tally, told = imported(client, path)
    assert (2, 0, 4) == sums(tally)
    for number, fault in CSV_FAULTS:
        assert any(
            one.startswith(f"{path}:{number}: ") and fault in one for one in told.splitlines()
        ), told
    assert 4 == len(told.splitlines())
    assert before + 2 == ledger_size(on_record.url)
    on_record.catch_up()
    found = client.get("/v1/statements", params={"topic": "tariffs"}).json()["items"]
    assert "We are\nready." in [one["content"]["text"] for one in found]


def test_a_csv_of_other_columns_stops_before_anything_is_sent(
    on_record: Record, client: Client, tmp_path: Path
) -> None:
    before = ledger_size(on_record.url)
    write(tmp_path / "1.ndjson", *said(tmp_path, 0, 3))
    (tmp_path / "2.csv").write_text("speaker,words\nemma,Yes.\n")
    for attempt in (imported, lambda client, path: checked(str(client.base_url), path)):
        with pytest.raises(NothingToImport, match=r"2\.csv:1: .*'words' not known.*'coder' miss"):
            attempt(client, tmp_path)
    assert before == ledger_size(on_record.url)


@pytest.mark.parametrize("broken", ["gzip", "utf-8"])
def test_what_stands_before_the_place_where_a_file_breaks_off_is_recorded(
    on_record: Record, client: Client, tmp_path: Path, broken: str
) -> None:
    before = ledger_size(on_record.url)
    if broken == "gzip":
        path = tmp_path / "a.ndjson.gz"
        path.write_bytes(gzip.compress(ndjson(said(path, 0, 3)))[:-4])
        place, recorded = f"{path}:4: the gzip file is cut off", 3
    else:
        path = tmp_path / "a.csv"
        rows = f"speaker,said_at,text,lang,coder,url\nemma,2022,{path},en,t,http://a.b\n"
        path.write_bytes((rows + rows.splitlines()[1] + "1\n").encode() + b"emma,\xff\n")
        place, recorded = f"{path}:4: byte 6 of the line is not UTF-8", 2
    console = quiet()
    with pytest.raises(Unreadable) as raised:
        run.import_files(
            [path], address=str(client.base_url), console=console, data=tmp_path / "data"
        )
    assert str(raised.value).startswith(place)
    assert before + recorded == ledger_size(on_record.url)
    assert f"So far up to line 3 of {path}: {recorded} recorded" in printed(console)


def test_a_door_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ndjson", *said(tmp_path, 0, 1))
    with pytest.raises(DoorClosed, match=r"does not answer .* `onrecord up`"):
        run.import_files([path], address=f"http://127.0.0.1:{free_port()}", console=quiet())


@pytest.mark.parametrize(
    "body", [b"<html>Hello</html>", b"", b"1", b'{"op": "statement"}', b'{"status": 201}\n' * 2]
)
def test_a_wrong_address_that_answers_is_told_as_one(tmp_path: Path, body: bytes) -> None:
    path = write(tmp_path / "a.ndjson", *said(tmp_path, 0, 1))
    with answering(body) as address:
        with pytest.raises(DoorClosed, match=f"^{address} is no onrecord .* --url"):
            run.import_files([path], address=address, console=quiet())
        assert f"{address} does not answer as an onrecord does" in checked(address, path)[1]


# What is seen


def test_a_terminal_sees_a_bar_and_a_file_does_not(client: Client, tmp_path: Path) -> None:
    path, address = write(tmp_path / "a.ndjson", *said(tmp_path, 0, 3)), str(client.base_url)
    seen = Console(file=io.StringIO(), width=120, force_terminal=True)
    run.import_files([path], address=address, console=seen)
    assert "100%" in printed(seen)
    assert "3 lines" in printed(seen)
    assert "" == imported(client, path)[1]


@pytest.mark.parametrize(
    ("name", "content", "options", "code", "told"),
    [
        ("a.ndjson", b"# Nothing.\n", [], 0, "0 recorded, 0 on record before, 0 refused"),
        ("a.ndjson", b"# Nothing.\n", ["--dry-run"], 0, "0 would be on record, 0 would be refused"),
        ("a.ndjson", b"{\n", ["--dry-run"], 1, "a.ndjson:1: 400 "),
        ("a.ndjson", b"{\n", [], 1, "a.ndjson:1: 400 "),
        ("a.csv.gz", b"speaker", [], 1, "a.csv.gz:1: the gzip file is broken"),
        ("a.csv", b"speaker\n", [], 2, "'coder' missing"),
        ("a.txt", b"{\n", [], 2, "a.txt is neither a file nor a folder"),
        ("a.ndjson", b"{\n", ["--url", "http://127.0.0.1:1"], 3, "does not answer"),
    ],
)
def test_the_exit_code_and_a_sentence_say_what_came_of_it(
    client: Client,
    tmp_path: Path,
    name: str,
    content: bytes,
    options: list[str],
    code: int,
    told: str,
) -> None:
    (tmp_path / name).write_bytes(content)
    more = ["--data", str(tmp_path / "data"), "--url", str(client.base_url), *options]
    done = CliRunner().invoke(app, ["import", str(tmp_path / name), *more])
    assert code == done.exit_code, done.output
    assert told in " ".join(done.output.split())
    assert not (tmp_path / "data").exists()
