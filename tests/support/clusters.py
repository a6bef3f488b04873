"""Embedded clusters for tests: folders, servers run by another process, and waiting for exits.

`reachable_folder` is a folder that the server's OS user can reach. `holder` is another process that
runs the server of a data folder.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.folders import scratch_folder

IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root runs the server as another user")

HOLDER = """
import sys
from pathlib import Path
from onrecord.kit.postgres.embedded import running_server
with running_server(Path(sys.argv[1]), echo=print) as server:
    print("running", server.process.pid, server.superuser_url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """A temporary folder. Not `tmp_path`, which is 0700, so root's clusters would go elsewhere."""
    root = Path(tempfile.mkdtemp(prefix="onrecord-test-", dir=scratch_folder()))
    if IS_ROOT:
        root.chmod(0o755)
    yield root
    for link in root.rglob("postgres"):
        if link.is_symlink():
            shutil.rmtree(link.resolve())
    shutil.rmtree(root)


def silent(_: str) -> None: ...


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Poll a condition; whether it became true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def is_gone(pid: int) -> bool:
    """Whether the process has exited, reaped or not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
    except ProcessLookupError:
        return True
    except OSError:  # no /proc here, or another user's process
        return False
    return state.startswith("Z")


def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


@contextmanager
def holder(
    data: Path, *, python: str = sys.executable, user: str | None = None, first: str = ""
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A process that runs the server, with its output; the last line is `running PID URL`."""
    paths = [first, *(path for path in sys.path if path and not is_stdlib(path))]
    with subprocess.Popen(
        [python, "-B", "-c", HOLDER, str(data)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        user=user,
        extra_groups=[] if user else None,
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process, until_held(process)
        finally:
            assert process.stdin
            process.stdin.close()


def is_stdlib(path: str) -> bool:
    return path.endswith("lib-dynload") or (Path(path) / "encodings").exists()


def until_held(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    output: list[str] = []
    for line in process.stdout:
        output.append(line.strip())
        if line.startswith("running "):
            return output
    raise AssertionError(f"the holder ended: {output}")
