"""Prometheus metrics of appends. Used by the committer."""

from collections import Counter as Counts
from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from onrecord.domain.requests import Refusal
from onrecord.ledger.evaluate import Answer
from onrecord.ledger.outcomes import WriteOutcome

SECONDS: Final = Histogram(
    "onrecord_append_seconds",
    "From the begin of a batch to its commit.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
BATCH_SIZE: Final = Histogram(
    "onrecord_append_batch_size",
    "Writes in a batch.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
)
WRITES: Final = Counter(
    "onrecord_append_writes", "Writes that were evaluated, by outcome.", ["outcome"]
)
PENDING: Final = Gauge("onrecord_append_pending", "Writes that wait for the next batch.")


def note_append(outcomes: Sequence[WriteOutcome], seconds: float) -> None:
    """Note a batch that was recorded, or failed, after so many seconds."""
    SECONDS.observe(seconds)
    BATCH_SIZE.observe(len(outcomes))
    for name, count in Counts(map(_name_of, outcomes)).items():
        WRITES.labels(name).inc(count)


def _name_of(outcome: WriteOutcome) -> str:
    if isinstance(outcome, Answer):
        return "repeated" if outcome.repeated else "recorded"
    return "refused" if isinstance(outcome, Refusal) else "failed"
