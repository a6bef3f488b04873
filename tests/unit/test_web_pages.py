"""What the front page lists."""

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from onrecord.entrypoints.web_pages import install_pages

LISTS = {
    "read": {"actors", "topics", "positions", "statements", "changes"},
    "audit": {"events"},
    "webhooks": {"endpoints"},
}


@pytest.mark.parametrize("apis", [{"read", "audit"}, {"write", "webhooks"}, {*LISTS, "write"}])
def test_front_page_lists_what_its_process_answers(apis: set[str]) -> None:
    app = FastAPI()
    install_pages(app, apis)
    page = TestClient(app).get("/").text
    expected = set().union(*(lists for api, lists in LISTS.items() if api in apis))
    assert set(re.findall(r'href="/v1/(\w+)"', page)) == expected
    assert "$" not in page
