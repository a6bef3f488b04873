"""Form of a statement, and the body of the write API that it becomes. For new ones and corrections.

`statement_draft` is the one place that says which field is at which pointer.
"""

from collections.abc import Mapping
from typing import Any, Final

from onrecord.pages.sentences import N_
from onrecord.pages.writing.articles import (
    ArticlePassage,
    exact_passages,
    normalized,
    parse_place,
    similar_passages,
    text_digest,
)
from onrecord.pages.writing.forms import Draft, PageForm
from onrecord.pages.writing.name_fields import NameChoice, NameKind

KEPT: Final = ("addressees", "embedded_in", "same_utterance_as")
"""Members of a statement that the form does not show: a correction keeps them."""
_SOURCE: Final = ("url", "archive_url", "reference", "outlet", "title")
_NOWHERE: Final = N_("These words do not stand in the text exactly so")
_SEVERAL: Final = N_("These words stand in the text several times: choose the place below")


def name_fields(form: PageForm) -> dict[str, NameKind]:
    """The fields that name actors and topics."""
    fields: dict[str, NameKind] = {}
    for n in speaker_rows(form):
        fields[f"speakers-{n}-actor"] = "actor"
        for m in form.rows(f"speakers-{n}-on_behalf_of"):
            fields[f"speakers-{n}-on_behalf_of-{m}"] = "actor"
    for n in form.rows("topics", "topic"):
        fields[f"topics-{n}-topic"] = "topic"
    return fields


def speaker_rows(form: PageForm) -> list[int]:
    """The numbers of the speakers about whom something was typed."""
    return form.rows("speakers", "actor", "role", "on_behalf_of-0")


def mark_passage(form: PageForm) -> tuple[ArticlePassage | None, list[ArticlePassage]]:
    """The passage of the text that is marked, or the places to choose from; errors go beside it."""
    text, quote = form.value("text"), normalized(form.value("quote")).strip()
    form.set("quote", quote)
    if not text or not quote:
        return None, []
    chosen = parse_place(text, form.value("place"))
    if chosen and form.value("place-typed") == quote:
        form.set("quote", chosen.exact)
        form.set("place-typed", chosen.exact)
        return chosen, []
    marked = parse_place(text, form.value("marked"))
    if marked and marked.exact == quote:
        return marked, []
    form.set("place", "")
    form.set("place-typed", quote)
    passages = [*exact_passages(text, quote)]
    if len(passages) == 1:
        return passages[0], []
    form.fail("quote", _SEVERAL if passages else _NOWHERE)
    return None, passages or [*similar_passages(text, quote)]


