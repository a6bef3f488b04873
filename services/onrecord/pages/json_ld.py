"""JSON-LD of pages: schema.org, and W3C Web Annotation for where the words stand in their sources.

Pure functions over answers of the read API; templates call them (`rendering`). The context is
written out, so that nobody needs a network to read it. Words that were erased are missing.
"""

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from onrecord.kit.http.json_bytes import json_bytes

_SCHEMA: Final = "https://schema.org/"
_OA: Final = "http://www.w3.org/ns/oa#"
_XSD: Final = "http://www.w3.org/2001/XMLSchema#"


def _reference(iri: str) -> dict[str, str]:
    return {"@id": iri, "@type": "@id"}


CONTEXT: Final[dict[str, Any]] = {
    "schema": _SCHEMA,
    "oa": _OA,
    **{
        name: _SCHEMA + name
        for name in (
            *("Quotation", "Person", "Organization", "CreativeWork", "name", "text", "creator"),
            *("spokenByCharacter", "inLanguage", "dateCreated", "datePublished", "citation"),
            *("publisher", "about", "Thing", "creativeWorkStatus", "identifier"),
        )
    },
    **{name: _reference(_SCHEMA + name) for name in ("url", "sameAs", "archivedAt")},
    **{
        name: _OA + name
        for name in (
            *("Annotation", "SpecificResource", "TextQuoteSelector", "TextPositionSelector"),
            *("exact", "prefix", "suffix"),
        )
    },
    **{
        name: {"@id": _OA + name, "@type": _XSD + "nonNegativeInteger"} for name in ("start", "end")
    },
    "body": _reference(_OA + "hasBody"),
    "target": {"@id": _OA + "hasTarget"},
    "source": _reference(_OA + "hasSource"),
    "selector": {"@id": _OA + "hasSelector"},
    "motivation": {"@id": _OA + "motivatedBy", "@type": "@id"},
}
_KINDS: Final = {"person": "Person"}


def statement_json_ld(statement: Mapping[str, Any], public_url: str) -> dict[str, Any]:
    """A `Quotation`, and an `Annotation` for each source with a selector.

    `creator` is who spoke. Where it speaks for others, schema.org's `spokenByCharacter` names who
    utters the words, and `creator` those whose words they are.
    """
    address = f"{public_url}/statements/{statement['id']}"
    content = statement["content"]
    labels = dict(
        zip(
            (speaker["actor"] for speaker in statement["speakers"]),
            statement["speaker_labels"],
            strict=True,
        )
    )
    creators: dict[str, dict[str, Any]] = {}
    mouths: list[dict[str, Any]] = []
    for speaker in statement["speakers"]:
        actor = _actor(speaker["actor"], labels[speaker["actor"]], public_url)
        principals = speaker.get("on_behalf_of") or ()
        if principals:
            mouths.append(actor)
        for slug in principals or (speaker["actor"],):
            creators[slug] = _actor(slug, labels.get(slug), public_url)
    quotation = _without_none(
        {
            "@id": address,
            "@type": "Quotation",
            "url": address,
            "text": _in_language(content.get("text"), content["lang"]),
            "inLanguage": content["lang"],
            "creator": list(creators.values()),
            "spokenByCharacter": mouths or None,
            "dateCreated": statement["said_at"] if _is_date(statement["said_at"]) else None,
            "citation": [_citation(source) for source in statement["evidence"]],
            "about": [
                {"@id": f"{public_url}/topics/{slug}", "@type": "Thing", "name": label or slug}
                for slug, label in zip(
                    statement.get("topics", ()), statement["topic_labels"], strict=True
                )
            ]
            or None,
            "creativeWorkStatus": None
            if statement["status"] == "on_record"
            else statement["status"],
        }
    )
    annotations = [
        annotation
        for source in statement["evidence"]
        if (annotation := _annotation(source, address)) is not None
    ]
    return {"@context": CONTEXT, "@graph": [quotation, *annotations]}


def actor_json_ld(actor: Mapping[str, Any], public_url: str) -> dict[str, Any]:
    """A `Person` or `Organization` with its names, and the same in Wikidata."""
    wikidata = actor["identifiers"].get("wikidata")
    return {
        "@context": CONTEXT,
        **_without_none(
            {
                "@id": f"{public_url}/actors/{actor['id']}",
                "@type": _KINDS.get(actor["kind"], "Organization"),
                "url": f"{public_url}/actors/{actor['id']}",
                "name": actor["label"],
                "sameAs": wikidata and f"http://www.wikidata.org/entity/{wikidata}",
            }
        ),
    }


def data_block(document: Mapping[str, Any]) -> Markup:
    """JSON for a `<script type="application/ld+json">`, which nothing in it can end."""
    text = json_bytes(document).decode()
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)  # noqa: S704 # what HTML could read as markup is escaped above


def _actor(slug: str, label: str | None, public_url: str) -> dict[str, Any]:
    return _without_none({"@id": f"{public_url}/actors/{slug}", "name": label})


def _citation(source: Mapping[str, Any]) -> dict[str, Any]:
    """A source, as far as its words are on record."""
    published = source.get("published_at")
    outlet = source.get("outlet")
    return _without_none(
        {
            "@type": "CreativeWork",
            "url": source.get("url"),
            "archivedAt": source.get("archive_url"),
            "name": source.get("title"),
            "identifier": source.get("reference"),
            "publisher": {"@type": "Organization", "name": outlet} if outlet else None,
            "datePublished": published if published and _is_date(published) else None,
        }
    )


def _annotation(source: Mapping[str, Any], address: str) -> dict[str, Any] | None:
    """Where the words stand in a source; None where the record does not say."""
    selector, url = source.get("selector"), source.get("url") or source.get("archive_url")
    if not selector or not url:
        return None
    selectors: list[dict[str, Any]] = []
    if selector.get("exact") is not None:
        quote = {name: selector.get(name) for name in ("exact", "prefix", "suffix")}
        selectors.append({"@type": "TextQuoteSelector", **_without_none(quote)})
    if selector.get("start") is not None:
        span = {name: selector[name] for name in ("start", "end")}
        selectors.append({"@type": "TextPositionSelector", **span})
    if not selectors:
        return None
    return {
        "@type": "Annotation",
        "motivation": "oa:identifying",
        "body": address,
        "target": {"@type": "SpecificResource", "source": url, "selector": selectors},
    }


def _in_language(text: str | None, lang: str) -> dict[str, str] | None:
    return None if text is None else {"@value": text, "@language": lang}


def _is_date(text: str) -> bool:
    """Whether it is a date of ISO 8601: `../D` is none."""
    return not text.startswith("../")


def _without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
