"""`seeds/expected.json`: derived again from the lines, by the rules alone.

Ids, counts, sizes, timelines, changes and answers are computed from the files. Imports nothing of
onrecord, so that a mistake in the code cannot hide one in the expectations.
"""

import uuid

from tests.support.seeds import (
    SCALE,
    bodies,
    expected,
    files,
    lines,
    lines_of,
    of_op,
    positions,
)


def test_ids_are_derived_from_their_keys() -> None:
    ids = expected()["ids"]
    assert {key: str(uuid.uuid5(uuid.NAMESPACE_URL, f"onrecord:seeds:{key}")) for key in ids} == ids
    by_id = {line["id"]: line["op"] for line in lines()}
    assert {key: by_id[id_] for key, id_ in ids.items()} == {key: key.split("/")[0] for key in ids}
    assert set(ids.values()) == {
        id_ for id_, op in by_id.items() if op in {"statement", "position"}
    }


def test_expected_counts() -> None:
    inside = sum(len(body.get("positions", [])) for body in bodies("statement"))
    assert expected()["counts"] == {
        "lines": len(lines()),
        "actors": len(of_op("actor")),
        "topics": len(of_op("topic")),
        "statements": len(of_op("statement")),
        "positions": len(positions()),
        "positions_in_statements": inside,
        "events": len(lines()) + inside,
    }


def sizes() -> tuple[dict[str, int], dict[str, int]]:
    """The ledger's size before each line, and after each file, from an empty ledger."""
    size, before, after = 0, {}, {}
    for path in files():
        for line in lines_of(path):
            before[line["id"]] = size
            size += 1 + len(line["body"].get("positions", []))
        after[path.name] = size
    return before, after


def test_expected_sizes() -> None:
    before, after = sizes()
    assert expected()["size_after"] == after
    for answer in expected()["answers"]:
        line = answer["before_line"]
        at = expected()["counts"]["events"] if line is None else before[line]
        assert answer["known_size"] == at, answer["question"]


def test_expected_timelines_have_every_position_once_in_valid_time_order() -> None:
    coded = {
        (
            p["actor"],
            p["topic"],
            p["id"],
            p.get("item"),
            p["stance"],
            p.get("condition"),
            p["effective"],
            *p["basis"],
        )
        for p in positions()
    }
    steps = [
        (
            t["actor"],
            t["topic"],
            s["id"],
            s.get("item"),
            s["stance"],
            s["condition"],
            s["effective"],
            *s["basis"],
        )
        for t in expected()["timelines"]
        for s in t["steps"]
    ]
    assert set(steps) == coded
    assert len(steps) == len(positions())
    for timeline in expected()["timelines"]:
        dates = [step["effective"].removeprefix("../") for step in timeline["steps"]]
        assert dates == sorted(dates)


def test_expected_change_sizes_are_distances_on_the_scale() -> None:
    for timeline in expected()["timelines"]:
        first, *rest = timeline["steps"]
        assert (first["kind"], first["change_size"]) == ("adopted", None)
        before = first
        for step in rest:
            here, there = SCALE[step["stance"]], SCALE[before["stance"]]
            assert here is not None
            assert there is not None
            assert step["change_size"] == abs(here - there)
            before = step


def test_expected_changes() -> None:
    changes = [
        (
            timeline["actor"],
            timeline["topic"],
            before["stance"],
            step["stance"],
            step["kind"],
            step["change_size"],
        )
        for timeline in expected()["timelines"]
        for before, step in zip(timeline["steps"], timeline["steps"][1:], strict=False)
    ]
    assert changes == [
        ("zelenskyy", "talks-with-putin", "support", "oppose", "reversed", 4),
        (
            "zelenskyy",
            "talks-with-russia",
            "conditional_support",
            "conditional_support",
            "conditions_changed",
            0,
        ),
        ("biden", "talks-with-putin", "conditional_oppose", "conditional_support", "shifted", 2),
    ]
    assert [tuple(change.values()) for change in expected()["changes"]] == changes


def test_expected_answers_are_positions_effective_and_recorded_by_then() -> None:
    before, _ = sizes()
    by_id = {p["id"]: p for p in positions() if p["id"] is not None}
    for answer in expected()["answers"]:
        expect = answer["expect"]
        assert expect["on_record"] == (expect["id"] is not None)
        if not expect["on_record"]:
            assert {value for key, value in expect.items() if key != "on_record"} == {None}
            continue
        position = by_id[expect["id"]]
        assert (position["actor"], position["topic"]) == (answer["actor"], answer["topic"])
        assert (position["stance"], position["effective"]) == (
            expect["stance"],
            expect["effective"],
        )
        assert before[expect["id"]] < answer["known_size"]
        assert expect["effective"] <= answer["as_of"]
        assert expect["previous"] is None or before[expect["previous"]] < answer["known_size"]


def test_expected_statements_without_position_are_the_basis_of_none() -> None:
    used = {basis for position in positions() for basis in position["basis"]}
    assert expected()["statements_without_position"] == [
        line["id"] for line in of_op("statement") if line["id"] not in used
    ]
