"""The kinds of findings of the review: what on record asks to be looked at."""

from typing import Literal

FindingKind = Literal["contradiction", "unsupported", "same_words"]
FindingCertainty = Literal["definite", "possible"]
"""Possible: inexact dates leave open whether there is a contradiction."""
