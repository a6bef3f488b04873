"""Imports and dry runs for tests: files of lines, what is printed, a server that is no onrecord."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from uuid import UUID, uuid5

from rich.console import Console

from onrecord.importing.dry_run import check_files
from onrecord.importing.files import find_files
from onrecord.importing.report import DryRunSummary, ImportSummary
from onrecord.importing.run import import_files
from tests.support.bodies import Json, line, ndjson, statement
from tests.support.keys import TOKEN

BASE = UUID("00000000-0000-4000-8000-00000000000a")

CSV = """speaker,said_at,text,lang,coder,url,topics,note
emma,2022-11-30,"We are
ready.",en,test,https://news.example/1,talks;tariffs,
nobody,2022-11-30,Not me.,en,test,https://news.example/1,talks,
emma,2022-02-30,Never.,english language,test,https://news.example/1,,
emma,2022
emma,2022-12,Again.,en,test,,talks,No source
ministry,2022-12,Denied.,en,test,https://news.example/2,,"A ""short"" note"
"""
"""Six rows, of which four are refused."""


def memory_console() -> Console:
    return Console(file=io.StringIO(), width=80)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def run_import(address: str, path: Path, data: Path | None = None) -> tuple[ImportSummary, str]:
    """Import a file or folder; the summary, and what was printed."""
    console = memory_console()
    summary = import_files(find_files(path), key=TOKEN, address=address, console=console, data=data)
    return summary, printed(console)


def run_dry_run(address: str, path: Path) -> tuple[DryRunSummary, str]:
    console = memory_console()
    summary = check_files(find_files(path), key=TOKEN, address=address, console=console)
    return summary, printed(console)


@contextmanager
def fixed_response_server(body: bytes) -> Iterator[str]:
    """The address of a server that is no onrecord and answers 200 with this body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name is the library's

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def counts(summary: ImportSummary) -> tuple[int, int, int]:
    return summary.new, summary.repeated, summary.refused


def statement_lines(path: Path, start: int, count: int) -> list[dict[str, Json]]:
    """Lines of statements with ids derived from the path and the number of the line."""
    ids = (str(uuid5(BASE, f"{path} {n}")) for n in range(start, start + count))
    return [line("statement", id_, statement()) for id_ in ids]


def write_lines(path: Path, *lines: dict[str, Json] | str) -> Path:
    path.write_bytes(ndjson(lines))
    return path
