"""Does a row of a CSV become the statement that its cells say?"""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from onrecord.importing import csv_rows
from onrecord.importing.files import NothingToImport, Opened, Unreadable
from onrecord.importing.lines import Placed, lines
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


def read(path: Path, text: str | bytes) -> list[Placed]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with Opened(path) as opened:
        return list(lines(opened))


def parsed(one: Placed) -> dict[str, Any]:
    assert not one.fault
    found: dict[str, Any] = json.loads(one.line)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


def quoted(cells: list[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)


def test_every_column_has_its_place_in_the_statement(path: Path) -> None:
    assert list(csv_rows.COLUMNS) == sorted(FULL, key=list(csv_rows.COLUMNS).index)
    names = list(reversed(FULL))
    (one,) = read(path, f"{quoted(names)}\n{quoted([FULL[name] for name in names])}\n")
    line = parsed(one)
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


def test_what_is_left_out_or_empty_is_what_the_header_means_by_it(path: Path) -> None:
    short = parsed(read(path, f"{HEADER}\n{ROW}\n")[0])
    long = parsed(read(path, f"{HEADER},role,mode,topics,id\n{ROW},, ,;,\n")[0])
    assert ("stated", "verbatim") == (
        short["body"]["said_at_basis"],
        short["body"]["content"]["mode"],
    )
    assert {**short["body"], "topics": []} == long["body"]
    StatementIn.model_validate(short["body"])


def test_a_row_without_id_has_that_of_what_it_says(path: Path) -> None:
    """Pinned: were it another one tomorrow, importing again would record everything twice."""
    (one,) = read(path, f"{HEADER}\n{ROW}\n")
    assert "007fd0b6-bc6d-5935-8505-52b8138fa38c" == parsed(one)["id"]
    assert 5 == UUID(parsed(one)["id"]).version
    turned = "url,coder,lang,text,said_at,speaker,mode\n"
    turned += ",".join([*reversed(ROW.split(",")), "verbatim"])
    other = ROW.replace("ready", "not ready")
    again, another = read(path, turned + "\n")[0], read(path, f"{HEADER}\n{other}\n")[0]
    assert parsed(one) == parsed(again)
    assert parsed(one)["id"] != parsed(another)["id"]


def test_a_row_is_placed_at_its_first_physical_line(path: Path) -> None:
    words = '"One\r\n# no comment\n\nthree"'
    rows = [ROW, "# emma,,,,,", ROW.replace("We are ready.", words), "", ",,,,,", ROW]
    found = read(path, "\ufeff" + "\n".join([HEADER, *rows]))
    assert [2, 3, 4, 10] == [one.number for one in found]
    assert "# emma" == parsed(found[1])["body"]["speakers"][0]["actor"]
    assert "One\r\n# no comment\n\nthree" == parsed(found[2])["body"]["content"]["text"]


def test_a_row_of_another_width_is_refused_and_the_next_one_is_not(path: Path) -> None:
    found = read(path, f"{HEADER}\n{ROW},more\nemma,2022\n{ROW}\n")
    assert ["The row has 7 cells, the header 6.", "The row has 2 cells, the header 6.", ""] == [
        one.fault for one in found
    ]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("", "'speaker', 'said_at', 'text', 'lang', 'coder' missing"),
        ("speaker,said_at,text,lang,url", "'coder' missing"),
        ("speaker,said_at,text,lang,coder", "one of url, archive_url, reference, sha256 missing"),
        (f"{HEADER},stance,Role", "'stance', 'Role' not known"),
        (f"{HEADER},note,note", "'note' given twice"),
        (HEADER.replace(",", ";"), "not known"),
    ],
)
def test_a_header_that_does_not_fit_names_what_is_wrong_and_what_is_known(
    path: Path, header: str, told: str
) -> None:
    with pytest.raises(NothingToImport) as raised:
        read(path, f"{header}\n{ROW}\n")
    assert told in str(raised.value)
    assert f"{path}:1: " in str(raised.value)
    assert f"Known: {', '.join(csv_rows.COLUMNS)}." in str(raised.value)


@pytest.mark.parametrize(
    ("rows", "line", "told"),
    [
        (f'{ROW}\n"emma,2022\n{ROW}\n'.encode(), 3, "quote"),
        (f'{ROW}\nemma,"2022"-11,,,,\n'.encode(), 3, "quote"),
        (f"{ROW}\n".encode() + "emma,2022,schön".encode("latin-1") + b"\n", 3, "byte 14 of"),
        (f"{ROW}\n{'x' * 140_000}".encode(), 3, "longer than 131,072 char"),
        (f"{ROW}\n{'x,' * 600_000}".encode(), 3, "larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_csv_is_told_with_the_line(
    path: Path, rows: bytes, line: int, told: str
) -> None:
    with pytest.raises(Unreadable) as raised:
        read(path, f"{HEADER}\n".encode() + rows)
    assert str(raised.value).startswith(f"{path}:{line}: ")
    assert told in str(raised.value)


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
def test_a_fault_is_told_by_its_column(pointer: str, column: str) -> None:
    assert column == csv_rows.column(pointer)


def test_the_columns_are_those_that_the_readme_tells() -> None:
    section = (TOP / "README.md").read_text().split("## Importing")[1].split("\n## ")[0]
    told = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    assert sorted(csv_rows.COLUMNS) == sorted(
        name.strip(" `") for cell in told for name in cell.split(",")
    )
