"""Folds of each projection: which rows they write for which events, in one page or in two."""

from uuid import UUID, uuid4

import pytest

from onrecord.domain.events import (
    ActorMerged,
    ActorRegistered,
    ActorUnmerged,
    FindingDismissed,
    PayloadErased,
    PositionRetracted,
    StatementMade,
    StatementRetracted,
    TopicRegistered,
    TopicRevised,
)
from onrecord.projections.actors import actors, merges
from onrecord.projections.changes.fold import changes
from onrecord.projections.clock import clock
from onrecord.projections.dismissals import dismissals
from onrecord.projections.engine.versions import NEVER
from onrecord.projections.positions import steps
from onrecord.projections.statements import statements
from onrecord.projections.topics import topics
from tests.support.folds import Folds
from tests.support.histories import corrected, position, request, statement_fields
from tests.support.store import Store

ANN, BETH = (ActorRegistered(id=slug, kind="person") for slug in ("ann", "beth"))
TALKS = TopicRegistered(id="talks")
FIRST, SECOND = UUID(int=1), UUID(int=2)


@pytest.fixture(params=["one page", "two pages"])
def folds(store: Store, request: pytest.FixtureRequest) -> Folds:
    return Folds(store, one_page=request.param == "one page")


def test_a_revised_topic_gets_a_second_version(folds: Folds) -> None:
    folds.given(TALKS).when(TopicRevised(id="talks", label="Talks")).then(
        topics,
        {"id": "talks", "label": None, "made_seq": 0, "open_seq": 0, "close_seq": 1},
        {"id": "talks", "label": "Talks", "made_seq": 0, "open_seq": 1, "close_seq": NEVER},
    )


def test_a_merge_lasts_until_its_unmerge(folds: Folds) -> None:
    folds.given(ANN, BETH, ActorMerged(actor="ann", into="beth"))
    folds.when(ActorUnmerged(actor="ann")).then(
        merges, {"id": "ann", "into_actor": "beth", "open_seq": 2, "close_seq": 3}
    )
    folds.then(actors, {"id": "ann", "close_seq": NEVER}, {"id": "beth", "close_seq": NEVER})


def test_a_corrected_position_keeps_the_seq_that_made_it(folds: Folds) -> None:
    folds.given(ANN, TALKS, request(FIRST, position(stance="support")))
    folds.when(corrected(FIRST, stance="oppose")).then(
        steps,
        {"id": FIRST, "stance": "support", "made_seq": 2, "open_seq": 2, "close_seq": 3},
        {"id": FIRST, "stance": "oppose", "made_seq": 2, "open_seq": 3, "close_seq": NEVER},
    )


def test_a_retracted_position_is_closed_by_its_retraction(folds: Folds) -> None:
    folds.given(ANN, TALKS, request(FIRST, position()))
    folds.when(PositionRetracted(target=FIRST, by="us")).then(
        steps, {"id": FIRST, "close_seq": 3, "close_type": "position.retracted", "close_by": "us"}
    )


def test_a_late_arrival_changes_only_the_step_after_it(folds: Folds) -> None:
    folds.given(ANN, TALKS, request(FIRST, position(stance="oppose", effective="2022")))
    folds.when(request(SECOND, position(stance="support", effective="2021"))).then(
        changes,
        {"id": FIRST, "kind": "adopted", "before_id": None, "late": False, "close_seq": 3},
        {"id": SECOND, "kind": "adopted", "before_id": None, "late": True, "close_seq": NEVER},
        {"id": FIRST, "kind": "reversed", "before_id": SECOND, "late": False, "close_seq": NEVER},
    )


def test_a_merge_moves_the_steps_of_an_actor_to_another_timeline(folds: Folds) -> None:
    folds.given(ANN, BETH, TALKS, request(FIRST, position(actor="ann")))
    folds.when(ActorMerged(actor="ann", into="beth")).then(
        changes,
        {"actor": "ann", "recorded_as": "ann", "open_seq": 3, "close_seq": 4},
        {"actor": "beth", "recorded_as": "ann", "open_seq": 4, "close_seq": NEVER},
    )


def test_a_retracted_statement_is_closed_by_its_retraction(folds: Folds) -> None:
    id_ = uuid4()
    folds.given(
        ANN, TALKS, request(id_, StatementMade.model_validate(statement_fields("ann", "talks")))
    )
    folds.when(StatementRetracted(target=id_, by="outlet")).then(
        statements, {"id": id_, "actors": ["ann"], "topics": ["talks"], "close_seq": 3}
    )


def test_the_clock_has_a_row_for_each_commit(folds: Folds) -> None:
    folds.given(ANN).when(BETH).then(clock, {"open_seq": 0, "size": 1}, {"open_seq": 1, "size": 2})


def test_a_dismissal_lasts_until_what_it_is_about_changes(folds: Folds) -> None:
    made = StatementMade.model_validate(statement_fields("ann", "talks"))
    words = {"kind": "same_words", "certainty": "definite", "statements": [SECOND, FIRST]}
    fields = {**words, "known_size": 4, "reason": "Two interviews."}
    dismissed = FindingDismissed.model_validate(fields)
    folds.given(ANN, TALKS, request(FIRST, made), request(SECOND, made), dismissed)
    folds.when(
        PayloadErased(target=FIRST, sections=("reason",), ground="gdpr-17"),
        dismissed.model_copy(update={"known_size": 6}),
        StatementRetracted(target=FIRST, by="us"),
        StatementRetracted(target=SECOND, by="us"),
    ).then(
        dismissals,
        {"open_seq": 4, "close_seq": 7, "reason": None, "erased": "gdpr-17"},
        {"open_seq": 6, "close_seq": 7, "reason": "Two interviews.", "erased": None},
    )
