"""The registry of projections, and the subjects by which a rebuild splits the ledger."""

from onrecord.domain.events import EVENT_CLASSES
from onrecord.projections.registry import PROJECTIONS


def test_a_projection_comes_after_those_that_it_reads_from() -> None:
    before: set[str] = set()
    for projection in PROJECTIONS:
        assert before.issuperset(projection.reads_from), projection.name
        before.add(projection.name)


def test_a_projection_folds_only_types_of_events_that_exist() -> None:
    folded = {type_ for projection in PROJECTIONS for type_ in projection.event_types or ()}
    assert set() == folded - {type_ for type_, _ in EVENT_CLASSES}
