"""Findings of the review: evidence on record that contradicts it, by kind.

Run by the read API. Each kind is a query over what statements and positions say: it looks at a
number of candidates, found by an index, and returns those that are findings in the snapshot; of
contradictions, those that may be findings: `domain.contradictions` decides. No finding is stored,
so a further event is all that resolves it. Each row has the dismissals that may be of its finding;
the filter `dismissed` leaves out most candidates without one.
"""

from typing import Final

from onrecord.domain.finding_kinds import FindingKind
from onrecord.kit.sql.sql_files import FilteredQuery
from onrecord.projections.engine.versions import NEVER

REVIEW_QUERIES: Final[dict[FindingKind, FilteredQuery]] = {
    "contradiction": FilteredQuery("projections/queries/contradictions.sql"),
    "unsupported": FilteredQuery("projections/queries/unsupported_positions.sql"),
    "same_words": FilteredQuery("projections/queries/repeated_words.sql"),
}

MAX_CANDIDATES: Final[dict[FindingKind, int]] = {
    "contradiction": 2_000,
    "unsupported": 2_000,
    "same_words": 10_000,
}
"""Candidates that one query looks at, so that it ends soon however rare findings are."""

FIRST_AFTER: Final[dict[FindingKind, str]] = {
    "contradiction": str(NEVER),
    "unsupported": str(NEVER),
    "same_words": "",
}
"""The parameter `after` of the first page of a kind."""

AFTER_PATTERNS: Final[dict[FindingKind, str]] = {
    "contradiction": "[0-9]{0,18}",
    "unsupported": "[0-9]{0,18}",
    "same_words": "([0-9a-f]{32})?",
}
"""What `after` in a cursor can be, as a regular expression; empty means the first page."""
