"""Are the files that an import means found, and read line by line in the same memory?"""

import gzip
from pathlib import Path

import pytest

from onrecord.importing.files import NothingToImport, Opened, Unreadable, files
from onrecord.importing.lines import lines
from onrecord.kit.http.strict_bodies import MAX_BODY


def placed(path: Path, *, after: int = 0) -> list[tuple[int, bytes]]:
    with Opened(path) as opened:
        return [(one.number, one.line) for one in lines(opened, after=after)]


def test_a_folder_means_its_files_in_name_order(tmp_path: Path) -> None:
    names = ["02.jsonl.gz", "01.csv", "03.CSV.GZ", "00.ndjson", "04.ndjson.gz", "05.jsonl"]
    for name in [*names, "README.md", "expected.json", "notes.gz", "06.ndjson.old"]:
        (tmp_path / name).touch()
    (tmp_path / "07.ndjson").mkdir()
    assert sorted(names) == [one.name for one in files(tmp_path)]
    assert [tmp_path / "01.csv"] == files(tmp_path / "01.csv")


@pytest.mark.parametrize("name", ["empty", "absent.ndjson", "empty/README.md"])
def test_what_cannot_be_imported_is_named_with_what_can(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/README.md").touch()
    with pytest.raises(NothingToImport, match=rf"{name}.*\.ndjson.*\.csv.*\.gz"):
        files(tmp_path / name)


@pytest.mark.parametrize("packed", [False, True])
def test_lines_keep_their_numbers_past_comments_and_blanks(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("a.ndjson.gz" if packed else "a.ndjson")
    content = b"\xef\xbb\xbf{1}\r\n# a comment\n\n \t\n{5}\n{6}"
    path.write_bytes(gzip.compress(content) if packed else content)
    assert [(1, b"{1}"), (5, b"{5}"), (6, b"{6}")] == placed(path)
    assert [(6, b"{6}")] == placed(path, after=5)


def test_a_line_is_cut_where_the_door_refuses_it_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path, fits = tmp_path / "a.ndjson", b"x" * MAX_BODY
    path.write_bytes(b"%b\r\n%b\n%b\n{4}\n" % (fits, fits + b"x", fits * 4))
    found = placed(path)
    assert [1, 2, 3, 4] == [number for number, _ in found]
    assert (fits, b"{4}") == (found[0][1], found[3][1])
    assert all(MAX_BODY < len(line) <= MAX_BODY + 2 for _, line in found[1:3])


def read_until_it_breaks(path: Path) -> tuple[list[int], str]:
    seen: list[int] = []
    with pytest.raises(Unreadable) as raised, Opened(path) as opened:
        seen.extend(one.number for one in lines(opened))
    return seen, str(raised.value)


def test_a_gzip_file_that_is_cut_gives_its_lines_and_then_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(b"{}\n" * 9)[:-8])
    assert (list(range(1, 10)), f"{path}:10: the gzip file is cut off here") == (
        read_until_it_breaks(path)
    )


@pytest.mark.parametrize("damage", [b"plain", b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 30])
def test_a_broken_gzip_file_is_named(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(damage)
    seen, told = read_until_it_breaks(path)
    assert seen == []
    assert f"{path}:1: the gzip file is broken" in told


def test_utf_16_is_told_before_its_lines_are_taken_for_others(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"op": "actor"}\n', encoding="utf-16")
    assert ([], f"{path}:1: is UTF-16; save it as UTF-8") == read_until_it_breaks(path)
