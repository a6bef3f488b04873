"""Pages of `ops/runbooks`, whose commands tests run as they stand there."""

import os
import pwd
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from onrecord.kit.postgres.binaries import is_other_user

FOLDER: Final = Path(__file__).parents[2] / "ops" / "runbooks"


def commands_of(page: str) -> list[str]:
    """The blocks of shell commands of a page, in order."""
    text = (FOLDER / page).read_text()
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run_commands(
    commands: str,
    folder: Path,
    settings: Mapping[str, str],
    *,
    account: pwd.struct_passwd | None = None,
    programs: Path = Path(sys.executable).parent,
) -> str:
    """Run a block in bash, as an OS user if one is given; its output. Any failure fails the test.

    `programs`: the folder of programs that are found before those of the system.
    """
    as_other = account is not None and is_other_user(account)
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env={**inherited, "PATH": f"{programs}:{os.environ['PATH']}", **settings},
        user=account.pw_uid if account and as_other else None,
        group=account.pw_gid if account and as_other else None,
        extra_groups=[] if as_other else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
