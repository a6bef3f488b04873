"""A page of a list, as the routes of lists return it. `list_route` makes the response."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

StreamFlag = Annotated[
    bool,
    Field(
        description="The whole list in one answer, read in short pages, all at one size. If it"
        " breaks off, the connection is cut: an answer that ends properly is whole."
    ),
]


@dataclass(frozen=True, kw_only=True)
class Page:
    """The items of a page, and the cursor of the next one.

    `about`: what holds for all items, beside `items` and `next` in JSON. `columns`: the same as
    columns of CSV, which follow those of the items. `etag`: of the page as JSON, if it has one.
    """

    items: Sequence[Any]
    cursor: str | None
    about: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    etag: Callable[[], str] | None = None
