"""Events of write requests: whatever the write API accepts, projections must be able to parse."""

from uuid import UUID, uuid4

from onrecord.domain.event_types import parse_event
from onrecord.domain.payload import split_payload
from onrecord.ingest import write_requests
from onrecord.ingest.schemas import StatementIn
from tests.support import bodies


def test_the_longest_basis_of_a_position_within_a_statement_can_be_parsed_again() -> None:
    id_, others = UUID(int=1), [str(uuid4()) for _ in range(63)]
    body = bodies.statement(positions=[bodies.additional_position(basis=others)])
    for proposed in write_requests.new_statement(StatementIn.model_validate(body), id_).events:
        event = proposed.event
        data, sections = split_payload(event)
        parsed = parse_event(event.type, event.version, data, sections.values())
        assert (data, sections) == split_payload(parsed)
