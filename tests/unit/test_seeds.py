"""Lines of the seeds: their shape, their references, and the rules of coding.

Reads the files in `seeds/` only and imports nothing of onrecord, so that a mistake in the code
cannot hide one in the seeds.
"""

import re
import uuid

from tests.support.seeds import (
    ARTICLE_FILE,
    SCALE,
    SEEDS,
    bodies,
    files,
    lines,
    lines_of,
    of_op,
    positions,
)

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
DATE = re.compile(r"(\.\./)?\d{4}-\d{2}-\d{2}")


def test_every_file_begins_with_a_comment_that_statements_are_real_and_not_endorsed() -> None:
    for path in files():
        comment = path.read_text(encoding="utf-8").splitlines()[0]
        assert comment.startswith("#"), path.name
        for words in ("real statements", "coded by the project", "not endorsed"):
            assert words in comment.lower(), path.name


def test_the_files_load_december_before_october() -> None:
    assert [path.name for path in files()] == [
        "01-actors.ndjson",
        "02-topics.ndjson",
        ARTICLE_FILE,
        "04-december-2022.ndjson",
        "05-zelenskyy-2022.ndjson",
        "06-biden-october-2022.ndjson",
    ]
    biden = [
        p["effective"]
        for p in positions()
        if (p["actor"], p["topic"]) == ("biden", "talks-with-putin")
    ]
    assert biden == ["2022-12-01", "2022-10-11"]


def test_every_line_is_a_json_object_with_a_valid_op() -> None:
    for line in lines():
        assert set(line) == {"op", "id", "body"}
        assert line["op"] in {"actor", "topic", "statement", "position"}
        assert isinstance(line["body"], dict)


def test_every_line_has_only_fields_of_the_write_api() -> None:
    fields = {
        "actor": {"id", "kind", "names", "identifiers"},
        "topic": {"id", "label", "proposition", "broader"},
        "statement": {
            *(
                "speakers",
                "topics",
                "addressees",
                "venue",
                "said_at",
                "said_at_basis",
                "content",
                "evidence",
            ),
            *("embedded_in", "same_utterance_as", "stances", "coder", "note", "positions"),
        },
        "position": {
            *("actor", "topic", "stance", "condition", "summary", "effective", "order"),
            *("basis", "coder", "rationale"),
        },
    }
    for line in lines():
        assert set(line["body"]) <= fields[line["op"]], line["id"]


def test_every_actor_has_a_valid_kind_and_distinct_names() -> None:
    for actor in bodies("actor"):
        assert actor["kind"] in {"person", "organisation", "government", "office", "group"}
        names = [(name["name"], name["lang"]) for name in actor["names"]]
        assert len(set(names)) == len(names) > 0


def test_every_statement_has_speakers_text_and_valid_codes() -> None:
    for body in bodies("statement"):
        for speaker in body["speakers"]:
            assert speaker["capacity"] in {"individual", "spokesperson", "joint"}
        assert (len(body["speakers"]) > 1) == any(
            s["capacity"] == "joint" for s in body["speakers"]
        )
        assert body["said_at_basis"] in {"stated", "inferred", "published_bound"}
        assert body["content"]["mode"] in {"verbatim", "mixed", "paraphrase", "translation"}
        assert body["content"]["text"].strip()
        assert body["content"]["lang"] == "en"
        assert body["coder"].isascii()


def test_ids_are_unique_and_of_the_right_form() -> None:
    ids = [line["id"] for line in lines()]
    assert len(set(ids)) == len(ids)
    for line in lines():
        if line["op"] in {"actor", "topic"}:
            assert SLUG.fullmatch(line["id"])
            assert line["body"]["id"] == line["id"]
        else:
            assert str(uuid.UUID(line["id"])) == line["id"]


