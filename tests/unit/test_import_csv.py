"""CSV rows of an import: the statements and positions that they mean, their ids, and the header."""

from pathlib import Path
from uuid import UUID

import pytest

from onrecord.importing import csv_rows
from onrecord.importing.files import NothingToImport
from onrecord.ingest.schemas import PositionIn, StatementIn
from tests.support.tables import HEADER, ROW, parsed, read

TOP = Path(__file__).parents[2]
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
CODED = {
    "stance": "conditional_support",
    "topic": "talks",
    "effective": "2022-11",
    "condition": "If it withdraws.",
    "summary": "Ready to talk after a withdrawal.",
    "actor": "ministry",
    "rationale": "She speaks for it.",
    "basis": "00000000-0000-4000-8000-000000000002; 00000000-0000-4000-8000-000000000003",
}
EVIDENCE = {"url", "archive_url", "reference", "sha256", "outlet", "title", "published_at"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


def quoted(cells: list[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)


def test_every_column_becomes_its_field_of_the_statement(path: Path) -> None:
    assert {*csv_rows.COLUMNS} == {*FULL, *CODED}
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


def split(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";")]


def test_row_with_a_stance_is_a_statement_with_its_position(path: Path) -> None:
    row = FULL | CODED
    (source_line,) = read(path, f"{quoted(list(row))}\n{quoted(list(row.values()))}\n")
    body = parsed(source_line)["body"]
    assert [CODED | {"basis": split(CODED["basis"])}] == body["positions"]
    assert FULL["coder"] == body["coder"]
    StatementIn.model_validate(body)


def test_position_takes_speaker_date_and_topic_of_its_statement(path: Path) -> None:
    (of_topics,) = read(path, f"{HEADER},topics,stance,summary\n{ROW},talks,support,Ready.\n")
    (of_topic,) = read(path, f"{HEADER},topic,stance,summary\n{ROW},talks,support,Ready.\n")
    expected = {"actor": "emma", "topic": "talks", "stance": "support", "summary": "Ready."}
    body = parsed(of_topics)["body"]
    assert [expected | {"effective": "2022-11-30"}] == body["positions"]
    assert ["talks"] == body["topics"]
    assert parsed(of_topics) == parsed(of_topic)
    StatementIn.model_validate(body)


def test_row_without_text_but_with_a_stance_is_a_position_alone(path: Path) -> None:
    row = CODED | {"coder": "test", "id": FULL["id"]}
    (alone,) = read(path, f"{quoted(list(row))}\n{quoted(list(row.values()))}\n")
    line = parsed(alone)
    assert ("position", FULL["id"]) == (line["op"], line["id"])
    assert CODED | {"coder": "test", "basis": split(CODED["basis"])} == line["body"]
    PositionIn.model_validate(line["body"])
    header = f"{HEADER},topic,stance,effective,summary"
    both = f"{ROW},talks,,,\nemma,,,,test,,talks,support,2022,Ready.\n"
    statement, position = map(parsed, read(path, f"{header}\n{both}"))
    assert ("statement", "position") == (statement["op"], position["op"])
    assert "emma" == position["body"]["actor"]
    PositionIn.model_validate(position["body"])


@pytest.mark.parametrize(
    ("row", "error"),
    [
        (
            "emma,2022,,en,test,http://a.b,,support,Ready.",
            "'said_at', 'lang', 'url'. Give the text",
        ),
        ("emma,2022,Yes.,en,test,http://a.b,,,Ready.", "no stance, which 'summary' would belong"),
    ],
)
def test_row_that_is_half_a_position_is_refused(path: Path, row: str, error: str) -> None:
    (line,) = read(path, f"{HEADER},topic,stance,summary\n{row}\n")
    assert error in line.error


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
        (f"{HEADER},stance,Role", "'summary' missing; one of topic, topics missing"),
        ("stance,topic,summary,coder", "'effective' missing; one of actor, speaker missing"),
        (f"{HEADER},position,note,Words", "'position', 'words' not known"),
        (f"{HEADER},note, Note", "'note' given twice"),
        (HEADER.replace(",", "^"), "not known"),
        (f'"{HEADER}', "a quote is still open at the end of the file"),
    ],
)
def test_wrong_header_is_refused_with_its_faults_and_the_columns_that_exist(
    path: Path, header: str, error: str
) -> None:
    with pytest.raises(NothingToImport) as raised:
        read(path, f"{header}\n{ROW}\n")
    assert error in str(raised.value)
    assert f"{path}:{1 if header else 2}: " in str(raised.value)
    assert f"Known: {', '.join(csv_rows.COLUMNS)}." in str(raised.value)


@pytest.mark.parametrize(
    ("pointer", "column"),
    [
        ("/body/speakers/0/actor", "speaker"),
        ("/body/topics/1", "topics"),
        ("/body/content/lang", "lang"),
        ("/id", "id"),
        ("/body/coder", "coder"),
        ("/body/positions/0/stance", "stance"),
        ("/body/positions/0/basis/1", "basis"),
        ("/body/effective", "effective"),
        ("/body/positions", "/body/positions"),
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
