"""The parent folder of all data that tests write, PostgreSQL clusters above all.

Used by `postgres`, `clusters` and `commands`. It lies in memory where that has room: a database
copied there takes 30 ms, and up to 1 s on a slow disk.
"""

import os
import tempfile
from pathlib import Path
from typing import Final

SHARED_MEMORY: Final = Path("/dev/shm")
ROOM: Final = 4 * 2**30
"""Bytes that must be free: three test processes with a cluster or two each, of up to 0.5 GiB."""


def scratch_folder() -> Path:
    """`/dev/shm`, unless it is small (64 MiB in a plain container) or may not hold programs."""
    try:
        system = os.statvfs(SHARED_MEMORY)
    except OSError:
        return Path(tempfile.gettempdir())
    roomy = system.f_bavail * system.f_frsize >= ROOM
    usable = os.access(SHARED_MEMORY, os.W_OK) and not system.f_flag & os.ST_NOEXEC
    return SHARED_MEMORY if roomy and usable else Path(tempfile.gettempdir())
