"""Histories of thousands of events: more than Hypothesis would draw."""

from random import Random
from typing import Any

from onrecord.domain.stances import CONDITIONAL, STANCES
from tests.support.histories import ACTORS, TOPICS, History, Move


def long_history(seed: int, length: int) -> History:
    """A history of so many moves, the same for a seed: longer than Hypothesis would draw one."""
    chance = Random(seed)

    def date() -> str:
        day = f"202{chance.randint(0, 3)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        return chance.choice(["", "", "", "../"]) + day[: chance.choice([4, 7, 10, 10, 10])]

    def stand() -> dict[str, Any]:
        stance = chance.choice(STANCES)
        return {
            "actor": chance.choice([0, 0, 0, 1, 2]),
            "topic": chance.choice([0, 0, 0, 1]),
            "stance": stance,
            "condition": chance.choice([None, "peace"]) if stance in CONDITIONAL else None,
            "effective": date(),
            "order": chance.choice([0, 0, 0, 1, -1]),
        }

    kinds = [*["both", "position"] * 24, *["correct-position"] * 16, *["retract-position"] * 4]
    kinds += [*["statement", "correct-statement", "retract-statement"] * 4]
    kinds += ["merge-actor", "unmerge-actor"]
    moves = [
        Move(
            *(chance.choice(kinds), chance.randrange(9_000)),
            positions=tuple(stand() for _ in range(chance.randint(1, 2))),
            words=f"Words {n}.",
            said_at=date(),
            actor=chance.randrange(ACTORS),
            topic=chance.randrange(TOPICS),
            basis=chance.randrange(9_000),
        )
        for n in range(length)
    ]
    return History(tuple(moves), tuple(chance.randint(1, 200) for _ in range(20)))
