"""Input files of an import: which are found, and how their lines are read."""

import gzip
from pathlib import Path

import pytest

from onrecord.importing.files import (
    InputFile,
    NothingToImport,
    UnreadableFile,
    find_files,
    is_text_encoding,
)
from onrecord.importing.lines import read_lines
from onrecord.kit.http.problems import Problem
from onrecord.kit.http.strict_bodies import MAX_BODY, parse_json


def numbered_lines(path: Path, *, after: int = 0) -> list[tuple[int, bytes]]:
    with InputFile(path) as file:
        return [(line.number, line.content) for line in read_lines(file, after=after)]


def test_folder_stands_for_its_importable_files_by_name(tmp_path: Path) -> None:
    names = ["02.jsonl.gz", "01.csv", "03.CSV.GZ", "00.ndjson", "04.ndjson.gz", "05.jsonl"]
    for name in [*names, "README.md", "expected.json", "notes.gz", "06.ndjson.old"]:
        (tmp_path / name).touch()
    (tmp_path / "07.ndjson").mkdir()
    assert sorted(names) == [path.name for path in find_files(tmp_path)]
    assert [tmp_path / "01.csv"] == find_files(tmp_path / "01.csv")


@pytest.mark.parametrize("name", ["empty", "absent.ndjson", "empty/README.md"])
def test_path_that_cannot_be_imported_is_refused_with_the_formats_that_can(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/README.md").touch()
    with pytest.raises(NothingToImport, match=rf"{name}.*\.ndjson.*\.csv.*\.gz"):
        find_files(tmp_path / name)


@pytest.mark.parametrize("compressed", [False, True])
def test_comments_and_blank_lines_count_in_line_numbers(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / ("a.ndjson.gz" if compressed else "a.ndjson")
    content = b"\xef\xbb\xbf{1}\r\n# a comment\n\n \t\n{5}\n{6}"
    path.write_bytes(gzip.compress(content) if compressed else content)
    assert [(1, b"{1}"), (5, b"{5}"), (6, b"{6}")] == numbered_lines(path)
    assert [(6, b"{6}")] == numbered_lines(path, after=5)


def test_overlong_line_is_truncated_past_the_limit_of_the_api(tmp_path: Path) -> None:
    path, fits = tmp_path / "a.ndjson", b"x" * MAX_BODY
    path.write_bytes(b"%b\r\n%b\n%b\n{4}\n" % (fits, fits + b"x", fits * 4))
    lines = numbered_lines(path)
    assert [1, 2, 3, 4] == [number for number, _ in lines]
    assert (fits, b"{4}") == (lines[0][1], lines[3][1])
    assert all(MAX_BODY < len(line) <= MAX_BODY + 2 for _, line in lines[1:3])


def read_until_it_breaks(path: Path) -> tuple[list[int], str]:
    """The line numbers that are read, and the text of the error."""
    numbers: list[int] = []
    with pytest.raises(UnreadableFile) as raised, InputFile(path) as file:
        numbers.extend(line.number for line in read_lines(file))
    return numbers, str(raised.value)


def test_truncated_gzip_file_yields_its_lines_and_then_an_error_with_the_place(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(b"{}\n" * 9)[:-8])
    assert (list(range(1, 10)), f"{path}:10: the gzip file is cut off here") == (
        read_until_it_breaks(path)
    )


@pytest.mark.parametrize("damage", [b"plain", b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 30])
def test_broken_gzip_file_is_an_error_at_its_first_line(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(damage)
    numbers, error = read_until_it_breaks(path)
    assert numbers == []
    assert f"{path}:1: the gzip file is broken" in error


def test_line_of_another_encoding_is_sent_for_the_api_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b'{"a": 1}\n{"a": "\xf6"}\n{"a": 2}\n')
    (first, refused, last) = [content for _, content in numbered_lines(path)]
    assert (b'{"a": 1}', b'{"a": 2}') == (first, last)
    with pytest.raises(Problem, match="not UTF-8"):
        parse_json(refused)


@pytest.mark.parametrize(("written", "given"), [("utf-16", "utf-8"), ("cp1252", "cp1252")])
def test_ndjson_is_recoded_to_utf_8(tmp_path: Path, written: str, given: str) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"a": "ö"}\r\n{}', encoding=written)
    with InputFile(path, given) as file:
        assert [b'{"a": "\xc3\xb6"}', b"{}"] == [line.content for line in read_lines(file)]


def test_file_that_ends_within_a_character_is_an_error_after_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes("{}\n{}\n".encode("utf-16")[:-1])
    numbers, error = read_until_it_breaks(path)
    assert [1] == numbers
    assert f"{path}:2: from here on, the file is not utf-16" in error


def test_encodings_of_text_are_told_from_other_codecs() -> None:
    names = ("cp1252", "UTF-16", "mac-roman", "hex", "rot13", "undefined", "windows")
    assert ["cp1252", "UTF-16", "mac-roman"] == list(filter(is_text_encoding, names))
