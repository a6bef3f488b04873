"""Command line in tests: commands run as a user runs them, in a temporary folder."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil

from onrecord.client import Client
from tests.support.folders import scratch_folder
from tests.support.processes import free_port, until


@contextmanager
def empty_folder() -> Iterator[Path]:
    """An empty directory that the database's OS user can enter."""
    with tempfile.TemporaryDirectory(prefix="onrecord-user-", dir=scratch_folder()) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        link = folder / ".onrecord" / "postgres"
        if link.is_symlink():  # the cluster of root is kept elsewhere
            shutil.rmtree(link.resolve())


@dataclass
class User:
    """Runs commands in `folder`, with the API on `port`."""

    folder: Path
    port: int
    path: str | None = None
    """PYTHONPATH, if the program does not come from this checkout."""
    settings: dict[str, str] = field(default_factory=dict)
    """Environment variables that set something else than the default."""

    @property
    def environment(self) -> dict[str, str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ONRECORD_")}
        environment |= {"ONRECORD_PORT": str(self.port), **self.settings}
        if self.path:
            environment["PYTHONPATH"] = self.path
        return environment

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "onrecord.entrypoints.cli", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command to its end; its exit code and output."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=400)
        return process.returncode, output

    @contextmanager
    def up(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """`onrecord up`, ready; terminated at the end if it still runs."""
        process = self.start("up", *arguments)
        try:
            # a pause, as each new HTTP client takes CPU from the processes that start
            until(lambda: self.ready(process), "everything is ready", pause=0.05)
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=120)

    def ready(self, process: subprocess.Popen[str]) -> bool:
        assert process.poll() is None, process.communicate()[0]
        try:
            return self.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def get(self, path: str) -> httpx2.Response:
        """A raw answer, of paths for which our client has no call, as `/readyz`."""
        url = f"http://127.0.0.1:{self.port}{path}"
        # `verify=False` saves loading the certificates on each poll
        return httpx2.get(url, headers=self.headers, timeout=60, verify=False)

    def client(self) -> Client:
        """Our own client, which repeats nothing, with the key of `onrecord up`."""
        key = self.headers["Authorization"].removeprefix("Bearer ")
        return Client(f"http://127.0.0.1:{self.port}", key, timeout=60, retries=0)

    @property
    def headers(self) -> dict[str, str]:
        """Those of the key of `onrecord up`; none before its first start."""
        try:
            token = (self.folder / ".onrecord" / "key").read_text().strip()
        except FileNotFoundError:
            return {}
        return {"Authorization": f"Bearer {token}"}


@contextmanager
def user() -> Iterator[User]:
    """A user in an empty folder, with a free port."""
    with empty_folder() as folder:
        yield User(folder, free_port())


def tree(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """A process and all its descendants."""
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether all have exited, reaped or not."""
    return not any(runs(process) for process in processes)


def runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
