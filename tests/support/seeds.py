"""What do the files in `seeds/` say, read as plain data?

Imports nothing of onrecord, so that the tests of the seeds can't agree with a mistake of the code.
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
    """Every position in load order, those inside statements with the statement as their basis."""
    found: list[Line] = []
    for line in lines():
        if line["op"] == "position":
            found.append({"id": line["id"], **line["body"]})
        for item, position in enumerate(line["body"].get("positions", [])):
            found.append({"id": None, "item": item, "basis": [line["id"]], **position})
    return found


def expected() -> Any:
    return json.loads((SEEDS / "expected.json").read_text(encoding="utf-8"))