def test_lines_refer_only_to_what_earlier_lines_created() -> None:
    created: dict[str, set[str]] = {
        "actor": set(),
        "topic": set(),
        "statement": set(),
        "position": set(),
    }
    for line in lines():
        body = line["body"]
        actors = [body["actor"]] if "actor" in body else []
        topics = [body[key] for key in ("topic", "broader") if key in body] + body.get("topics", [])
        statements = body.get("basis", []) + body.get("same_utterance_as", [])
        statements += [body["embedded_in"]] if "embedded_in" in body else []
        for speaker in body.get("speakers", []):
            actors += [speaker["actor"], *speaker.get("on_behalf_of", [])]
        actors += body.get("addressees", [])
        for coded in body.get("stances", []) + body.get("positions", []):
            topics.append(coded["topic"])
            actors += [coded["actor"]] if "actor" in coded else []
        assert set(actors) <= created["actor"], line["id"]
        assert set(topics) <= created["topic"], line["id"]
        assert set(statements) <= created["statement"], line["id"]
        created[line["op"]].add(line["id"])


def test_every_actor_and_topic_is_used() -> None:
    statements = bodies("statement")
    spoken = {speaker["actor"] for body in statements for speaker in body["speakers"]}
    spoken |= {
        other
        for body in statements
        for s in body["speakers"]
        for other in s.get("on_behalf_of", [])
    }
    assert spoken == {line["id"] for line in of_op("actor")}
    assert {topic for body in statements for topic in body["topics"]} == {
        line["id"] for line in of_op("topic")
    }


def test_stances_are_valid_and_only_conditional_ones_have_conditions() -> None:
    for coded in positions():
        assert coded["stance"] in SCALE
        if "condition" in coded:
            assert coded["stance"].startswith("conditional_")
        assert coded["summary"].strip()
    for body in bodies("statement"):
        for reading in body.get("stances", []):
            assert reading["stance"] in SCALE
            assert reading["topic"] in body["topics"]


def test_dates_are_days_or_upper_bounds_that_are_marked_as_such() -> None:
    for body in bodies("statement"):
        assert DATE.fullmatch(body["said_at"])
        assert body["said_at"].startswith("../") == (body["said_at_basis"] == "published_bound")
    for position in positions():
        assert DATE.fullmatch(position["effective"])


def test_every_statement_has_evidence_with_a_source() -> None:
    for body in bodies("statement"):
        assert body["evidence"]
        for evidence in body["evidence"]:
            assert {"url", "archive_url", "reference", "sha256"} & set(evidence)
            for step in evidence.get("chain", []):
                assert step["relation"] in {"reported", "quoted", "characterised"}


def test_embedded_statement_is_the_basis_of_no_position() -> None:
    embedded = [line for line in of_op("statement") if "embedded_in" in line["body"]]
    assert [(e["body"]["speakers"][0]["actor"]) for e in embedded] == ["biden"]
    outer = next(line for line in lines() if line["id"] == embedded[0]["body"]["embedded_in"])
    assert [speaker["actor"] for speaker in outer["body"]["speakers"]] == ["peskov"]
    assert "positions" not in embedded[0]["body"]
    assert "stances" not in embedded[0]["body"]
    assert embedded[0]["id"] not in [
        basis for position in positions() for basis in position["basis"]
    ]


def test_paraphrase_is_linked_to_the_quotation_of_the_same_utterance() -> None:
    first, paraphrase = (
        line
        for line in lines_of(SEEDS / ARTICLE_FILE)
        if line["body"]["said_at_basis"] == "inferred"
    )
    assert paraphrase["body"]["same_utterance_as"] == [first["id"]]
    assert paraphrase["body"]["content"]["mode"] == "paraphrase"
    assert paraphrase["body"]["said_at"] == first["body"]["said_at"] == "2022-12-01"


def test_basis_of_a_position_is_a_statement_by_or_on_behalf_of_its_actor() -> None:
    statements = {line["id"]: line["body"] for line in of_op("statement")}
    for position in positions():
        for basis in position["basis"]:
            speakers = statements[basis]["speakers"]
            voices = {s["actor"] for s in speakers} | {
                o for s in speakers for o in s.get("on_behalf_of", [])
            }
            assert position["actor"] in voices
            assert position["topic"] in statements[basis]["topics"]
