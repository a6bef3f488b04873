"""Verifiers of transparency logs that need Python 3.12, in an environment of their own.

This project runs on Python 3.11 too. The environment stands in `.venv` and has a lock file of its
own. It is made when it is missing; CI makes it beforehand: `python -m tests.support.python312`.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.generators import run

_LOCK: Final = Path(__file__).with_name("python312.lock")
_ENVIRONMENT: Final = (
    Path(__file__).parents[2]
    / ".venv"
    / f"python312-{hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:8]}"
)


def python312() -> Path:
    """Python of the environment, which is made if it is not complete. Skips the test if it cannot
    be.
    """
    python, complete = _ENVIRONMENT / "bin" / "python", _ENVIRONMENT / "complete"
    if not complete.exists():
        newer = _find_python()
        if newer is None:
            pytest.skip("no Python 3.12 or later is on this machine")
        options = ("--quiet", "--disable-pip-version-check", "--require-hashes")
        try:
            run(newer, "-m", "venv", "--clear", _ENVIRONMENT)
            run(python, "-m", "pip", "install", *options, "-r", _LOCK)
        except AssertionError as error:
            pytest.skip(f"the packages for Python 3.12 cannot be installed: {str(error)[-500:]}")
        complete.touch()
    return python


def _find_python() -> str | None:
    """A Python from 3.12 on: this one, or one on the PATH, or one of pyenv."""
    if sys.version_info >= (3, 12):
        return sys.executable
    names = ("python3.12", "python3.13", "python3.14")
    programs = [program for name in names if (program := shutil.which(name))]
    # A shim of pyenv runs only the versions that are switched on.
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    programs += [str(path) for name in names for path in root.glob(f"versions/*/bin/{name}")]
    for program in programs:
        check = [program, "-c", "import sys, venv, ensurepip; assert sys.version_info >= (3, 12)"]
        if subprocess.run(check, capture_output=True, check=False).returncode == 0:
            return program
    return None


if __name__ == "__main__":
    try:
        print(python312())
    except pytest.skip.Exception as reason:
        sys.exit(str(reason))
