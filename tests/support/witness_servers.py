"""Witnesses in tests: `aics-witness`, by another author, as a process; and one that we script."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2

from onrecord.kit.tlog.checkpoints import parse_checkpoint
from onrecord.kit.tlog.keys import VerifierKey, parse_verifier_key
from onrecord.kit.tlog.notes import parse_note
from tests.support.generators import run
from tests.support.processes import free_port, until
from tests.support.python312 import python312
from tests.support.witness_keys import WitnessKey


@dataclass(frozen=True)
class AicsWitness:
    """A running `aics-witness`."""

    url: str
    key: VerifierKey


@contextmanager
def aics_witness(folder: Path, log: VerifierKey) -> Iterator[AicsWitness]:
    """A witness of this log, with its state in a folder. Skips the test without Python 3.12."""
    python = python312()
    config, port = folder / "witness.json", free_port()
    command = (python, "-m", "aics_witness")
    if not config.exists():
        listen = ("--listen", f"127.0.0.1:{port}")
        run(*command, "init", "--config", config, "--name", "witness.example/aics", *listen)
        add = ("--origin", log.name, "--vkey", str(log))
        run(*command, "add-log", "--config", config, *add)
    vkey = run(*command, "init", "--config", config).strip().splitlines()[-1]
    address = f"http://127.0.0.1:{port}"
    with (folder / "witness.log").open("ab") as output:
        process = subprocess.Popen(
            [*command, "serve", "--config", str(config), "--listen", f"127.0.0.1:{port}"],
            stdout=output,
            stderr=output,
        )
    try:
        until(lambda: _answers(address), "aics-witness answers", pause=0.05)
        yield AicsWitness(address, parse_verifier_key(vkey))
    finally:
        process.terminate()
        process.wait(60)


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/healthz", timeout=5, verify=False).status_code == 200
    except httpx2.TransportError:
        return False


Answer = tuple[int, bytes]
"""A status and a body."""


@dataclass
class ScriptedWitness:
    """A witness that answers what a function of the request's body says."""

    answer: Callable[[str], Answer]
    requests: list[str] = field(default_factory=list)
    url: str = ""


def honest(*keys: WitnessKey) -> Callable[[str], Answer]:
    """The answers of one that cosigns whatever it is sent, without checking proofs."""

    def answer(body: str) -> Answer:
        note = parse_note(body.partition("\n\n")[2])
        parse_checkpoint(note)
        return 200, "".join(str(key.cosign(note)) for key in keys).encode()

    return answer


@contextmanager
def scripted_witness(answer: Callable[[str], Answer]) -> Iterator[ScriptedWitness]:
    """Run a witness in this process."""
    witness = ScriptedWitness(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            witness.requests.append(body)
            status, data = witness.answer(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    witness.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield witness
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()
