"""How does a test use the command line as a person would: in a folder of its own, in a terminal?"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil

from tests.support.processes import free_port, until


@contextmanager
def empty_folder() -> Iterator[Path]:
    """An empty directory that the database's own user can pass through."""
    with tempfile.TemporaryDirectory(prefix="onrecord-user-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        elsewhere = folder / ".onrecord" / "postgres"
        if elsewhere.is_symlink():
            shutil.rmtree(elsewhere.resolve())


@dataclass
class User:
    """Somebody who sits in `folder` and types commands."""

    folder: Path
    port: int
    path: str | None = None
    """PYTHONPATH, where the program does not come from this checkout."""

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ONRECORD_")}
        kept["ONRECORD_PORT"] = str(self.port)
        if self.path:
            kept["PYTHONPATH"] = self.path
        return kept

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
        """Run a command to its end; answers its exit code and what it printed."""
        process = self.start(*arguments)
        printed, _ = process.communicate(timeout=120)
        return process.returncode, printed

    @contextmanager
    def up(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """`onrecord up`, ready; ended by SIGTERM if it still runs."""
        process = self.start("up", *arguments)
        try:
            until(lambda: self.ready(process), "everything is ready", seconds=60)
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=30)

    def ready(self, process: subprocess.Popen[str]) -> bool:
        assert process.poll() is None, process.communicate()[0]
        try:
            return self.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def get(self, path: str) -> httpx2.Response:
        # `verify`: to read the certificates each time would keep a core from what starts
        return httpx2.get(f"http://127.0.0.1:{self.port}{path}", timeout=10, verify=False)


@contextmanager
def user() -> Iterator[User]:
    """Somebody in an empty folder, with a port that nobody has."""
    with empty_folder() as folder:
        yield User(folder, free_port())


def tree(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """A process and everything that it started, as far down as it goes."""
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]


def all_gone(processes: list[psutil.Process]) -> bool:
    """Have they all ended, reaped or not? Reaps none: that is for whoever started it."""
    return not any(runs(one) for one in processes)


def runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
