"""Keys over HTTP: what each scope may do, how keys come and go, and what they leave on record."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from uuid import uuid4

import httpx2
import pytest

from onrecord.access.required_scopes import required_scope
from onrecord.access.tokens import new_token
from onrecord.domain.ids import new_id
from onrecord.domain.scopes import ALL_SCOPES, KeyScope
from tests.support import postgres
from tests.support.bodies import get, register_all
from tests.support.keys import KEY_ID, TOKEN, give_key
from tests.support.store import Store, open_store, run_api
from tests.unit.test_required_scopes import ROUTES

BEARER: Final = 'Bearer realm="onrecord"'


class Api(NamedTuple):
    """An API with a key of each scope, and none by default."""

    client: httpx2.Client
    store: Store
    keys: dict[KeyScope, dict[str, str]]


@pytest.fixture(scope="module")
def api(server_url: str, template: str) -> Iterator[Api]:
    with (
        postgres.database(server_url, template) as url,
        open_store(url) as store,
        run_api(url, rate_per_address="10000/second") as client,
    ):
        register_all(client)
        keys = {scope: give_key(url, scope, id_=new_id()) for scope in ALL_SCOPES}
        yield Api(client, store, keys)


def anonymous(api: Api) -> httpx2.Client:
    return httpx2.Client(base_url=api.client.base_url, timeout=120, verify=False)


def requests() -> Iterator[tuple[str, str, str]]:
    """A request of each route, and what it needs."""
    for method, path in ROUTES:
        address = re.sub(r"\{.*?\}", str(uuid4()), str(path))
        yield method, address, required_scope(method, address)


def problem_code(answer: httpx2.Response) -> str:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return str(answer.json()["type"].rpartition("/")[2])


@pytest.mark.parametrize("scope", ALL_SCOPES)
def test_a_key_may_do_what_its_scopes_say_and_nothing_else(api: Api, scope: KeyScope) -> None:
    with anonymous(api) as client:
        client.headers |= api.keys[scope]
        for method, path, needed in requests():
            answer = client.request(method, path)
            if needed in (scope, "open", "any key"):
                assert answer.status_code not in (401, 403), (method, path, answer.text)
                continue
            assert (403, "scope-missing") == (answer.status_code, problem_code(answer)), path
            assert needed == answer.json()["scope"]
            assert (
                f'error="insufficient_scope", scope="{needed}"'
                in (answer.headers["WWW-Authenticate"])
            )
            assert f"needs a key with scope {needed}; yours has {scope}" in answer.json()["detail"]


def test_without_a_key_nothing_is_answered_but_what_is_open(api: Api) -> None:
    with anonymous(api) as client:
        for method, path, needed in requests():
            answer = client.request(method, path)
            if needed == "open":
                assert answer.status_code not in (401, 403), path
                continue
            assert (401, "key-required") == (answer.status_code, problem_code(answer)), path
            assert answer.headers["WWW-Authenticate"] == BEARER
            assert "onrecord keys create" in answer.json()["detail"]


def test_reads_may_be_open_to_all_and_nothing_else(api: Api) -> None:
    with run_api(api.store.url, public_reads=True, rate_per_address="10000/second") as client:
        del client.headers["Authorization"]
        for method, path, needed in requests():
            refused = client.request(method, path).status_code == 401
            assert refused == (needed not in ("open", "read", "any key")), (method, path)
        nobody = {"id": None, "name": None, "scopes": ["read"], "expires_at": None}
        assert get(client, "/v1/me") == nobody
        wrong = client.get("/v1/actors", headers={"Authorization": f"Bearer {new_token(KEY_ID)}"})
        assert wrong.status_code == 401
        assert client.get("/v1/actors", headers=api.keys["webhooks"]).status_code == 200


OTHER: Final = new_token(uuid4())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer{TOKEN}",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN} {TOKEN}",
        f"Bearer {TOKEN},",
        f"Bearer {TOKEN.upper()}",
        f"Bearer\t{TOKEN}",
        f"Bearer {TOKEN[:41]}_{'0' * 64}",
        f"Bearer {OTHER[:42]}{TOKEN[42:]}",
        f"Bearer {OTHER}",
        f"Bearer {'a' * 8_000}",
        "Bearer \xff\xfe",
        "Bearer onrecord_' OR 1=1 --",
    ],
)
def test_what_is_no_key_is_refused(api: Api, header: str) -> None:
    with anonymous(api) as client:
        answer = client.get("/v1/me", headers=[(b"authorization", header.encode("latin-1"))])
    assert (401, "key-invalid") == (answer.status_code, problem_code(answer))
    assert answer.headers["WWW-Authenticate"] == f'{BEARER}, error="invalid_token"'
    assert TOKEN not in answer.text


@pytest.mark.parametrize("suffix", ["%0A", "%0a", "%0A.csv"])
def test_a_line_break_in_an_address_leads_nowhere(api: Api, suffix: str) -> None:
    """`$` of a route's pattern matches before one too, so it once led past the scopes of keys."""
    new_key = {"name": "taken", "scopes": ["admin"]}
    with anonymous(api) as client:
        refused = client.post(f"/v1/keys{suffix}", json=new_key, headers=api.keys["write"])
        assert refused.status_code == 403
        assert client.get(f"/v1/keys{suffix}", headers=api.keys["read"]).status_code == 403
        assert client.get(f"/v1/endpoints{suffix}", headers=api.keys["read"]).status_code == 403
        assert client.get(f"/v1/keys{suffix}", headers=api.keys["admin"]).status_code == 404
        assert client.get(f"/v1/actors{suffix}", headers=api.keys["read"]).status_code == 404
