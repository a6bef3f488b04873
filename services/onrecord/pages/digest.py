"""A digest of the record: what was recorded since a date. Used by its page and its command."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from onrecord.domain.dates import bounds
from onrecord.query.answers.correction_schemas import Correction
from onrecord.query.answers.step_schemas import Step

MAX_ITEMS: Final = 500
"""Changes, and corrections, that a digest has at most: a page of each list."""
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True)
class Digest:
    """Changes of theirs and corrections of the record, last recorded first."""

    since: str
    changes: Sequence[Step]
    corrections: Sequence[Correction]
    is_cut: bool
    """There is more than a digest has."""


def a_week_ago(today: date) -> str:
    """The date with which a digest begins by default."""
    return (today - _WEEK).isoformat()


def digest_of(
    since: str, changes: Sequence[Step], corrections: Sequence[Correction], *, has_more: bool
) -> Digest:
    """The digest from a page of changes recorded since a date, and from the newest corrections.

    `has_more`: there are more changes than these.
    """
    start = bounds(since).earliest or datetime.min.replace(tzinfo=UTC)
    recent = [correction for correction in corrections if correction.recorded_at >= start]
    is_cut = has_more or len(recent) == MAX_ITEMS
    return Digest(since, changes, recent, is_cut)
