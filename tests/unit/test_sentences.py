"""Sentences about positions: each says what is certain, what is only possible, and from when on."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from onrecord.domain.changes import CHANGE_KINDS
from onrecord.domain.names import display_name
from onrecord.domain.stances import STANCES
from onrecord.query.answers.sentences import citation, date_in_words, position_sentence

NOTHING: Final[dict[str, Any]] = dict.fromkeys(
    (
        *("id", "stance", "condition", "effective", "since", "kind", "recorded_at"),
        "may_be_interrupted",
    )
)


def step(stance: str = "support", effective: str = "2022-12-02", **fields: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"id": 1, "condition": None, "since": effective, "kind": "adopted"}
    base |= {"recorded_at": datetime(2024, 2, 29, tzinfo=UTC), "may_be_interrupted": False}
    return {**base, "stance": stance, "effective": effective, **fields}


def sentence(position: dict[str, Any], *alternatives: dict[str, Any], as_of: str = "2022") -> str:
    return position_sentence(position, alternatives, who="Emma", what="Talks", as_of=as_of)


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("2022-12-02", "on 2 December 2022"),
        ("2022-01", "in January 2022"),
        ("2022", "in 2022"),
        ("2022-12-02T14:05:00Z", "on 2 December 2022 at 14:05 UTC"),
        ("2022-12-02T00:00:00Z", "on 2 December 2022 at 00:00 UTC"),
        ("2022-12-02T14:05:09.123456Z", "on 2 December 2022 at 14:05:09 UTC"),
        ("2022-12-02T23:30:00-01:00", "on 3 December 2022 at 00:30 UTC"),
        ("../2022-12-02", "by 2 December 2022"),
        ("../2022-12", "by the end of December 2022"),
        ("../2022", "by the end of 2022"),
        ("../2022-12-02T14:05:00Z", "by 2 December 2022 at 14:05 UTC"),
    ],
)
def test_a_date_is_readable_in_each_of_its_forms(date: str, words: str) -> None:
    assert words == date_in_words(date)
    assert f"Emma supported “Talks”, effective {words}" in sentence(step(effective=date))


@pytest.mark.parametrize(
    ("as_of", "words"),
    [
        ("2022-12-02", "2 December 2022"),
        ("2022-12", "the end of December 2022"),
        ("2022", "the end of 2022"),
        ("2022-12-02T14:05:09.99Z", "2 December 2022 at 14:05:09 UTC"),
    ],
)
def test_the_moment_is_the_last_instant_of_its_date(as_of: str, words: str) -> None:
    for position in (step(effective="2020"), NOTHING):
        assert sentence(position, as_of=as_of).startswith(f"As of {words}, ")


@pytest.mark.parametrize(
    ("stance", "held", "possible"),
    [
        ("support", "supported “Talks”", "support"),
        ("conditional_support", "conditionally supported “Talks”", "conditional support"),
        ("neutral", "was neutral on “Talks”", "a neutral position"),
        ("conditional_oppose", "conditionally opposed “Talks”", "conditional opposition"),
        ("oppose", "opposed “Talks”", "opposition"),
        ("mixed", "took a mixed position on “Talks”", "a mixed position"),
        ("no_position", "declared no position on “Talks”", "a declaration of no position"),
    ],
)
def test_each_stance_has_its_words_where_it_is_definite_and_where_it_is_possible(
    stance: str, held: str, possible: str
) -> None:
    assert stance in STANCES
    definite = sentence(step(stance, "2021"))
    assert definite == f"As of the end of 2022, Emma {held}, effective in 2021"
    assert sentence(NOTHING, step(stance, "../2023")) == (
        "As of the end of 2022, the position of Emma on “Talks” is only possible, as dates are"
        f" inexact: {possible}, effective by the end of 2023; or no position yet"
    )


def test_a_possible_position_is_cited_with_all_that_is_possible() -> None:
    """The one that the order of dates picks comes first, and nothing at all comes last."""
    other = step("oppose", "2022-06", id=2)
    assert sentence(step(effective="2022"), other).endswith(
        "is only possible, as dates are inexact: support, effective in 2022;"
        " or opposition, effective in June 2022"
    )
    assert sentence(step(effective="2022"), NOTHING, other).endswith(
        ": support, effective in 2022; opposition, effective in June 2022; or no position yet"
    )
    assert sentence(NOTHING, step(effective="../2023"), other).endswith(
        ": support, effective by the end of 2023; opposition, effective in June 2022;"
        " or no position yet"
    )


def test_a_condition_is_quoted_where_it_is_on_record() -> None:
    held = step("conditional_support", condition="The state pays half.")
    words = "on the condition “The state pays half.”, effective on 2 December 2022"
    assert f"conditionally supported “Talks” {words}" in sentence(held)
    assert f"conditional support {words}; or" in sentence(held, NOTHING)
    without = step("conditional_support")
    assert "conditionally supported “Talks”, effective on" in sentence(without)


@pytest.mark.parametrize("kind", CHANGE_KINDS)
def test_a_reaffirmed_position_is_effective_since_it_was_first_held(kind: str) -> None:
    cited = sentence(step(effective="2022-12-02", since="2020", kind=kind))
    reaffirmed = cited.endswith("effective in 2020 and reaffirmed on 2 December 2022")
    assert (kind == "reaffirmed") == reaffirmed


def test_what_may_have_been_interrupted_is_not_called_reaffirmed() -> None:
    held = step(since="2022-06", kind="reaffirmed", may_be_interrupted=True)
    assert sentence(held).endswith(
        "effective in June 2022 and on 2 December 2022, perhaps not all the time between, as dates"
        " are inexact"
    )


def test_a_position_that_was_recorded_ahead_of_its_date_is_cited_as_announced() -> None:
    announced = sentence(step(effective="2024-03"), as_of="2025")
    assert announced.endswith("effective in March 2024, as announced by 29 February 2024")
    for effective in ("2024-02", "2024", "../2024-03"):
        assert "announced" not in sentence(step(effective=effective), as_of="2025")


def test_where_no_position_is_on_record_the_sentence_speaks_of_positions_only() -> None:
    """There may be statements; retracted positions are none."""
    assert sentence(NOTHING, as_of="2022-12-01") == (
        "As of 1 December 2022, no position of Emma on “Talks” is on record as held by then"
    )


def test_a_citation_has_the_state_of_the_record_and_where_to_look_it_up() -> None:
    known_at = datetime(2026, 11, 30, 8, 48, 4, 704_989, tzinfo=UTC)
    assert citation("It was so", size=51, known_at=known_at, permalink="https://x.example/1") == (
        "It was so (onrecord at size 51, 30 November 2026; https://x.example/1)."
    )
    assert citation("It was so", size=0, known_at=None, permalink="https://x.example/1") == (
        "It was so (onrecord at size 0; https://x.example/1)."
    )


def test_the_name_cited_is_english_if_there_is_one() -> None:
    german, english = {"name": "Emmi", "lang": "de"}, {"name": "Emma", "lang": "en"}
    assert "Emma" == display_name([german, english], "emma-1")
    assert "Emmi" == display_name([german], "emma-1")
    assert "emma-1" == display_name([], "emma-1")