def statement_draft(
    form: PageForm,
    choices: Mapping[str, NameChoice],
    *,
    base: Mapping[str, Any] | None = None,
    at: str = "",
    passage: ArticlePassage | None = None,
) -> Draft:
    """The body with this statement at `at`; `base` is the state that a correction starts from."""
    kept = dict(base or {})
    sources = [dict(source) for source in kept.get("evidence", [{}])]
    document = {**kept, "content": {}, "evidence": sources, "speakers": []}
    document.pop("topics", None)
    document.pop("stances", None)
    draft = Draft({at[1:]: document} if at else document)

    def put(pointer: str, name: str, value: Any) -> None:
        draft.put(f"{at}{pointer}", name, value)

    def put_id(pointer: str, name: str) -> None:
        choice = choices.get(name)
        is_new = choice is not None and choice.is_new
        put(pointer, f"{name}-new_id" if is_new else name, _id(choices, name))

    for row, n in enumerate(speaker_rows(form)):
        field = f"speakers-{n}"
        put(f"/speakers/{row}/capacity", f"{field}-capacity", form.text(f"{field}-capacity"))
        put_id(f"/speakers/{row}/actor", f"{field}-actor")
        put(f"/speakers/{row}/role", f"{field}-role", form.text(f"{field}-role"))
        names = [f"{field}-on_behalf_of-{m}" for m in form.rows(f"{field}-on_behalf_of")]
        for m, name in enumerate(name for name in names if _id(choices, name)):
            put_id(f"/speakers/{row}/on_behalf_of/{m}", name)
    draft.names.setdefault(f"{at}/speakers", "speakers-0-actor")
    topics = readings = 0
    for n in form.rows("topics", "topic", "stance"):
        stance = form.text(f"topics-{n}-stance")
        if _id(choices, f"topics-{n}-topic"):
            put_id(f"/topics/{topics}", f"topics-{n}-topic")
            topics += 1
        if stance:
            put(f"/stances/{readings}/stance", f"topics-{n}-stance", stance)
            put_id(f"/stances/{readings}/topic", f"topics-{n}-topic")
            readings += 1
    words = form.text("words") or (passage.exact if passage else form.text("quote"))
    put("/content/text", "words" if form.text("words") else "quote", words)
    put("/content/lang", "lang", form.text("lang"))
    put("/content/mode", "mode", form.text("mode"))
    if form.text("original_text") or form.text("original_lang"):
        put("/content/original/text", "original_text", form.text("original_text"))
        put("/content/original/lang", "original_lang", form.text("original_lang"))
    put("/said_at", "said_at", form.date("said_at"))
    put("/said_at_basis", "said_at_basis", form.text("said_at_basis"))
    put("/venue", "venue", form.text("venue"))
    for name in _SOURCE:
        put(f"/evidence/0/{name}", name, form.text(name))
    put("/evidence/0/published_at", "published_at", form.date("published_at"))
    if text := form.value("text"):
        put("/evidence/0/sha256", "quote", text_digest(text))
        put("/evidence/0/selector", "quote", passage.selector() if passage else None)
    draft.names[f"{at}/evidence/0"] = "url"
    put("/note", "note", form.text("note"))
    put("/coder", "coder", form.text("coder"))
    return draft


def _id(choices: Mapping[str, NameChoice], name: str) -> str | None:
    choice = choices.get(name)
    return choice.id if choice else None


def fill_in_statement(form: PageForm, statement: Mapping[str, Any]) -> None:
    """Fill a form in with a statement on record, as the read API answers it."""
    for n, speaker in enumerate(statement["speakers"]):
        for name in ("actor", "role", "capacity"):
            form.set(f"speakers-{n}-{name}", speaker.get(name) or "")
        for m, actor in enumerate(speaker.get("on_behalf_of", ())):
            form.set(f"speakers-{n}-on_behalf_of-{m}", actor)
    stances = {reading["topic"]: reading["stance"] for reading in statement.get("stances", ())}
    for n, topic in enumerate(statement.get("topics", ())):
        form.set(f"topics-{n}-topic", topic)
        form.set(f"topics-{n}-stance", stances.get(topic, ""))
    content, source = statement["content"], statement["evidence"][0]
    form.set("words", content.get("text") or "")
    form.set("lang", content["lang"])
    form.set("mode", content["mode"])
    original = content.get("original") or {}
    form.set("original_text", original.get("text") or "")
    form.set("original_lang", original.get("lang") or "")
    form.set_date("said_at", statement["said_at"])
    form.set_date("published_at", source.get("published_at"))
    for name in ("said_at_basis", "venue", "note", "coder"):
        form.set(name, statement.get(name) or "")
    for name in _SOURCE:
        form.set(name, source.get(name) or "")


def state_of_statement(statement: Mapping[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
    """The statement itself in an answer of the read API: `members` are the model's fields."""
    evidence = [
        {name: value for name, value in source.items() if not name.startswith("published_")}
        | ({"published_at": source["published_at"]} if "published_at" in source else {})
        for source in statement["evidence"]
    ]
    return {
        **{name: statement[name] for name in members if name in statement},
        "evidence": evidence,
    }
