"""Is the list of projections one that can be walked from first to last?"""

from onrecord.domain.events import EVENT_CLASSES
from onrecord.projections.registry import PROJECTIONS


def test_what_reads_the_rows_of_another_projection_comes_later() -> None:
    names = [one.name for one in PROJECTIONS]
    early = [one.name for n, one in enumerate(PROJECTIONS) if not set(one.after) <= {*names[:n]}]
    assert [] == early


def test_what_a_projection_hears_are_types_of_events() -> None:
    heard = {type_ for one in PROJECTIONS for type_ in one.hears or ()}
    assert set() == heard - {type_ for type_, _ in EVENT_CLASSES}
