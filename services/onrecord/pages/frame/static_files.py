"""Static files of pages: style sheet and scripts, at addresses that have their digest.

So they may be kept for ever (`immutable`), and a new version has a new address.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse

from onrecord.kit.http.problems import Problem

_FOLDER: Final = Path(__file__).parents[1] / "static"
_PREFIX: Final = "/static"
router = APIRouter(include_in_schema=False)


@cache
def asset(name: str) -> str:
    """The address of a static file."""
    digest = hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"{_PREFIX}/{digest}/{name}"


@router.get(_PREFIX + "/{digest}/{name}")
async def get_static_file(digest: str, name: str) -> FileResponse:
    """A static file of this digest."""
    path = _FOLDER / name
    if not path.is_file() or path.parent != _FOLDER or asset(name) != f"{_PREFIX}/{digest}/{name}":
        raise Problem(404, "not-found", "There is no such file.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(path, headers=headers)
