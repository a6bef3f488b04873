"""CSV files of an import: delimiters, encodings, names of columns, and rows that are no CSV."""

from pathlib import Path

import pytest

from onrecord.importing.csv_records import DELIMITERS
from onrecord.importing.files import NothingToImport
from onrecord.importing.lines import describe_tables
from tests.support.tables import HEADER, ROW, parsed, read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


LONG = "x" * 200_000
"""A cell that Python's csv module refuses by default."""


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ('"emma,2022', "no CSV: a quote is still open at the end of the file. A quoted cell ends"),
        (f'emma,"2022,{LONG}', "no CSV: a quote is still open at the end of the file"),
        ('emma,"2022"-11,,,,', "no CSV: ',' expected after '\"', in line 3. A quoted cell ends"),
        (f"{LONG * 6},,,,,", "larger than 1 MiB"),
        ('"' + "x\n" * 600_000 + '",,,,,', "larger than 1 MiB"),
        ("x" * 5_000_000, "larger than 1 MiB"),
        ("emma,2022,sch\udcf6n,,,", "Line 3 is not utf-8: byte 0xF6 follows 'emma,2022,sch'. Save"),
    ],
)
def test_row_that_cannot_be_read_is_refused_and_the_rest_is_not(
    path: Path, row: str, error: str
) -> None:
    content = "\n".join([HEADER, ROW, row, ROW, ROW]).encode(errors="surrogateescape")
    before, refused, *after = read(path, content)
    assert (3, b"") == (refused.number, refused.content)
    assert error in refused.error
    last = 3 + row.count("\n")
    assert [(last + 1, ""), (last + 2, "")] == [(line.number, line.error) for line in after]
    assert [before.content] * 2 == [line.content for line in after]


def test_quote_left_open_costs_one_row_however_many_follow(path: Path) -> None:
    rows = [ROW.replace("We are", LONG[:50_000])] * 90
    refused, *others = read(path, "\n".join([HEADER, '"emma,2022', *rows]))
    assert "no CSV: no end within 4,194,304 characters" in refused.error
    assert [(n, "") for n in range(3, 93)] == [(line.number, line.error) for line in others]


def test_cell_of_any_length_below_the_limit_of_the_api_is_sent(path: Path) -> None:
    """The write API says what is wrong with it, by its column."""
    long, other = read(path, f"{HEADER}\n{ROW.replace('We are', LONG)}\n{ROW}\n")
    assert f"{LONG} ready." == parsed(long)["body"]["content"]["text"]
    assert not other.error


def test_quote_that_swallows_rows_is_refused_with_the_lines_that_it_takes(path: Path) -> None:
    rows = [ROW, f'"{ROW}', ROW, f'{ROW}"', ROW]
    assert [
        (2, ""),
        (3, "The row (lines 3 to 5) has 1 cells, the header 6."),
        (6, ""),
    ] == [(line.number, line.error) for line in read(path, "\n".join([HEADER, *rows]))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("sep", ["", "sep={}\n", '"SEP={}"\r\n'])
def test_delimiter_is_found_by_the_header_or_named_by_a_first_line(
    path: Path, delimiter: str, sep: str
) -> None:
    expected = parsed(read(path, f"{HEADER}\n{ROW}\n")[0])
    text = sep.format(delimiter) + f"{HEADER}\n{ROW}\n".replace(",", delimiter)
    (line,) = read(path, text)
    assert expected == parsed(line)
    assert (3 if sep else 2) == line.number
    name = DELIMITERS[delimiter]
    said = [] if delimiter == "," else [f"{path}: read as utf-8, a {name} between two cells"]
    assert said == describe_tables([path], "utf-8")


def test_blank_lines_before_the_header_are_skipped(path: Path) -> None:
    blank = " " * 1_000_000 + "\n"
    (line,) = read(path, f"\ufeffsep=;\n{blank * 5}{HEADER}\n{ROW}\n".replace(",", ";"))
    assert (8, "emma") == (line.number, parsed(line)["body"]["speakers"][0]["actor"])


def test_first_line_that_names_another_delimiter_is_refused(path: Path) -> None:
    with pytest.raises(NothingToImport, match=r"a\.csv:1: 'sep=\^' names no delimiter; .* tab"):
        read(path, f"sep=^\n{HEADER}\n{ROW}\n".replace(",", "^"))


def test_topics_stand_in_a_quoted_cell_where_semicolons_divide_the_columns(path: Path) -> None:
    (line,) = read(
        path, f"{HEADER},topics\n{ROW},'talks;tariffs'".replace(",", ";").replace("'", '"')
    )
    assert ["talks", "tariffs"] == parsed(line)["body"]["topics"]


def test_case_and_blanks_of_header_names_do_not_matter(path: Path) -> None:
    names = HEADER.title().replace(",", " ,\t")
    assert read(path, f"{HEADER}\n{ROW}") == read(path, f"{names}\n{ROW}")


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "cp1252"),
        ("utf-16", "utf-8"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-8"),
        ("cp1252", "cp1252"),
        ("latin-1", "latin-1"),
        ("mac-roman", "mac-roman"),
        ("shift_jis", "shift_jis"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_byte_order_mark_or_option_names_the_encoding(
    path: Path, written: str, given: str, end: str
) -> None:
    words = "Ära" if written != "shift_jis" else "日本"
    text = f"{HEADER}\n{ROW}\n{ROW}\n".replace("We are", words)
    expected = read(path, text)
    assert 2 == len(expected)
    assert expected == read(path, text.replace("\n", end).encode(written), given)


def test_byte_that_the_named_encoding_does_not_have_refuses_its_row(path: Path) -> None:
    rows = f"{ROW}\n".encode() + ROW.encode().replace(b"ready", b"\x81") + f"\n{ROW}\n".encode()
    first, refused, last = read(path, f"{HEADER}\n".encode() + rows, "cp1252")
    assert not first.error
    assert not last.error
    assert "Line 3 is not cp1252: byte 0x81 follows" in refused.error


def test_utf_16_without_a_byte_order_mark_is_refused_with_the_option_that_reads_it(
    path: Path,
) -> None:
    content = f"{HEADER}\n{ROW}\n".encode("utf-16-le")
    with pytest.raises(NothingToImport, match=r"a\.csv:1: .*UTF-16, give --encoding utf-16-le"):
        read(path, content)
    assert 1 == len(read(path, content, "utf-16-le"))
