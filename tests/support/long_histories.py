"""Histories of thousands of events: longer than Hypothesis would draw."""

from random import Random
from typing import Any

from onrecord.domain.stances import CONDITIONAL, STANCES
from tests.support.histories import ACTORS, TOPICS, History, Move


def long_history(seed: int, length: int) -> History:
    """A history of this many moves, the same for the same seed."""
    random = Random(seed)

    def date() -> str:
        day = f"202{random.randint(0, 3)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
        return random.choice(["", "", "", "../"]) + day[: random.choice([4, 7, 10, 10, 10])]

    def position_draft() -> dict[str, Any]:
        stance = random.choice(STANCES)
        return {
            "actor": random.choice([0, 0, 0, 1, 2]),
            "topic": random.choice([0, 0, 0, 1]),
            "stance": stance,
            "condition": random.choice([None, "peace"]) if stance in CONDITIONAL else None,
            "effective": date(),
            "order": random.choice([0, 0, 0, 1, -1]),
        }

    kinds = [*["both", "position"] * 24, *["correct-position"] * 16, *["retract-position"] * 4]
    kinds += [*["statement", "correct-statement", "retract-statement"] * 4]
    kinds += ["merge-actor", "unmerge-actor"]
    moves = [
        Move(
            *(random.choice(kinds), random.randrange(9_000)),
            positions=tuple(position_draft() for _ in range(random.randint(1, 2))),
            words=f"Words {n}.",
            said_at=date(),
            actor=random.randrange(ACTORS),
            topic=random.randrange(TOPICS),
            basis=random.randrange(9_000),
        )
        for n in range(length)
    ]
    return History(tuple(moves), tuple(random.randint(1, 200) for _ in range(20)))
