"""What does a running onrecord say of batch lines, and of ids?

Called by `importing` (the write door) and `import_seen` (the proof door, which sees what the write
door judges by, however far the projections are).
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx2
import orjson

from onrecord.domain.events import EVENT_CLASSES
from onrecord.domain.ids import EntityKind
from onrecord.importing.lines import Placed, refused_here

Result = dict[str, Any]
"""What became of a line, as the door says it."""


class DoorClosed(Exception):
    """The write door cannot be reached, or does not take the lines."""


def send(client: httpx2.Client, some: Sequence[Placed]) -> list[Result]:
    """Have lines recorded; a result for each. With `DoorClosed`, they may be on record or not."""
    body = b"\n".join(one.line for one in some if not one.fault)
    try:
        answer = client.post(
            "/v1/batch", content=body, headers={"Content-Type": "application/x-ndjson"}
        )
    except httpx2.TransportError as error:
        raise DoorClosed(
            f"{client.base_url} does not answer ({error}); is `onrecord up` running?"
        ) from None
    if answer.status_code != 200:
        raise DoorClosed(f"{client.base_url} answered {answer.status_code}: {answer.text[:300]}")
    found = iter(_results(client, answer, sum(not one.fault for one in some)))
    results = [refused_here(one) if one.fault else next(found) for one in some]
    for result in results:
        if result["status"] == 503:  # says nothing of the line
            raise DoorClosed(f"{client.base_url} answered: {result['problem']['detail']}")
    return results


def _results(client: httpx2.Client, answer: httpx2.Response, count: int) -> list[Result]:
    try:
        found = [orjson.loads(line) for line in answer.content.splitlines()]
    except orjson.JSONDecodeError:
        raise _no_onrecord(client, answer) from None
    if len(found) != count or not all(isinstance(one, dict) and "status" in one for one in found):
        raise _no_onrecord(client, answer)
    return found


def _no_onrecord(client: httpx2.Client, answer: httpx2.Response) -> DoorClosed:
    return DoorClosed(
        f"{client.base_url} is no onrecord of this version: it answered {answer.text[:100]!r}; does"
        " --url name the right address?"
    )


def answers(client: httpx2.Client) -> bool:
    """Is there an onrecord whose proof door can be asked?"""
    try:
        answer = client.get("/v1/events", params={"limit": 1})
        found = answer.json()
        return answer.status_code == 200 and isinstance(found, dict) and "items" in found
    except (httpx2.TransportError, ValueError):
        return False


def kind_of(client: httpx2.Client, thing: UUID) -> EntityKind | None:
    """The kind of a thing on record; None if there is none. Raises `DoorClosed`."""
    try:
        answer = client.get(f"/v1/events/{thing}")
    except httpx2.TransportError as error:
        raise DoorClosed(f"{client.base_url} does not answer any more ({error})") from None
    if answer.status_code == 404:
        return None
    if answer.status_code != 200:
        raise DoorClosed(f"{client.base_url} answered {answer.status_code}: {answer.text[:300]}")
    try:
        entry = answer.json()["entry"]
        return EVENT_CLASSES[entry["type"], entry["version"]].makes
    except (ValueError, TypeError, KeyError):
        raise _no_onrecord(client, answer) from None
