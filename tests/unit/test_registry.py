"""The registry of projections, and the subjects by which a rebuild splits the ledger."""

from onrecord.domain.events import EVENT_CLASSES
from onrecord.projections.registry import PROJECTIONS


def test_a_projection_comes_after_those_that_it_reads_from() -> None:
    before: set[str] = set()
    for projection in PROJECTIONS:
        assert before.issuperset(projection.reads_from), projection.name
        before.add(projection.name)


def test_the_event_types_of_projections_exist() -> None:
    types = {type_ for projection in PROJECTIONS for type_ in projection.event_types or ()}
    assert set() == types - {type_ for type_, _ in EVENT_CLASSES}


def test_an_event_that_amends_or_erases_names_its_subject_in_a_required_field() -> None:
    for cls in EVENT_CLASSES.values():
        if cls.amends or cls.erases:
            assert cls.subject_field is not None, cls
        if cls.subject_field is not None:
            assert cls.model_fields[cls.subject_field].is_required(), cls


def test_all_versions_of_an_event_type_name_their_subject_in_the_same_field() -> None:
    fields: dict[str, str | None] = {}
    for (type_, _), cls in EVENT_CLASSES.items():
        assert cls.subject_field == fields.setdefault(type_, cls.subject_field)
