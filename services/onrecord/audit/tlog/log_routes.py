"""The published log below `/log`: checkpoint, tiles, entry bundles and policy (C2SP tlog-tiles).

A tile is read from the ledger when it is requested: at most 256 rows, side by side. A full tile
never changes, and its `Cache-Control` says so.
"""

import re
from typing import Final

from fastapi import APIRouter, Response

from onrecord.audit.tlog.hashes import fetch_hashes
from onrecord.audit.tlog.resources import LogResources, LogResourcesDep
from onrecord.kit.http.problems import Problem, responses, unavailable
from onrecord.kit.sql.db import fetch_all
from onrecord.kit.sql.sql_files import load_query
from onrecord.kit.tlog.keys import parse_verifier_key
from onrecord.kit.tlog.merkle import HASH_BYTES
from onrecord.kit.tlog.notes import parse_note
from onrecord.kit.tlog.subtrees import HEIGHT, WIDTH, HashRange
from onrecord.kit.tlog.tiles import Tile, bundle, parse_tile

_BUNDLE: Final = load_query("audit/tlog/queries/bundle.sql")
_HEAD: Final = load_query("audit/tlog/queries/head.sql")
_IMMUTABLE: Final = {"Cache-Control": "max-age=31536000, immutable"}
_LOG_LINE: Final = re.compile(r"^[ \t]*log[ \t].*\n", re.MULTILINE)
"""A `log` line of the operator's policy. The lines of this log are served in its place."""
CHANGING: Final = {"Cache-Control": "no-cache"}
TEXT: Final = "text/plain; charset=utf-8"

router = APIRouter(prefix="/log", tags=["audit API"], responses=responses(404, 422, 503))


@router.get("/checkpoint", response_class=Response)
async def get_checkpoint(resources: LogResourcesDep) -> Response:
    """The newest checkpoint that the quorum of witnesses cosigned, as the log's policy names it.

    Where witnesses are over a minute behind, or none are named, the newest signed one.
    """
    checkpoint = await resources.latest.fetch()
    if checkpoint is None:
        raise unavailable("not-signed", "No checkpoint is signed yet; is the signer running?")
    return Response(checkpoint.note, media_type=TEXT, headers=CHANGING)


@router.get("/log.policy", response_class=Response)
async def get_log_policy(resources: LogResourcesDep) -> Response:
    """Which keys sign the log, and which witnesses must have cosigned it (C2SP tlog-policy)."""
    (head,) = await fetch_all(resources.pool, _HEAD, {})
    newest = await resources.latest.fetch()
    lines = parse_note(newest.note).signatures if newest else ()
    keys = [parse_verifier_key(vkey) for vkey in head["keys"] or ()]
    # not those of before a rotation
    signers = [key for key in keys if any(line.is_by(key) for line in lines)]
    logs = "".join(f"log {key} {resources.public_url}/log\n" for key in signers)
    witnesses = _LOG_LINE.sub("", resources.policy)
    return Response(f"{logs}{witnesses}", media_type=TEXT, headers=CHANGING)


@router.get("/tile/{path:path}", response_class=Response)
async def get_tile(resources: LogResourcesDep, path: str) -> Response:
    """A tile of hashes, as `0/x001/234`, or a bundle of entries, as `entries/000.p/7`."""
    tile = parse_tile(path)
    data = await _read(resources, tile) if tile else None
    if tile is None or data is None:
        raise Problem(404, "not-found", "The log has no such tile; its checkpoint tells its size.")
    headers = _IMMUTABLE if await _is_signed(resources, tile) else CHANGING
    return Response(data, media_type="application/octet-stream", headers=headers)


async def _is_signed(resources: LogResources, tile: Tile) -> bool:
    """Whether a tile is full and all of it is signed, so that it never changes."""
    if tile.width < WIDTH:
        return False
    checkpoint = await resources.latest.fetch()
    end = (tile.first + WIDTH) << (HEIGHT * (tile.level or 0))
    return checkpoint is not None and end <= checkpoint.size


async def _read(resources: LogResources, tile: Tile) -> bytes | None:
    """The bytes of a tile; None if the ledger has not all of it."""
    if tile.first + tile.width >= 1 << 62:
        return None
    if tile.level is None:
        params = {"first": tile.first, "length": tile.width}
        rows = await fetch_all(resources.pool, _BUNDLE, params)
        return bundle(row["entry"] for row in rows) if len(rows) == tile.width else None
    wanted = HashRange(tile.level, tile.first, tile.width)
    (hashes,) = await fetch_hashes(resources.pool, [wanted])
    return hashes if len(hashes) == tile.width * HASH_BYTES else None
