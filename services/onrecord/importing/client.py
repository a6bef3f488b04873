"""What commands ask a running onrecord: lines recorded, and ids and names looked up.

Used by the other modules and by `onrecord show`, through `onrecord.client`. The audit API reads the
ledger itself, so an id is found there however far the projections are behind.
"""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from onrecord.client import ApiUnavailable, Client, ProblemError, reads, writes
from onrecord.client.call import AnswerT, Call
from onrecord.client.parameters import EventSearch, NameParams
from onrecord.domain.events import EVENT_CLASSES
from onrecord.domain.ids import EntityKind
from onrecord.ingest.schemas import LineResult
from onrecord.query.answers.schemas import Known, NamesAnswer


class KeyRefused(ApiUnavailable):
    """The API wants a key, or one with another scope."""


def open_client(address: str, key: str | None, *, timeout: float) -> Client:
    """A client of the API at this address that sends this key, if any.

    It does not repeat requests: whoever runs a command sees at once what is wrong.
    """
    return Client(address, key, timeout=timeout, retries=0)


def send(client: Client, call: Call[AnswerT]) -> AnswerT:
    """The answer to a call. Raises `KeyRefused`, `ApiUnavailable` or `ProblemError`."""
    try:
        return client.send(call)
    except ProblemError as problem:
        if problem.status not in (401, 403):
            raise
        raise KeyRefused(
            f"{client.address} answered {problem.status}: {problem.detail} Commands send the"
            " key in ONRECORD_KEY, else that of `onrecord up` in the file `key` of --data DIR."
        ) from None
    except ApiUnavailable as error:
        raise ApiUnavailable(
            f"{error}; is `onrecord up` running there? For another address give --url."
        ) from None


def send_lines(client: Client, lines: Sequence[bytes]) -> list[LineResult]:
    """Record batch lines; a result for each, in order.

    Raises `ApiUnavailable`, after which the lines may be recorded or not.
    """
    try:
        results = send(client, writes.record_batch(b"\n".join(lines)))
    except ProblemError as problem:
        raise _refused(client, problem) from None
    if len(results) != len(lines):
        raise ApiUnavailable(
            f"{client.address} is no onrecord of this version: it answered {len(results)}"
            f" lines to {len(lines)}; does --url name the right address?"
        )
    for result in results:
        if result.status == 503 and result.problem:  # it says nothing about the line
            raise ApiUnavailable(f"{client.address} answered: {result.problem['detail']}")
    return results


def only_match(id_: str) -> NamesAnswer:
    """The answer for an id that is on record."""
    return _names_answer(id_, size=0)


def name_params(kind: Literal["actor", "topic"], name: str, known_size: int | None) -> NameParams:
    """Parameters that are not validated here: the API says what is wrong with a spelling."""
    return NameParams.model_construct(kind=kind, name=name, known_size=known_size)


def look_up_name(client: Client, name: NameParams) -> NamesAnswer | None:
    """What a spelling names, or None if that cannot be looked up there. Raises `ApiUnavailable`."""
    try:
        return send(client, reads.resolve_name(name))
    except ProblemError as problem:
        if problem.status == 422 and {"name"} == {e.get("parameter") for e in problem.errors}:
            # nothing that could be a name, as punctuation
            return _names_answer(None, size=name.known_size or 0)
        if problem.status in (404, 405, 422):
            return None
        raise _refused(client, problem) from None


def is_onrecord(client: Client) -> bool:
    """Whether an onrecord with an audit API answers. Raises `KeyRefused`."""
    try:
        send(client, reads.list_events(EventSearch(limit=1)))
    except KeyRefused:
        raise
    except (ApiUnavailable, ProblemError):
        return False
    return True


def kind_on_record(client: Client, id_: UUID) -> EntityKind | None:
    """The kind of the entity with this id; None if none is on record. Raises `ApiUnavailable`."""
    try:
        entry = send(client, reads.get_event(id_)).entry
    except ProblemError as problem:
        if problem.status == 404:
            return None
        raise _refused(client, problem) from None
    return EVENT_CLASSES[entry.type, entry.version].makes


def _names_answer(id_: str | None, *, size: int) -> NamesAnswer:
    known = Known(size=size, at=None, provisional=False)
    return NamesAnswer(id=id_, matches=[], nearest=[], known=known)


def _refused(client: Client, problem: ProblemError) -> ApiUnavailable:
    return ApiUnavailable(f"{client.address} answered {problem}")
