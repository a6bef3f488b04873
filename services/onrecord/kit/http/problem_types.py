"""Problem types: what each code of a problem means, and what to do about it.

Read from `problem_types.toml`. Used by `problems`, which takes the title from here, and by
`problem_pages`, which shows a page of each.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

TYPE_BASE: Final = "/problems/"
"""What the `type` of a problem begins with: a reference to its page, relative to the address that
answered (RFC 9457, section 3.1.1), and the same in every installation."""


@dataclass(frozen=True, kw_only=True)
class ProblemType:
    """A kind of problem, as its page explains it."""

    status: int
    title: str
    meaning: str
    remedy: str
    detail: str
    """Of the example."""
    members: Mapping[str, Any] = field(default_factory=dict)
    """Further members of the example."""


PROBLEM_TYPES: Final[Mapping[str, ProblemType]] = {
    code: ProblemType(**members)
    for code, members in tomllib.loads(
        Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    ).items()
}
"""By code, the last part of `type`."""
