"""Formats of lists, and the choice among them by suffix or `Accept` (RFC 9110, section 12.5.1).

Used by `kit.lists`. A suffix of the address (`/v1/statements.csv`) counts more than `Accept`.
"""

import re
from collections.abc import Collection
from typing import Final, NamedTuple

from fastapi import Request

from onrecord.kit.http.problems import Problem

HTML: Final = "text/html"
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
SSE: Final = "text/event-stream"
STREAMS: Final = (NDJSON, SSE)
"""Answers that are sent item by item."""

SUFFIXES: Final = {".json": JSON, ".ndjson": NDJSON, ".csv": CSV}
_OTHER_NAMES: Final = {"application/ndjson": NDJSON, "application/jsonl": NDJSON}
_RANGE: Final = re.compile(r"([\w!#$&^.+*-]+)/([\w!#$&^.+*-]+)((?:\s*;[^,]*)?)$", re.ASCII)
_QUALITY: Final = re.compile(r";\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)", re.I)


class _Match(NamedTuple):
    """How much a client wants a media type, and where in `Accept` it says so."""

    quality: float
    place: int


def suffix_of(path: str) -> str:
    """The suffix of a path that names a format; empty if there is none."""
    return next((suffix for suffix in SUFFIXES if path.endswith(suffix)), "")


def negotiate(request: Request, offered: Collection[str]) -> str:
    """The media type of the answer, one of those offered, the first of which is the default.

    Raises a 406 `Problem` if the client accepts none of them.
    """
    if suffix := suffix_of(request.url.path):
        return SUFFIXES[suffix]
    accept = ",".join(request.headers.getlist("accept")).strip()
    if not accept:
        return next(iter(offered))
    matches = {media_type: _match(media_type, accept) for media_type in offered}
    accepted = {name: match for name, match in matches.items() if match and match.quality > 0}
    if not accepted:
        raise Problem(
            406,
            "not-acceptable",
            f"This list comes as {', '.join(offered)}; name one of these in Accept, or end the path"
            f" in {', '.join(SUFFIXES)}.",
            about={"available": list(offered)},
        )
    return max(accepted, key=lambda name: (accepted[name].quality, -accepted[name].place))


def _match(media_type: str, accept: str) -> _Match | None:
    """The most specific range that fits."""
    best: tuple[int, _Match] | None = None
    wanted = media_type.split("/")
    for place, text in enumerate(accept.split(",")):
        found = _RANGE.match(text.strip())
        if not found:
            continue
        name = f"{found[1]}/{found[2]}".lower()
        kind, subtype = _OTHER_NAMES.get(name, name).split("/")
        if (kind, subtype) != ("*", "*") and (kind != wanted[0] or subtype not in (wanted[1], "*")):
            continue
        specificity = (kind != "*") + (subtype != "*")
        if best is None or specificity > best[0]:
            quality = _QUALITY.search(found[3])
            best = specificity, _Match(float(quality[1]) if quality else 1.0, place)
    return best[1] if best else None
