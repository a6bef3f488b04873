"""Tests of who may use the pages to write: the scope, the cookie and the origin."""

from typing import Final
from uuid import UUID

import pytest
from httpx2 import Client

from tests.support import keys
from tests.support.bodies import get, ledger_size
from tests.support.html_forms import HtmlForm
from tests.support.store import Store

HTML: Final = {"Accept": "text/html"}
READER: Final = UUID(int=7)
WRITES: Final = [
    "/new/statement",
    "/new/position",
    f"/statements/{READER}/correct",
    f"/statements/{READER}/erase",
    f"/positions/{READER}/retract",
    "/actors/emma/merge",
]


@pytest.mark.parametrize("path", WRITES)
def test_pages_to_write_need_the_scope_and_an_origin_of_this_service(
    client: Client, store: Store, path: str
) -> None:
    reader = keys.give_key(store.url, "read", id_=READER)
    answer = client.get(path, headers={**HTML, **reader})
    assert answer.status_code == 403
    assert "This needs a key with scope write" in answer.text
    form = HtmlForm(path, "post", [("id", str(READER))])
    assert form.send(client, **reader).status_code == 403
    assert form.send(client, Origin="https://evil.example").status_code == 403
    cookie = {"Cookie": f"onrecord_key={keys.TOKEN}"}
    del client.headers["Authorization"]
    assert client.get(path, headers=HTML).status_code == 401
    without_origin = client.post(path, data={"id": str(READER)}, headers=cookie)
    assert without_origin.status_code == 401
    assert form.send(client, **cookie).status_code in (200, 404, 422)
    assert ledger_size(store.url) == 0


def test_a_key_of_scope_write_alone_may_use_its_pages(client: Client, store: Store) -> None:
    headers = keys.give_key(store.url, "write", id_=READER)
    assert client.get("/new/statement", headers={**HTML, **headers}).status_code == 200
    assert get(client, "/v1/me")["scopes"]
