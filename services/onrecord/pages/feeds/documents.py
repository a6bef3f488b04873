"""Documents of feeds: Atom (RFC 4287) and JSON Feed 1.1."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from feedgenerator import Atom1Feed  # type: ignore[import-untyped] # it has none

from onrecord.kit.http.json_bytes import json_bytes
from onrecord.pages.feeds.entries import Entry

ATOM: Final = "application/atom+xml"
JSON_FEED: Final = "application/feed+json"
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may have (XML 1.0, section 2.2)."""
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Feed:
    """A feed. `url` is its own address, `page` that of the page with the same content."""

    base: str
    url: str
    page: str
    title: str
    language: str
    entries: Sequence[Entry]

    @property
    def updated(self) -> datetime:
        return max((entry.updated for entry in self.entries), default=_EARLIEST)


class _AtomFeed(Atom1Feed):  # type: ignore[misc] # feedgenerator has no types
    def latest_post_date(self) -> datetime:
        """When the feed was updated; the library would say now for an empty feed."""
        updated: datetime = self.feed["updated"]
        return updated


def atom_document(feed: Feed) -> bytes:
    document = _AtomFeed(
        title=xml_text(feed.title),
        link=feed.page,
        description=None,
        language=feed.language,
        author_name="onrecord",
        feed_url=feed.url,
        feed_guid=feed.url,
        updated=feed.updated,
    )
    for entry in feed.entries:
        document.add_item(
            title=xml_text(entry.title),
            link=feed.base + entry.path,
            description=None,
            content=xml_text(entry.html()),
            author_name=xml_text(", ".join(entry.authors)) or None,
            categories=[xml_text(tag) for tag in entry.tags],
            unique_id=entry.guid,
            pubdate=entry.published,
            updateddate=entry.updated,
        )
    text: str = document.writeString("utf-8")
    return text.encode()


def json_document(feed: Feed) -> bytes:
    return json_bytes(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": feed.title,
            "home_page_url": feed.page,
            "feed_url": feed.url,
            "language": feed.language,
            "items": [_json_item(feed, entry) for entry in feed.entries],
        }
    )


def _json_item(feed: Feed, entry: Entry) -> dict[str, Any]:
    item = {
        "id": entry.guid,
        "url": feed.base + entry.path,
        "title": entry.title,
        "content_html": entry.html(),
        "date_modified": entry.updated,
        "tags": list(entry.tags),
    }
    if entry.published:
        item["date_published"] = entry.published
    if entry.authors:
        item["authors"] = [{"name": name} for name in entry.authors]
    return item


def xml_text(text: str) -> str:
    """A text without the characters that no XML document may have."""
    return _NO_XML.sub("\ufffd", text)
