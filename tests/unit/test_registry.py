"""The registry of projections, and the subjects by which a rebuild splits the ledger."""

from onrecord.domain.events import EVENT_CLASSES
from onrecord.projections.registry import PROJECTIONS


def test_a_projection_comes_after_those_that_it_reads_from() -> None:
    before: set[str] = set()
    for projection in PROJECTIONS:
        assert before.issuperset(projection.reads_from), projection.name
        before.add(projection.name)


def test_what_a_projection_hears_are_types_of_events() -> None:
    heard = {type_ for one in PROJECTIONS for type_ in one.event_types or ()}
    assert set() == heard - {type_ for type_, _ in EVENT_CLASSES}
