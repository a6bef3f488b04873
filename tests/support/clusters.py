"""Where may a test keep a cluster of its own, who holds it, and when is a process gone?

`reachable_folder` is a place that the server's own user can reach, `holder` another process that
holds the database there.
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

IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root runs the server as another user")

HOLDER = """
import sys
from pathlib import Path
from onrecord.kit.local_postgres import running
with running(Path(sys.argv[1]), say=print) as server:
    print("held", server.process.pid, server.url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """Not `tmp_path`: pytest closes that to others, so root's clusters would go elsewhere."""
    root = Path(tempfile.mkdtemp(prefix="onrecord-test-", dir="/tmp"))
    if IS_ROOT:
        root.chmod(0o755)
    yield root
    for link in root.rglob("postgres"):
        if link.is_symlink():
            shutil.rmtree(link.resolve())
    shutil.rmtree(root)


def hush(_: str) -> None: ...


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def is_gone(pid: int) -> bool:
    """Ended, even if nobody has reaped it."""
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
    """A process that holds the database, with what it said; the last line is `held PID URL`."""
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
    said: list[str] = []
    for line in process.stdout:
        said.append(line.strip())
        if line.startswith("held "):
            return said
    raise AssertionError(f"the holder ended: {said}")
