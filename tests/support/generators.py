"""Generators of clients, run on the OpenAPI document: from npm, and `openapi-python-client`.

The latter cannot be installed beside this project's packages, so it has an environment of its own
in `.venv`, with a lock file of its own. It is made when it is missing; CI makes it beforehand:
`python -m tests.support.generators`.
"""

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

import pytest

from tests.support.npm_verifier import FOLDER as NPM

PYTHON_GENERATOR: Final = Path(__file__).parent / "openapi_python_client"
_LOCK: Final = PYTHON_GENERATOR / "requirements.txt"
_ENVIRONMENT: Final = (
    Path(__file__).parents[2]
    / ".venv"
    / f"openapi-python-client-{hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:8]}"
)


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command; its output, which is in the error if it fails."""
    completed = subprocess.run(
        [*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=500, check=False
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


def python_of_generator() -> Path:
    """Python of the environment, which is made if it is not complete. Skips the test if it cannot
    be.
    """
    python, complete = _ENVIRONMENT / "bin" / "python", _ENVIRONMENT / "complete"
    if not complete.exists():
        venv.create(_ENVIRONMENT, clear=True, with_pip=True)
        options = ("--quiet", "--disable-pip-version-check", "--require-hashes")
        try:
            run(python, "-m", "pip", "install", *options, "-r", _LOCK)
        except AssertionError as error:
            pytest.skip(f"openapi-python-client cannot be installed: {str(error)[-500:]}")
        complete.touch()
    return python


def node() -> str:
    """Node, with the packages of `tests/support/npm`; skips the test without them."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("Node is not on this machine")
    if not (NPM / "node_modules" / "openapi-typescript").exists():
        pytest.skip("the packages are not installed: npm ci --ignore-scripts in tests/support/npm")
    return program


if __name__ == "__main__":
    try:
        print(python_of_generator())
    except pytest.skip.Exception as reason:
        sys.exit(str(reason))
