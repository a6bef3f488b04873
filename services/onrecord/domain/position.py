"""The model of a position: which stance an actor held on a topic, from when on.

Used by `events`, which wraps it in `position.changed` and `position.corrected`.
"""

from typing import Annotated

from pydantic import Field, model_validator

from onrecord.domain.dates import DateText
from onrecord.domain.fields import StatementIds, field_error, free_text, require_unique
from onrecord.domain.ids import Code, Slug
from onrecord.domain.payload import FrozenModel, Ref, Section
from onrecord.domain.stances import CONDITIONAL, Stance


class Position(FrozenModel):
    """From `effective` on, `actor` held `stance` on `topic`: an assertion with evidence."""

    actor: Annotated[Slug, Ref("actor")]
    topic: Annotated[Slug, Ref("topic")]
    stance: Stance
    condition: Annotated[str | None, free_text(2_000), Section("condition")] = None
    summary: Annotated[str | None, free_text(2_000), Section("summary")] = None
    effective: DateText
    order: Annotated[int, Field(strict=True, ge=-(2**31), lt=2**31)] = 0
    basis: StatementIds = ()
    coder: Code
    rationale: Annotated[str | None, free_text(10_000), Section("rationale")] = None

    @model_validator(mode="after")
    def _validate_condition(self) -> "Position":
        require_unique("basis", self.basis)
        if self.condition is not None and self.stance not in CONDITIONAL:
            message = f"a condition goes with a conditional stance, not with {self.stance}"
            raise field_error("/condition", message)
        return self
