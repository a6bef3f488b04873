"""Do the UN's votes become lines that the write door takes, the same each time?"""

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


# A title on five dates, spelt in three ways and twice on the last; one on four; and none at all.
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
    return [one["body"] for one in lines if one["op"] == "statement"]


def test_every_line_has_the_shape_that_the_door_asks_for() -> None:
    for one in converted():
        line = Line.model_validate(one)
        SCHEMAS[line.op].model_validate({"id": line.id, **line.body})


def test_whatever_is_named_comes_before_it_is_named() -> None:
    lines = converted()
    ops = [one["op"] for one in lines]
    assert ["actor"] * 2 + ["topic"] + ["statement"] * 7 == ops
    assert ["cote-d-ivoire", "zanzibar", "law-of-the-sea"] == [one["id"] for one in lines[:3]]


def test_a_title_that_was_voted_on_at_four_dates_is_no_topic_and_neither_is_no_title() -> None:
    (topic,) = (one for one in converted() if one["op"] == "topic")
    assert {"label": "LAW OF THE SEA", "proposition": "LAW OF THE SEA"} == topic["body"]


def test_a_vote_says_what_was_voted_and_where_it_can_be_looked_up() -> None:
    found = statements(converted())[-2]
    assert "Voted no on R/1/66: LAW OF THE SEA" == found["content"]["text"]
    reference = "United Nations General Assembly, R/1/66, roll call 1950"
    assert [{"reference": reference}] == found["evidence"]
    (position,) = found["positions"]
    assert ("cote-d-ivoire", "law-of-the-sea") == (position["actor"], position["topic"])
    assert ("oppose", "1950-12-01") == (position["stance"], position["effective"])


def test_a_roll_call_without_a_resolution_is_known_by_its_number_alone() -> None:
    nameless = [{**one, "unres": ""} for one in ROLL_CALLS]
    found = statements(list(convert(nameless, VOTES)))[0]
    assert "Voted yes on LAW OF THE SEA" == found["content"]["text"]
    reference = "United Nations General Assembly, roll call 1946"
    assert [{"reference": reference}] == found["evidence"]


def test_roll_calls_of_one_title_on_one_date_keep_the_order_of_their_numbers() -> None:
    orders = {
        one["evidence"][0]["reference"].split()[-1]: one["positions"][0]["order"]
        for one in statements(converted())
    }
    assert {**{str(year): 0 for year in YEARS}, "99": 0, "1950": 1} == orders


def test_the_same_votes_give_the_same_ids_in_whatever_order_they_come() -> None:
    again = list(convert(list(reversed(ROLL_CALLS)), list(reversed(VOTES))))
    assert converted() == again
    assert len({one["id"] for one in again}) == len(again)


def test_a_shuffle_moves_the_votes_alone_and_the_same_way_each_time() -> None:
    plain, shuffled = converted(), converted(shuffle=1)
    assert plain[:3] == shuffled[:3]
    assert plain != shuffled
    assert sorted(plain, key=str) == sorted(shuffled, key=str)
    assert converted(shuffle=1) == shuffled


def test_a_limit_keeps_the_oldest_votes() -> None:
    assert converted()[:5] == converted(limit=2)


@pytest.mark.parametrize("names", [("A b", "A, B"), ("a" * 100, "a" * 101), ("日本", "中国")])
def test_names_that_would_have_one_slug_or_none_have_two(names: tuple[str, str]) -> None:
    found = slugs(names)
    assert len(set(found.values())) == 2
    for slug in found.values():
        ActorIn.model_validate({"id": slug, "kind": "government"})
