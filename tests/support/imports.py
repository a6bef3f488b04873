"""How does a test import files, or check them, and read what is printed?"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from uuid import UUID, uuid5

from httpx2 import Client
from rich.console import Console

from onrecord.importing import dry_run, run
from onrecord.importing.dry_run import Outlook
from onrecord.importing.run import Tally
from tests.support.bodies import Json, line, ndjson, statement

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


def quiet() -> Console:
    return Console(file=io.StringIO(), width=80)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def imported(client: Client, path: Path, data: Path | None = None) -> tuple[Tally, str]:
    console, address = quiet(), str(client.base_url)
    tally = run.import_files(run.files(path), address=address, console=console, data=data)
    return tally, printed(console)


def checked(address: str, path: Path) -> tuple[Outlook, str]:
    console = quiet()
    outlook = dry_run.check_files(run.files(path), address=address, console=console)
    return outlook, printed(console)


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """The address of something that is no onrecord, and answers this to whatever it is asked."""

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


def sums(tally: Tally) -> tuple[int, int, int]:
    return tally.new, tally.repeated, tally.refused


def said(path: Path, start: int, count: int) -> list[dict[str, Json]]:
    """Lines of statements whose ids follow from the file and the number."""
    names = (str(uuid5(BASE, f"{path} {n}")) for n in range(start, start + count))
    return [line("statement", one, statement()) for one in names]


def write(path: Path, *lines: dict[str, Json] | str) -> Path:
    path.write_bytes(ndjson(lines))
    return path
