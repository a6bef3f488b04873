"""The earlier versions of a statement, each with the event by which the record replaced it.

Used by the page of a statement. The read API answers a statement at a size; the audit API has the
event by which a version came on record, and so the size just before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from fastapi import Request

from onrecord.audit.routes import AuditResources, get_event
from onrecord.domain.events import StatementCorrected
from onrecord.pages.differing_words import Part, differing_words
from onrecord.query.params import AtSize
from onrecord.query.read_context import ReadResources
from onrecord.query.registry_routes import read_statement

MAX_VERSIONS: Final = 10


@dataclass(frozen=True)
class Amended:
    """A correction: its event, what the record said before it, and how the words differ."""

    type: str
    by: str | None
    reason: str | None
    recorded_at: str
    recorded_by: str
    size: int
    """The last size of the record that has the version before."""
    before: Mapping[str, Any]
    words: Sequence[Part]
    """Of both texts; empty where these are the same, or one was erased."""
    fields: Sequence[str]
    """Other fields that the correction changed."""


_NOT_COMPARED: Final = frozenset(
    (
        *("content", "known", "recorded_at", "recorded_by", "event", "status", "closed", "erased"),
        *("said_earliest", "said_latest", "speaker_labels", "topic_labels"),
    )
)


async def read_corrections_of(
    request: Request, resources: ReadResources, statement: Mapping[str, Any]
) -> tuple[Sequence[Amended], bool]:
    """The corrections of a statement, last first, and whether there are earlier ones."""
    if statement["status"] == "on_record":
        return [], False
    audit: AuditResources | None = getattr(request.state, "audit_resources", None)
    corrections: list[Amended] = []
    after = statement
    while audit is not None and len(corrections) < MAX_VERSIONS:
        event = await _event(audit, after["event"])
        entry = event["entry"]
        if entry["type"] != StatementCorrected.type:
            return corrections, False
        at = AtSize(known_size=entry["seq"])
        before = await read_statement(request, resources, statement["id"], at)
        reason = event["payload"].get("reason", {}).get("value", {}).get("reason")
        texts = before["content"].get("text"), after["content"].get("text")
        corrections.append(
            Amended(
                entry["type"],
                entry["data"]["by"],
                reason,
                entry["recorded_at"],
                entry["recorded_by"],
                entry["seq"],
                before,
                differing_words(*texts) if None not in texts and texts[0] != texts[1] else [],
                _changed_fields(before, after),
            )
        )
        after = before
    return corrections, audit is not None


async def _event(audit: AuditResources, id_: UUID) -> Mapping[str, Any]:
    response = await get_event(audit, id_)
    event: Mapping[str, Any] = orjson.loads(response.body)
    return event


def _changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Sequence[str]:
    names = {*before, *after} - _NOT_COMPARED
    return sorted(name for name in names if before.get(name) != after.get(name))
