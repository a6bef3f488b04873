"""CSV rows of an import: the statements that they mean, their ids, and errors in a CSV."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from onrecord.importing import csv_rows
from onrecord.importing.files import InputFile, NothingToImport, UnreadableFile
from onrecord.importing.lines import SourceLine, read_lines
from onrecord.ingest.schemas import StatementIn

TOP = Path(__file__).parents[2]
HEADER = "speaker,said_at,text,lang,coder,url"
ROW = "emma,2022-11-30,We are ready.,en,test,https://news.example/1"
FULL = {
    "id": "00000000-0000-4000-8000-000000000001",
    "speaker": "emma",
    "role": "Minister",
    "said_at": "../2022-11",
    "said_at_basis": "published_bound",
    "text": ' "Ready, we are." ',
    "lang": "de-AT",
    "mode": "translation",
    "topics": "talks; tariffs;",
    "url": "https://news.example/1",
    "archive_url": "https://archive.example/1",
    "reference": "Print, p. 4",
    "sha256": "0" * 64,
    "outlet": "The Daily",
    "title": "Ready; willing",
    "published_at": "2022-11-30T12:00:00Z",
    "venue": "Press room",
    "coder": "test",
    "note": "#1",
}
EVIDENCE = {"url", "archive_url", "reference", "sha256", "outlet", "title", "published_at"}


def read(path: Path, text: str | bytes) -> list[SourceLine]:
    """The batch lines of a CSV with this content."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with InputFile(path) as file:
        return list(read_lines(file))


def parsed(line: SourceLine) -> dict[str, Any]:
    assert not line.error
    content: dict[str, Any] = json.loads(line.content)
    return content


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


def quoted(cells: list[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)


def test_every_column_becomes_its_field_of_the_statement(path: Path) -> None:
    assert list(csv_rows.COLUMNS) == sorted(FULL, key=list(csv_rows.COLUMNS).index)
    names = list(reversed(FULL))
    (source_line,) = read(path, f"{quoted(names)}\n{quoted([FULL[name] for name in names])}\n")
    line = parsed(source_line)
    assert ("statement", FULL["id"]) == (line["op"], line["id"])
    evidence = [name for name in FULL if name in EVIDENCE]
    expected = {
        "speakers": [{"actor": "emma", "role": "Minister"}],
        "topics": ["talks", "tariffs"],
        "content": {name: FULL[name] for name in ("text", "lang", "mode")},
        "evidence": [{name: FULL[name] for name in evidence}],
        **{name: FULL[name] for name in ("said_at", "said_at_basis", "venue", "coder", "note")},
    }
    assert expected == line["body"]
    StatementIn.model_validate(line["body"])


def test_missing_and_empty_cells_take_the_default(path: Path) -> None:
    short = parsed(read(path, f"{HEADER}\n{ROW}\n")[0])
    long = parsed(read(path, f"{HEADER},role,mode,topics,id\n{ROW},, ,;,\n")[0])
    assert ("stated", "verbatim") == (
        short["body"]["said_at_basis"],
        short["body"]["content"]["mode"],
    )
    assert {**short["body"], "topics": []} == long["body"]
    StatementIn.model_validate(short["body"])


def test_id_of_a_row_without_one_is_derived_from_its_content(path: Path) -> None:
    """Pinned, because with another id a repeated import would record every row twice."""
    (line,) = read(path, f"{HEADER}\n{ROW}\n")
    assert "007fd0b6-bc6d-5935-8505-52b8138fa38c" == parsed(line)["id"]
    assert 5 == UUID(parsed(line)["id"]).version
    reordered = "url,coder,lang,text,said_at,speaker,mode\n"
    reordered += ",".join([*reversed(ROW.split(",")), "verbatim"])
    other = ROW.replace("ready", "not ready")
    again, another = read(path, reordered + "\n")[0], read(path, f"{HEADER}\n{other}\n")[0]
    assert parsed(line) == parsed(again)
    assert parsed(line)["id"] != parsed(another)["id"]


def test_number_of_a_row_is_that_of_its_first_physical_line(path: Path) -> None:
    text = '"One\r\n# no comment\n\nthree"'
    rows = [ROW, "# emma,,,,,", ROW.replace("We are ready.", text), "", ",,,,,", ROW]
    lines = read(path, "\ufeff" + "\n".join([HEADER, *rows]))
    assert [2, 3, 4, 10] == [line.number for line in lines]
    assert "# emma" == parsed(lines[1])["body"]["speakers"][0]["actor"]
    assert "One\r\n# no comment\n\nthree" == parsed(lines[2])["body"]["content"]["text"]


def test_row_with_the_wrong_number_of_cells_is_refused_alone(path: Path) -> None:
    lines = read(path, f"{HEADER}\n{ROW},more\nemma,2022\n{ROW}\n")
    assert ["The row has 7 cells, the header 6.", "The row has 2 cells, the header 6.", ""] == [
        line.error for line in lines
    ]


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("", "'speaker', 'said_at', 'text', 'lang', 'coder' missing"),
        ("speaker,said_at,text,lang,url", "'coder' missing"),
        ("speaker,said_at,text,lang,coder", "one of url, archive_url, reference, sha256 missing"),
        (f"{HEADER},stance,Role", "'stance', 'Role' not known"),
        (f"{HEADER},note,note", "'note' given twice"),
        (HEADER.replace(",", ";"), "not known"),
    ],
)
def test_wrong_header_is_refused_with_its_faults_and_the_columns_that_exist(
    path: Path, header: str, error: str
) -> None:
    with pytest.raises(NothingToImport) as raised:
        read(path, f"{header}\n{ROW}\n")
    assert error in str(raised.value)
    assert f"{path}:1: " in str(raised.value)
    assert f"Known: {', '.join(csv_rows.COLUMNS)}." in str(raised.value)


@pytest.mark.parametrize(
    ("rows", "number", "error"),
    [
        (f'{ROW}\n"emma,2022\n{ROW}\n'.encode(), 3, "quote"),
        (f'{ROW}\nemma,"2022"-11,,,,\n'.encode(), 3, "quote"),
        (f"{ROW}\n".encode() + "emma,2022,schön".encode("latin-1") + b"\n", 3, "byte 14 of"),
        (f"{ROW}\n{'x' * 140_000}".encode(), 3, "longer than 131,072 char"),
        (f"{ROW}\n{'x,' * 600_000}".encode(), 3, "larger than 1 MiB"),
    ],
)
def test_malformed_csv_is_an_error_with_the_line(
    path: Path, rows: bytes, number: int, error: str
) -> None:
    with pytest.raises(UnreadableFile) as raised:
        read(path, f"{HEADER}\n".encode() + rows)
    assert str(raised.value).startswith(f"{path}:{number}: ")
    assert error in str(raised.value)


@pytest.mark.parametrize(
    ("pointer", "column"),
    [
        ("/body/speakers/0/actor", "speaker"),
        ("/body/topics/1", "topics"),
        ("/body/content/lang", "lang"),
        ("/id", "id"),
        ("/body/evidence/0", "/body/evidence/0"),
    ],
)
def test_json_pointers_are_mapped_back_to_columns(pointer: str, column: str) -> None:
    assert column == csv_rows.column_of(pointer)


def test_documentation_lists_every_column() -> None:
    page = (TOP / "ops" / "docs" / "importing.md").read_text()
    section = page.split("## CSV")[1].split("\n## ")[0]
    cells = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    assert sorted(csv_rows.COLUMNS) == sorted(
        name.strip(" `") for cell in cells for name in cell.split(",")
    )
