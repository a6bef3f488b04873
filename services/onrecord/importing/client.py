"""Client of a running onrecord: batch lines to the write API, and ids looked up in the audit API.

Used by `run` and `dry_run`. The audit API reads the ledger itself, so an id is found there however
far the projections are behind.
"""

from collections.abc import Sequence
from uuid import UUID

import httpx2
from pydantic import BaseModel, ValidationError

from onrecord.domain.events import EVENT_CLASSES
from onrecord.domain.ids import EntityKind
from onrecord.ingest.schemas import LineResult


class ApiUnavailable(Exception):
    """The API cannot be reached, or does not answer as onrecord does."""


class KeyRefused(ApiUnavailable):
    """The API wants a key, or one with another scope."""


def open_client(address: str, key: str | None, *, timeout: float) -> httpx2.Client:
    """A client of the API at this address that sends this key, if any."""
    headers = {"Authorization": f"Bearer {key}"} if key else None
    return httpx2.Client(base_url=address, timeout=timeout, headers=headers)


def refusal_of_key(client: httpx2.Client, response: httpx2.Response) -> KeyRefused | None:
    """The error where the API refused the key of a request, or wants one."""
    if response.status_code not in (401, 403):
        return None
    try:
        detail = response.json()["detail"]
    except (ValueError, TypeError, KeyError):
        detail = response.text[:300]
    return KeyRefused(
        f"{client.base_url} answered {response.status_code}: {detail} Commands send the key in"
        " ONRECORD_KEY, else that of `onrecord up` in the file `key` of --data DIR."
    )


def send_lines(client: httpx2.Client, lines: Sequence[bytes]) -> list[LineResult]:
    """Record batch lines; a result for each, in order.

    Raises `ApiUnavailable`, after which the lines may be recorded or not.
    """
    try:
        response = client.post(
            "/v1/batch",
            content=b"\n".join(lines),
            headers={"Content-Type": "application/x-ndjson"},
        )
    except httpx2.TransportError as error:
        raise ApiUnavailable(
            f"{client.base_url} does not answer ({error}); is `onrecord up` running?"
        ) from None
    if response.status_code != 200:
        raise _bad_status(client, response)
    try:
        results = [LineResult.model_validate_json(line) for line in response.content.splitlines()]
    except ValidationError:
        raise _not_onrecord(client, response) from None
    if len(results) != len(lines):
        raise _not_onrecord(client, response)
    for result in results:
        if result.status == 503 and result.problem:  # it says nothing about the line
            raise ApiUnavailable(f"{client.base_url} answered: {result.problem['detail']}")
    return results


class NamedEntity(BaseModel):
    """An actor or topic of the read API, with the name that readers see."""

    id: str
    label: str


class SizeOfAnswer(BaseModel):
    """The `known` of an answer."""

    size: int


class NameCandidates(BaseModel):
    """What a spelling names, as `GET /v1/names` answers."""

    id: str | None
    matches: list[NamedEntity]
    nearest: list[NamedEntity]
    known: SizeOfAnswer


def only_match(id_: str) -> NameCandidates:
    """The answer for an id that is on record."""
    known = SizeOfAnswer(size=0)
    return NameCandidates(id=id_, matches=[], nearest=[], known=known)


def look_up_name(
    client: httpx2.Client, kind: str, name: str, known_size: int | None = None
) -> NameCandidates | None:
    """What a spelling names, or None if that cannot be looked up there. Raises `ApiUnavailable`."""
    params = {"kind": kind, "name": name}
    if known_size is not None:
        params["known_size"] = str(known_size)
    try:
        response = client.get("/v1/names", params=params)
    except httpx2.TransportError as error:
        raise ApiUnavailable(
            f"{client.base_url} does not answer ({error}); is `onrecord up` running?"
        ) from None
    if response.status_code == 422 and _faulty_parameters(response) == {"name"}:
        size = SizeOfAnswer(size=known_size or 0)  # nothing that could be a name, as punctuation
        return NameCandidates(id=None, matches=[], nearest=[], known=size)
    if response.status_code in (404, 405, 422):
        return None
    if response.status_code != 200:
        raise _bad_status(client, response)
    try:
        return NameCandidates.model_validate_json(response.content)
    except ValidationError:
        raise _not_onrecord(client, response) from None


def is_onrecord(client: httpx2.Client) -> bool:
    """Whether an onrecord with an audit API answers. Raises `KeyRefused`."""
    try:
        response = client.get("/v1/events", params={"limit": 1})
        if refusal := refusal_of_key(client, response):
            raise refusal
        page = response.json()
        return response.status_code == 200 and isinstance(page, dict) and "items" in page
    except (httpx2.TransportError, ValueError):
        return False


def kind_on_record(client: httpx2.Client, id_: UUID) -> EntityKind | None:
    """The kind of the entity with this id; None if none is on record. Raises `ApiUnavailable`."""
    try:
        response = client.get(f"/v1/events/{id_}")
    except httpx2.TransportError as error:
        raise ApiUnavailable(f"{client.base_url} does not answer any more ({error})") from None
    if response.status_code == 404:
        return None
    if response.status_code != 200:
        raise _bad_status(client, response)
    try:
        entry = response.json()["entry"]
        return EVENT_CLASSES[entry["type"], entry["version"]].makes
    except (ValueError, TypeError, KeyError):
        raise _not_onrecord(client, response) from None


def _faulty_parameters(response: httpx2.Response) -> set[str]:
    try:
        return {error["parameter"] for error in response.json()["errors"]}
    except (ValueError, KeyError, TypeError):
        return set()


def _bad_status(client: httpx2.Client, response: httpx2.Response) -> ApiUnavailable:
    return refusal_of_key(client, response) or ApiUnavailable(
        f"{client.base_url} answered {response.status_code}: {response.text[:300]}"
    )


def _not_onrecord(client: httpx2.Client, response: httpx2.Response) -> ApiUnavailable:
    return ApiUnavailable(
        f"{client.base_url} is no onrecord of this version: it answered {response.text[:100]!r};"
        " does --url name the right address?"
    )
