"""The stances, and their values on the scale from `oppose` to `support`."""

from typing import Final, Literal, get_args

Stance = Literal[
    "oppose",
    "conditional_oppose",
    "neutral",
    "conditional_support",
    "support",
    "mixed",
    "no_position",
]

STANCES: Final[tuple[Stance, ...]] = get_args(Stance)

SCALE: Final[dict[Stance, int]] = {
    "oppose": -2,
    "conditional_oppose": -1,
    "neutral": 0,
    "conditional_support": 1,
    "support": 2,
}
"""`mixed` and `no_position` lie off the scale."""

CONDITIONAL: Final[frozenset[Stance]] = frozenset({"conditional_oppose", "conditional_support"})
