"""Conversion of UN votes to batch lines: valid for the write API, and deterministic."""

from typing import Any

import pytest

from onrecord.ingest.schemas import ActorIn, Line, StatementIn, TopicIn
from ops.bench.unvotes import convert, slugs

SCHEMAS: dict[str, Any] = {"actor": ActorIn, "topic": TopicIn, "statement": StatementIn}
YEARS = range(1946, 1951)


def roll_call(rcid: int, date: str, short: str, unres: str = "R/1/66") -> dict[str, str]:
    return {"rcid": str(rcid), "date": date, "short": short, "unres": unres}


def vote(rcid: int, country: str, vote: str = "yes", code: str = "FR") -> dict[str, str]:
    return {"rcid": str(rcid), "country": country, "country_code": code, "vote": vote}


# A title on five dates, spelt in three ways and twice on the last; a title on four; no title.
ROLL_CALLS = [
    *(roll_call(year, f"{year}-12-01", " Law of the sea") for year in YEARS),
    roll_call(99, "1950-12-01", "LAW OF THE SEA "),
    *(roll_call(year + 100, f"{year}-12-02", "ELECTIONS") for year in YEARS[1:]),
    *(roll_call(year + 200, f"{year}-12-03", " ") for year in YEARS),
]
VOTES = [
    vote(1950, "Côte d’Ivoire", "no"),
    vote(99, "Côte d’Ivoire", "abstain"),
    *(vote(year, "Zanzibar", code="") for year in YEARS),
    *(vote(year + 100, "Zanzibar", code="") for year in YEARS[1:]),
    *(vote(year + 200, "Zanzibar", code="") for year in YEARS),
]


def converted(**options: int) -> list[dict[str, Any]]:
    return list(convert(ROLL_CALLS, VOTES, **options))


def statements(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line["body"] for line in lines if line["op"] == "statement"]


def test_every_line_is_valid_for_the_write_api() -> None:
    for content in converted():
        line = Line.model_validate(content)
        SCHEMAS[line.op].model_validate({"id": line.id, **line.body})


def test_actors_and_topics_come_before_statements_that_refer_to_them() -> None:
    lines = converted()
    ops = [line["op"] for line in lines]
    assert ["actor"] * 2 + ["topic"] + ["statement"] * 7 == ops
    assert ["cote-d-ivoire", "zanzibar", "law-of-the-sea"] == [line["id"] for line in lines[:3]]


def test_only_titles_with_votes_on_five_dates_are_topics() -> None:
    (topic,) = (line for line in converted() if line["op"] == "topic")
    assert {"label": "LAW OF THE SEA", "proposition": "LAW OF THE SEA"} == topic["body"]


def test_statement_of_a_vote_has_its_text_evidence_and_position() -> None:
    statement = statements(converted())[-2]
    assert "Voted no on R/1/66: LAW OF THE SEA" == statement["content"]["text"]
    reference = "United Nations General Assembly, R/1/66, roll call 1950"
    assert [{"reference": reference}] == statement["evidence"]
    (position,) = statement["positions"]
    assert ("cote-d-ivoire", "law-of-the-sea") == (position["actor"], position["topic"])
    assert ("oppose", "1950-12-01") == (position["stance"], position["effective"])


def test_roll_call_without_a_resolution_is_cited_by_its_number() -> None:
    roll_calls = [{**roll_call, "unres": ""} for roll_call in ROLL_CALLS]
    statement = statements(list(convert(roll_calls, VOTES)))[0]
    assert "Voted yes on LAW OF THE SEA" == statement["content"]["text"]
    reference = "United Nations General Assembly, roll call 1946"
    assert [{"reference": reference}] == statement["evidence"]


def test_roll_calls_with_the_same_title_and_date_are_ordered_by_number() -> None:
    orders = {
        statement["evidence"][0]["reference"].split()[-1]: statement["positions"][0]["order"]
        for statement in statements(converted())
    }
    assert {**{str(year): 0 for year in YEARS}, "99": 0, "1950": 1} == orders


def test_ids_do_not_depend_on_the_order_of_the_input() -> None:
    again = list(convert(list(reversed(ROLL_CALLS)), list(reversed(VOTES))))
    assert converted() == again
    assert len({line["id"] for line in again}) == len(again)


def test_shuffle_is_deterministic_and_moves_votes_only() -> None:
    plain, shuffled = converted(), converted(shuffle=1)
    assert plain[:3] == shuffled[:3]
    assert plain != shuffled
    assert sorted(plain, key=str) == sorted(shuffled, key=str)
    assert converted(shuffle=1) == shuffled


def test_limit_keeps_the_oldest_votes() -> None:
    assert converted()[:5] == converted(limit=2)


@pytest.mark.parametrize("names", [("A b", "A, B"), ("a" * 100, "a" * 101), ("日本", "中国")])
def test_names_with_the_same_slug_or_none_get_different_slugs(names: tuple[str, str]) -> None:
    by_name = slugs(names)
    assert len(set(by_name.values())) == 2
    for slug in by_name.values():
        ActorIn.model_validate({"id": slug, "kind": "government"})
