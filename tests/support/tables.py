"""CSV files for tests of imports: a header with a row, and the batch lines of a file."""

import json
from pathlib import Path
from typing import Any

from onrecord.importing.files import InputFile
from onrecord.importing.lines import SourceLine, read_lines

HEADER = "speaker,said_at,text,lang,coder,url"
ROW = "emma,2022-11-30,We are ready.,en,test,https://news.example/1"


def read(path: Path, text: str | bytes, encoding: str = "utf-8") -> list[SourceLine]:
    """The batch lines of a CSV with this content, read in an encoding."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with InputFile(path, encoding) as file:
        return list(read_lines(file))


def parsed(line: SourceLine) -> dict[str, Any]:
    assert not line.error
    content: dict[str, Any] = json.loads(line.content)
    return content
