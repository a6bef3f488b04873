"""Schemas of what is POSTed to endpoints, and of the items of a feed. They only describe: `payload`
and `flat_fields` make the bodies.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from onrecord.domain.changes import ChangeKind
from onrecord.domain.finding_kinds import FindingCertainty, FindingKind
from onrecord.domain.scopes import KeyScope
from onrecord.domain.stances import Stance

ChangeCertainty = Literal["definite", "possible"]


class NamedActor(BaseModel):
    """An actor under the name that was known at the event."""

    id: str
    name: str


class NamedSpeaker(NamedActor):
    role: str | None


class LabelledTopic(BaseModel):
    """A topic under the label that was known at the event."""

    id: str
    label: str | None
    proposition: str | None


class StanceBefore(BaseModel):
    id: UUID
    stance: Stance
    condition: str | None
    effective: str


class ChangeOfPosition(BaseModel):
    """What a `position.changed` changed, as it was when recorded."""

    kind: ChangeKind
    size: int | None
    previous: StanceBefore | None
    late: bool
    certainty: ChangeCertainty | None = None
    announced: bool | None = None


class StatementFields(BaseModel):
    """A statement that a position rests on, in flat fields."""

    id: UUID
    speakers: list[NamedSpeaker]
    said_at: str
    text: Annotated[str | None, Field(description="Null: erased, or left out as too long.")]
    lang: str
    mode: str
    outlet: str | None
    url: str | None
    link: str
    said_earliest: str | None = None
    said_latest: str | None = None
    text_erased: Annotated[str | None, Field(description="The ground.")] = None
    text_left_out: Annotated[str | None, Field(description="Why.")] = None


class NamedKey(BaseModel):
    """An API key that was created or revoked."""

    id: UUID
    name: Annotated[str | None, Field(description="Only when it is created.")] = None
    scopes: list[KeyScope] | None = None
    expires_at: datetime | None = None


class DismissedFinding(BaseModel):
    """A finding of the review that is left as it is."""

    kind: FindingKind
    statements: list[UUID]
    position: UUID | None
    certainty: FindingCertainty


class CloudEventData(BaseModel):
    """The event as `GET /v1/events/{id}` gives it, without salts, and in flat fields: those of its
    kind of subject.
    """

    model_config = ConfigDict(extra="allow")

    entry: dict[str, Any] | None = None
    payload: dict[str, Any] | None = None
    erased: dict[str, str] | None = None
    link: Annotated[str | None, Field(description="To the subject, as known at the event.")] = None
    id: UUID | None = None
    actor: NamedActor | None = None
    actor_label: str | None = None
    into: Annotated[NamedActor | None, Field(description="Of a merge.")] = None
    key: NamedKey | None = None
    finding: DismissedFinding | None = None
    topic: LabelledTopic | None = None
    topic_label: str | None = None
    stance: Stance | None = None
    condition: str | None = None
    summary: str | None = None
    effective: str | None = None
    effective_earliest: str | None = None
    effective_latest: str | None = None
    statements: list[StatementFields] | None = None
    speakers: list[NamedSpeaker] | None = None
    topics: list[LabelledTopic] | None = None
    said_at: str | None = None
    said_earliest: str | None = None
    said_latest: str | None = None
    text: Annotated[str | None, Field(description="Null: erased.")] = None
    text_erased: Annotated[str | None, Field(description="The ground.")] = None
    lang: str | None = None
    mode: str | None = None
    outlet: str | None = None
    url: str | None = None
    reason: str | None = None
    by: str | None = None
    change: ChangeOfPosition | None = None
    kind: ChangeKind | None = None
    change_size: int | None = None
    late: bool | None = None
    certainty: ChangeCertainty | None = None
    announced: bool | None = None
    previous_id: UUID | None = None
    previous_stance: Stance | None = None
    previous_condition: str | None = None
    previous_effective: str | None = None


class CloudEvent(BaseModel):
    """CloudEvents 1.0, structured. What is POSTed to an endpoint."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: UUID = Field(description="The event's id, and the header `webhook-id`.")
    source: str = Field(description="The installation: the same in all of its events.")
    type: str
    subject: str = Field(description="The subject of the event, as a path below `/v1/`.")
    time: datetime = Field(description="When it was recorded.")
    sequence: str | None = Field(None, description="Its seq.")
    datacontenttype: Literal["application/json"]
    data: CloudEventData
