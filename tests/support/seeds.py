"""The seeds as plain data, for their tests.

Imports nothing of onrecord, so that a mistake in the code cannot hide one in the seeds.
"""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "seeds"
ARTICLE_FILE = "03-article-2022-12-02.ndjson"
SCALE = {
    "oppose": -2,
    "conditional_oppose": -1,
    "neutral": 0,
    "conditional_support": 1,
    "support": 2,
    "mixed": None,
    "no_position": None,
}
Line = dict[str, Any]


def files() -> list[Path]:
    return sorted(SEEDS.glob("*.ndjson"))


def lines_of(path: Path) -> list[Line]:
    text = path.read_bytes().decode("utf-8")
    return [json.loads(line) for line in text.splitlines() if not line.startswith("#")]


def lines() -> list[Line]:
    return [line for path in files() for line in lines_of(path)]


def of_op(op: str) -> list[Line]:
    return [line for line in lines() if line["op"] == op]


def bodies(op: str) -> list[Line]:
    return [line["body"] for line in of_op(op)]


def positions() -> list[Line]:
    """Every position in load order; `basis` of one inside a statement is that statement."""
    positions: list[Line] = []
    for line in lines():
        if line["op"] == "position":
            positions.append({"id": line["id"], **line["body"]})
        for item, position in enumerate(line["body"].get("positions", [])):
            positions.append({"id": None, "item": item, "basis": [line["id"]], **position})
    return positions


def expected() -> Any:
    return json.loads((SEEDS / "expected.json").read_text(encoding="utf-8"))
